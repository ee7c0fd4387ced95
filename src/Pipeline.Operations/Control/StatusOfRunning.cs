using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Operations.Options;
using Pipeline.Transform.Graph;

namespace Pipeline.Operations.Control;

/// <summary>Why a table does not go on.</summary>
public enum WaitCause
{
    /// <summary>An operator wants it to rest.</summary>
    Wish,

    /// <summary>Somebody has to mend something.</summary>
    Mend,

    /// <summary>Something it needs does not answer.</summary>
    Away,

    /// <summary>One that it is made from waits.</summary>
    Input,

    /// <summary>Not all nodes' configurations say the same of it.</summary>
    Configuration,

    /// <summary>It runs at certain times only.</summary>
    Schedule,

    /// <summary>Its inputs have advanced; it waits for its turn.</summary>
    Turn,
}

/// <summary>What a table waits for.</summary>
/// <param name="Thing">The source, server or table that is waited for, who wants it so, or the times of a schedule.</param>
/// <param name="Why">The cause of a fault, or what an operator said; null: nothing is known but <paramref name="Cause"/>.</param>
public sealed record TableWait(WaitCause Cause, string Thing, string? Why);

/// <summary>A table of a running pipeline.</summary>
/// <param name="Lag">How old what it reflects of its sources is; null: nobody knows.</param>
/// <param name="Sla">How old it may be.</param>
/// <param name="Wait">What it waits for; null: it goes on.</param>
public sealed record RunningTable(TableLine Line, TimeSpan? Lag, TimeSpan Sla, TableWait? Wait)
{
    public bool IsLate => Lag > Sla;
}

/// <summary>A source of a running pipeline, over its tables.</summary>
/// <param name="Tables">How many of it are known.</param>
/// <param name="State">The worst.</param>
/// <param name="Lag">The greatest; null: nobody knows any.</param>
/// <param name="RowsPerSecond">Of all; null: of none it is known.</param>
/// <param name="Fault">Of the worst table.</param>
public sealed record RunningSource(string Name, string? Kind, int Tables, WorkState State, TimeSpan? Lag, double? RowsPerSecond, ReportedFault? Fault);

/// <summary>How a running pipeline is.</summary>
/// <param name="Tables">By their names.</param>
public sealed record RunningStatus(PipelineStatus Status, IReadOnlyList<RunningSource> Sources, IReadOnlyList<RunningTable> Tables);

/// <summary>What the nodes' reports mean: how late each table is against what is promised, and what waits for what. Nothing is read.</summary>
public static class StatusOfRunning
{
    public static RunningStatus Of(PipelineStatus status, PipelineOptions options) =>
        Of(status, options.Graph, options.Freshness.SlaOf, options.Sources.ToDictionary(source => source.Name, source => source.Kind, StringComparer.Ordinal));

    /// <param name="kinds">Of the configured sources.</param>
    internal static RunningStatus Of(PipelineStatus status, TransformGraph graph, Func<TableId, TimeSpan> slaOf, IReadOnlyDictionary<string, string> kinds)
    {
        status = status with { Tables = [.. status.Tables.Concat(SilentOf(status)).OrderBy(line => line.Table, TableId.ByName)] };
        var waits = new Waits(status, graph);
        var tables = status.Tables.Select(line => new RunningTable(line, line.Report.ReflectsUntil is { } until ? status.At.Since(until) : null, slaOf(line.Table), waits.Of(line.Table))).ToList();
        var sources = tables.Where(table => table.Line.Table.Source is not null).GroupBy(table => table.Line.Table.Source!, StringComparer.Ordinal)
            .OrderBy(source => source.Key, StringComparer.Ordinal).Select(source => SourceOf(source.Key, kinds.GetValueOrDefault(source.Key), [.. source]));
        return new RunningStatus(status, [.. sources], tables);
    }

