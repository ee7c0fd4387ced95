using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Operations.Inspection;

namespace Pipeline.Operations.Tables;

/// <param name="CommitsMax">At most so many, the newest first.</param>
public sealed record TableHistoryRequest(TableId Table, int CommitsMax);

/// <summary>A commit as its writer described it; what it did not say is null or empty.</summary>
public sealed record TableCommit(long Version, DateTimeOffset? CommittedAt, string? Operation, IReadOnlyDictionary<string, string> Parameters,
    IReadOnlyDictionary<string, string> Metrics);

public sealed record TableHistoryResult(IReadOnlyList<TableCommit> Commits);

/// <summary>The commits of a table that are still in its log.</summary>
public static class TableHistory
{
    private static readonly IReadOnlyDictionary<string, string> Nothing = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <exception cref="PipelineException">There is no such table.</exception>
    public static async Task<TableHistoryResult> RunAsync(TableHistoryRequest request, Lake lake, CancellationToken cancellationToken)
    {
        var table = await LakeInventory.OpenAsync(lake, request.Table, cancellationToken);
        var commits = new List<TableCommit>();
        await foreach (var (version, info) in table.HistoryAsync(cancellationToken))
        {
            if (commits.Count == request.CommitsMax) break;
            commits.Add(new TableCommit(version, info?.Timestamp, info?.Operation, info?.OperationParameters ?? Nothing, info?.OperationMetrics ?? Nothing));
        }

        return new TableHistoryResult(commits);
    }
}
