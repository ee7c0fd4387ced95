using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Ingest;
using Pipeline.Transform.Coordination;

namespace Pipeline.Operations.Control;

/// <summary>How the tables are that a node works on, in the words of all nodes. Remembers since when, and how many rows there were.</summary>
internal sealed class WorkReports(TimeProvider time)
{
    /// <summary>The rate of a shorter time says more about the look than about the table.</summary>
    private static readonly TimeSpan RateSpan = TimeSpan.FromSeconds(5);

    private readonly Dictionary<TableId, (WorkState State, DateTimeOffset Since)> _since = [];
    private readonly Dictionary<TableId, (long At, long Rows, double? PerSecond)> _rates = [];

    public IReadOnlyDictionary<TableId, TableReport> Of(IngestStatus ingest, CoordinatorBoard board, StandingTables standing)
    {
        var now = time.GetUtcNow();
        var reports = new Dictionary<TableId, TableReport>();
        var workers = ingest.Workers.ToLookup(worker => worker.Table);
        foreach (var table in ingest.Tables)
        {
            var state = StateOf(table.State);
            reports[table.Table] = new TableReport(table.Table, state, SinceOf(table.Table, state, now), table.Version < 0 ? null : table.Version, table.Rows, RateOf(table.Table, table.Rows), Pending: 0)
            {
                LastAt = table.LastCommitAt, Fault = ReportedFault.Of(table.LastFault), ReflectsUntil = Reflects(table.Table),
                Workers = [.. workers[table.Table].OrderBy(worker => worker.Worker).Select(worker => new WorkerLine(worker.Worker, StateOf(worker.State), worker.Splits.Length))],
            };
        }

        var faults = standing.All.ToDictionary(table => table.Table, table => table.Fault);
        foreach (var table in board.Status?.Tables ?? [])
        {
            var state = StateOf(table.Activity);
            reports[table.Table] = new TableReport(table.Table, state, SinceOf(table.Table, state, now), table.Version, table.Rows, table is { Rows: { } rows, LastTook: { TotalSeconds: > 0 } took } ? rows / took.TotalSeconds : null, table.PendingRows)
            {
                PendingSince = table.PendingSince, LastAt = table.LastRunAt, Run = table.Run, Running = table.Running, Runner = table.Runner, FailedBefore = table.FailedBefore, ReflectsUntil = Reflects(table.Table) ?? table.ReflectsUntil,
                Fault = table.Error is null ? null : ReportedFault.Of(faults.GetValueOrDefault(table.Table)) ?? new ReportedFault(FaultKind.Invalid, table.Table.ToString(), table.Error, ""),
            };
        }

        // Of Bronze tables that are read elsewhere the coordinator's node knows how fresh they are.
        foreach (var (table, until) in board.Reflected)
            if (!reports.ContainsKey(table)) reports[table] = new TableReport(table, WorkState.Current, SinceOf(table, WorkState.Current, now), Version: null, Rows: null, RowsPerSecond: null, Pending: 0) { ReflectsUntil = until };
        foreach (var gone in _since.Keys.Except(reports.Keys).ToList()) _since.Remove(gone);
        return reports;

        DateTimeOffset? Reflects(TableId table) => board.Reflected.TryGetValue(table, out var until) ? until : null;
    }

    internal static WorkState StateOf(IngestState state) => state switch
    {
        IngestState.Starting => WorkState.Starting,
        IngestState.Running => WorkState.Reading,
        IngestState.Retrying => WorkState.Retrying,
        IngestState.Draining => WorkState.Draining,
        IngestState.Paused => WorkState.Paused,
        _ => WorkState.Halted,
    };

    internal static WorkState StateOf(TableActivity activity) => activity switch
    {
        TableActivity.Current => WorkState.Current,
        TableActivity.Waiting => WorkState.Waiting,
        TableActivity.Running => WorkState.Running,
        TableActivity.BackingOff => WorkState.Retrying,
        TableActivity.Paused => WorkState.Paused,
        _ => WorkState.Halted,
    };

    private DateTimeOffset SinceOf(TableId table, WorkState state, DateTimeOffset now)
    {
        if (!_since.TryGetValue(table, out var known) || known.State != state) _since[table] = known = (state, now);
        return known.Since;
    }

    private double? RateOf(TableId table, long rows)
    {
        var at = time.GetTimestamp();
        if (!_rates.TryGetValue(table, out var known) || rows < known.Rows) _rates[table] = known = (at, rows, null);
        else if (time.GetElapsedTime(known.At, at) is var span && span >= RateSpan) _rates[table] = known = (at, rows, (rows - known.Rows) / span.TotalSeconds);
        return known.PerSecond;
    }
}