    /// <summary>Tables that no node tells of, since those that know them leave them alone.</summary>
    private static IEnumerable<TableLine> SilentOf(PipelineStatus status)
    {
        var told = status.Tables.Select(line => line.Table).ToHashSet();
        return status.Unlike.Where(table => told.Add(table.Table)).Select(table => new TableLine(
            new TableReport(table.Table, WorkState.Paused, status.Nodes.FirstOrDefault(node => node.Facts.Node == table.Newest)?.Facts.StartedAt ?? status.At, Version: null, Rows: null, RowsPerSecond: null, Pending: 0),
            ImmutableDictionary<string, ImmutableArray<WorkerLine>>.Empty));
    }

    private static RunningSource SourceOf(string name, string? kind, IReadOnlyList<RunningTable> tables)
    {
        var worst = tables.MaxBy(table => table.Line.Report.State)!.Line.Report;
        var known = tables.Where(table => table.Line.Report.RowsPerSecond is not null).ToList();
        return new RunningSource(name, kind, tables.Count, worst.State, tables.Max(table => table.Lag), known.Count == 0 ? null : known.Sum(table => table.Line.Report.RowsPerSecond), worst.Fault);
    }

    private sealed class Waits(PipelineStatus status, TransformGraph graph)
    {
        private readonly Dictionary<TableId, TableLine> _lines = status.Tables.ToDictionary(line => line.Table);
        private readonly Dictionary<TableId, UnlikeTable> _unlike = status.Unlike.DistinctBy(table => table.Table).ToDictionary(table => table.Table);
        private readonly Dictionary<TableId, TableWait?> _known = [];
        private readonly ControlState _wanted = new(Identity: null, Number: 0, [.. status.Wishes], []);

        /// <summary>What keeps a table itself comes first, then what keeps one that it is made from, then its turn.</summary>
        public TableWait? Of(TableId table)
        {
            if (_known.TryGetValue(table, out var known)) return known;
            var line = _lines.GetValueOrDefault(table);
            return _known[table] = (line is null ? null : OwnOf(line)) ?? InputOf(table) ?? (line is { Report.State: WorkState.Waiting } ? TurnOf(table) : null);
        }

        private TableWait? OwnOf(TableLine line) => line.Report switch
        {
            { State: WorkState.Paused or WorkState.Draining } when _unlike.TryGetValue(line.Table, out var unlike) => new TableWait(WaitCause.Configuration, unlike.Newest, ControlWords.Of(unlike.Reason)),
            { State: WorkState.Paused or WorkState.Draining } => HeldWishes.On(line.Table, [.. line.Nodes.Keys], _wanted) is { } wish
                ? new TableWait(WaitCause.Wish, wish.Target.Name, wish.Why.Length == 0 ? null : $"{wish.Who}: {wish.Why}") : new TableWait(WaitCause.Wish, line.Table.ToString(), Why: null),
            { State: WorkState.Halted, Fault: { } fault } => new TableWait(WaitCause.Mend, fault.Thing, fault.Cause),
            { State: WorkState.Retrying, Fault: { } fault } => new TableWait(WaitCause.Away, fault.Thing, fault.Cause),
            { State: WorkState.Halted } => new TableWait(WaitCause.Mend, line.Table.ToString(), Why: null),
            { State: WorkState.Retrying } => new TableWait(WaitCause.Away, line.Table.ToString(), Why: null),
            _ => null,
        };

        /// <summary>The thing that is waited for in the end, and not each table on the way there.</summary>
        private TableWait? InputOf(TableId table)
        {
            if (graph.TrySilver(table) is null && graph.TryGold(table) is null) return null;
            foreach (var input in graph.InputsOf(table))
                if (Of(input) is { Cause: WaitCause.Wish or WaitCause.Mend or WaitCause.Away or WaitCause.Configuration or WaitCause.Input } wait)
                    return wait.Cause == WaitCause.Input ? wait : new TableWait(WaitCause.Input, input.ToString(), wait.Why is { } why ? $"{wait.Thing}: {why}" : wait.Thing);
            return null;
        }

        private TableWait TurnOf(TableId table) => _wanted.LastWordOn(WishKind.Schedule, ControlTarget.Of(table)) is { Holds: true } schedule
            ? new TableWait(WaitCause.Schedule, schedule.Value ?? "", schedule.Why.Length == 0 ? null : $"{schedule.Who}: {schedule.Why}") : new TableWait(WaitCause.Turn, table.ToString(), Why: null);
    }
}
