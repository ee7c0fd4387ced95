using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Transform;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;

namespace Pipeline.Operations.Quarantines;

/// <param name="Table">A Silver table.</param>
public sealed record RedriveQuarantineRequest(TableId Table);

/// <summary>Judges rows that were set aside again, by the contract as it is now.</summary>
public static class RedriveQuarantine
{
    /// <exception cref="PipelineException">No such table is configured, or its run cannot be.</exception>
    public static Task<RedrivenQuarantine> RunAsync(RedriveQuarantineRequest request, TransformGraph graph, TransformOptions options, Lake lake, TimeProvider time, CancellationToken cancellationToken) =>
        new QuarantineRedrive(lake, graph, ShowQuarantine.SilverOf(graph, request.Table), options, time).RunAsync(cancellationToken);
}
