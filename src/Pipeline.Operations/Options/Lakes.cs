using Pipeline.Delta;
using Pipeline.Delta.Storage;

namespace Pipeline.Operations.Options;

public static class Lakes
{
    public static Lake Open(LakeOptions options, TimeProvider time) => new(ObjectStores.Open(options.Location, options.S3, time), time);
}
