using Pipeline.Core;

namespace Pipeline.Sources.Postgres.Client;

/// <summary>What a server sent is not what its protocol says: the one error of everything that takes its messages apart.</summary>
internal static class WireFault
{
    public static PipelineException Of(string cause, Exception? inner = null) => new(FaultKind.Damaged, "PostgreSQL",
        inner is null ? cause : $"{cause} cannot be understood: {DataFaults.Cause(inner)}", "Report the server's version, and look at what stands between it and this node.", inner);
}
