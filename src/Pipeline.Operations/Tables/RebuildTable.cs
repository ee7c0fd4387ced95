using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Transform;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs.Rebuild;

namespace Pipeline.Operations.Tables;

/// <param name="WithDependents">Also what refers to it, and what is made of all these.</param>
public sealed record RebuildTableRequest(TableId Table, bool WithDependents);

/// <param name="Tables">In the order in which they were made.</param>
public sealed record RebuildTableResult(IReadOnlyList<RebuiltTable> Tables);

/// <summary>Makes Silver and Gold tables anew from what their inputs hold now.</summary>
public static class RebuildTable
{
    /// <param name="onRebuilt">Told of each that is done.</param>
    /// <exception cref="PipelineException">There is no such table, or one cannot be rebuilt: those before are done, and called again it goes on.</exception>
    public static async Task<RebuildTableResult> RunAsync(RebuildTableRequest request, TransformGraph graph, TransformOptions options, Lake lake, TimeProvider time, Action<RebuiltTable> onRebuilt,
        CancellationToken cancellationToken)
    {
        if (!graph.Tables.Contains(request.Table))
            throw new PipelineException(FaultKind.Invalid, $"Table {request.Table}", request.Table.Layer == Layer.Bronze ? "what a source has brought is made of nothing else" : "it is not configured",
                $"Choose from: {string.Join(", ", graph.Tables)}.");
        var rebuilt = new List<RebuiltTable>();
        await new TableRebuild(lake, graph, options, time).RunAsync(request.Table, request.WithDependents, table =>
        {
            rebuilt.Add(table);
            onRebuilt(table);
        }, cancellationToken);
        return new RebuildTableResult(rebuilt);
    }
}
