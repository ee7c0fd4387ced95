using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Transform;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs.Rebuild;

namespace Pipeline.Operations.Tables;

/// <param name="Tables">Each after those that it reads. Of Bronze tables among them nothing is done, as long as there are others.</param>
public sealed record RebuildTableRequest(IReadOnlyList<TableId> Tables);

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
        var tables = request.Tables.Where(table => table.Layer != Layer.Bronze).ToList();
        if (tables.FirstOrDefault(table => !graph.Tables.Contains(table)) is { } unknown) throw Not(unknown, "it is not configured");
        if (tables.Count == 0) throw Not(request.Tables[0], "what a source has brought is made of nothing else");
        var rebuilt = new List<RebuiltTable>();
        await new TableRebuild(lake, graph, options, time).RunAsync(tables, table =>
        {
            rebuilt.Add(table);
            onRebuilt(table);
        }, cancellationToken);
        return new RebuildTableResult(rebuilt);

        PipelineException Not(TableId table, string cause) => new(FaultKind.Invalid, $"Table {table}", cause, $"Choose from: {string.Join(", ", graph.Tables)}.");
    }
}
