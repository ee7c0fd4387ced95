using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Node.Configuration;

namespace Pipeline.Node.Composition;

internal static class Lakes
{
    public static Lake Open(LakeOptions options, TimeProvider time) => new(ObjectStores.Open(options.Location, options.S3, time), time);
}
