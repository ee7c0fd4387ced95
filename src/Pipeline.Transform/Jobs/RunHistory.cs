using System.Runtime.CompilerServices;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Jobs;

/// <summary>Runs of a table, as its log tells them.</summary>
internal static class RunHistory
{
    /// <summary>The commit that a run made in a table; null when it made none or the log no longer has it.</summary>
    public static async ValueTask<(long Version, JobPins Pins, CommitInfo Info)?> FindAsync(DeltaTable table, long run, CancellationToken cancellationToken)
    {
        await foreach (var made in AllAsync(table, cancellationToken))
        {
            if (made.Pins.Run == run) return made;
            if (made.Pins.Run < run) return null;
        }

        return null;
    }

    /// <summary>The commits that runs made in a table, the newest first, as far as the log has them.</summary>
    /// <exception cref="PipelineException">One of them does not say what it was made from.</exception>
    public static async IAsyncEnumerable<(long Version, JobPins Pins, CommitInfo Info)> AllAsync(DeltaTable table, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var (version, info) in table.HistoryAsync(cancellationToken))
            if (info is not null && info.OperationParameters.TryGetValue(JobPins.Parameter, out var json)) yield return (version, PinsOf(table, version, json), info);
    }

    private static JobPins PinsOf(DeltaTable table, long version, string json)
    {
        try
        {
            return JobPins.FromJson(json);
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            throw new PipelineException(FaultKind.Damaged, $"Table {table.Path}", $"its version {version} says in a way that cannot be read what run made it ({DataFaults.Cause(e)})",
                "Restore the log if it was tampered with; if another program has made the version, delete the table so that it is made again.", e);
        }
    }

    /// <summary>The last run of a Silver table that is not there: 0, or what the tables beside it remember of one that was.</summary>
    public static async ValueTask<long> LastOfAsync(OpenTables tables, TableId id, CancellationToken cancellationToken)
    {
        var last = (await tables.TryOpenAsync(QualityTable.Id, cancellationToken))?.Current.Position(id) ?? 0;
        foreach (var beside in new[] { TableId.Quarantine(id.Name), SilverTables.Deleted(id) })
            last = Math.Max(last, (await tables.TryOpenAsync(beside, cancellationToken))?.Current.Position(JobPins.RunAppId) ?? 0);
        return last;
    }

    /// <summary>
    /// The last run of a Silver table when it was cut off between the commits of its tables; null when it is over. The
    /// quality row is a run's last commit: without it the run is not over.
    /// </summary>
    public static async ValueTask<JobPins?> UnfinishedAsync(OpenTables tables, TableId id, DeltaTable silver, CancellationToken cancellationToken)
    {
        if (silver.Current.Position(JobPins.RunAppId) is not { } run) return null;
        if (await tables.TryOpenAsync(QualityTable.Id, cancellationToken) is { } quality && quality.Current.Position(id) >= run) return null;
        return (await FindAsync(silver, run, cancellationToken))?.Pins ?? throw new PipelineException(FaultKind.Damaged, $"Table {silver.Path}",
            $"run {run} has not finished and its commit is no longer in the log", $"Restore the log, or run './pipeline rebuild {id}'.");
    }
}
