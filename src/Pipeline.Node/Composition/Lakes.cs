using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Node.Configuration;

namespace Pipeline.Node.Composition;

internal static class Lakes
{
    public static Lake Open(LakeOptions options, TimeProvider time) => new(OpenStore(options), time);

    private static IObjectStore OpenStore(LakeOptions options) =>
        options.Location.StartsWith("s3://", StringComparison.Ordinal)
            ? throw new PipelineException(FaultKind.Invalid, $"Lake {options.Location}", "lakes on S3 are not built into this node yet", "Choose a directory.")
            : new LocalObjectStore(options.Location);
}
