using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Operations.Inspection;
using Pipeline.Transform;
using Pipeline.Transform.Jobs;

namespace Pipeline.Operations.Tables;

/// <param name="CommitsMax">At most so many, the newest first.</param>
/// <param name="Before">Only commits before this version; null: from the newest on.</param>
public sealed record TableHistoryRequest(TableId Table, int CommitsMax, long? Before = null);

/// <summary>A commit as its writer described it; what it did not say is null or empty.</summary>
public sealed record TableCommit(long Version, DateTimeOffset? CommittedAt, string? Operation, IReadOnlyDictionary<string, string> Parameters,
    IReadOnlyDictionary<string, string> Metrics)
{
    /// <summary>What has executed the run that made it; null: no run has.</summary>
    public string? Engine { get; init; }

    /// <summary>Why that; null: there was no other.</summary>
    public string? EngineWhy { get; init; }
}

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
            if (version >= request.Before) continue;
            var pins = PinsOf(info?.OperationParameters);
            commits.Add(new TableCommit(version, info?.Timestamp, info?.Operation, info?.OperationParameters ?? Nothing, info?.OperationMetrics ?? Nothing)
            {
                Engine = pins is null ? null : pins.Engine ?? EngineKinds.InProcess, EngineWhy = pins?.EngineWhy,
            });
        }

        return new TableHistoryResult(commits);
    }

    /// <summary>Null also of a run that is told in no way that can be read: it is shown with all that it says.</summary>
    private static JobPins? PinsOf(IReadOnlyDictionary<string, string>? parameters)
    {
        try
        {
            return parameters?.TryGetValue(JobPins.Parameter, out var json) == true ? JobPins.FromJson(json) : null;
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            return null;
        }
    }
}
