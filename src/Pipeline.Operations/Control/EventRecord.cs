using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta;

namespace Pipeline.Operations.Control;

/// <summary>
/// <c>gold/_pipeline_events</c>: what happened to tables and nodes, as their singleton has seen it. The same happening stands there once,
/// whichever singleton has seen it. Used by one at a time; <see cref="ReadAsync"/> by anybody.
/// </summary>
internal sealed class EventRecord(Lake lake, TimeProvider time) : IDisposable
{
    public static readonly TableId Id = TableId.Gold("_pipeline_events");

    /// <summary>More than happens while a lake is away for long; what comes then is not kept.</summary>
    private const int PendingMax = 10_000;

    /// <summary>Ids that need not be looked for in the lake.</summary>
    private const int KnownMax = 100_000;

    private readonly NumberedTable<PipelineEvent> _table = new(lake, Id, PipelineEvent.Form, "EVENTS", time);
    private readonly Dictionary<string, PipelineEvent> _pending = new(StringComparer.Ordinal);
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly HashSet<string> _halted = new(StringComparer.Ordinal);

    /// <summary>How many of what waits are no reason to make the table.</summary>
    private int _left;

    public void Dispose() => _table.Dispose();

    /// <summary>All that stands there.</summary>
    /// <exception cref="PipelineException">It cannot be read.</exception>
    public async Task<ImmutableArray<PipelineEvent>> ReadAsync(CancellationToken cancellationToken) => (await _table.ReadAsync(cancellationToken)).Rows;

    /// <summary>What a node's report says that has happened.</summary>
    /// <param name="others">The nodes that are known beside it.</param>
    public void Hear(NodeReport report, IEnumerable<NodeLine> others)
    {
        var (facts, node) = (report.Facts, report.Facts.Node);
        Add(new PipelineEvent(0, $"started {facts.Incarnation}", facts.StartedAt, PipelineEventKind.NodeStarted, node, node, $"release {facts.Release}, roles {string.Join(", ", facts.Roles)}", null));
        // The newest by the time of its start rules.
        foreach (var other in others.Where(other => other.Facts.Configuration != facts.Configuration && other.Facts.StartedAt < facts.StartedAt))
            Add(new PipelineEvent(0, $"differs {other.Facts.Incarnation} {facts.Incarnation}", facts.StartedAt, PipelineEventKind.ConfigurationDiffers, other.Facts.Node, node,
                $"its tables, workers or contracts are not those of {node}, which started later", "Start it with the same configuration."));
        foreach (var table in report.Tables)
            if (table is { State: WorkState.Halted, Fault: { } fault })
                Add(new PipelineEvent(0, $"halted {table.Table} {table.Since.UtcTicks}", table.Since, PipelineEventKind.Halted, table.Table.ToString(), node, $"{fault.Thing}: {fault.Cause}", fault.NextStep));
    }

    public void Gone(NodeLine node, DateTimeOffset at) =>
        Add(new PipelineEvent(0, $"gone {node.Facts.Incarnation}", at, PipelineEventKind.NodeGone, node.Facts.Node, node.Facts.Node, "it has left, or was given up; others have its work", null));

    /// <summary>Whether there is anything to write.</summary>
    /// <param name="isWell">Whether a table works.</param>
    public bool IsDue(Func<string, bool> isWell) => _pending.Count > _left || _halted.Any(isWell);

    /// <summary>What is to be written, as of now.</summary>
    public ImmutableArray<PipelineEvent> Pending => [.. _pending.Values];

    /// <summary>Writes it, but for what stands there.</summary>
    /// <param name="well">Tables that work.</param>
    /// <param name="node">That writes it.</param>
    /// <exception cref="PipelineException">The lake is away.</exception>
    public async Task<EventsWritten> WriteAsync(ImmutableArray<PipelineEvent> pending, ImmutableHashSet<string> well, string node, CancellationToken cancellationToken)
    {
        var (isKept, halted) = await _table.AppendAsync((read, _) =>
        {
            // A node that starts is no reason to make the table: it is kept until there is another.
            if (read.Identity is null && pending.All(happened => happened.Kind == PipelineEventKind.NodeStarted)) return ValueTask.FromResult(((false, ImmutableHashSet<string>.Empty), ImmutableArray<PipelineEvent>.Empty));
            var (known, last) = (read.Rows.Select(row => row.Id).ToHashSet(StringComparer.Ordinal), new Dictionary<string, PipelineEvent>(StringComparer.Ordinal));
            foreach (var row in read.Rows.Where(IsOfTable)) last[row.Thing] = row;
            var rows = ImmutableArray.CreateBuilder<PipelineEvent>();
            foreach (var happened in pending.OrderBy(happened => happened.At))
            {
                if (known.Contains(happened.Id) || (happened.Kind == PipelineEventKind.Halted && IsSaid(happened, last.GetValueOrDefault(happened.Thing)))) continue;
                if (IsOfTable(happened)) last[happened.Thing] = happened;
                rows.Add(happened with { Number = read.Number + rows.Count + 1 });
            }

            foreach (var over in last.Values.Where(row => row.Kind == PipelineEventKind.Halted && well.Contains(row.Thing)).ToList())
            {
                var goesOn = new PipelineEvent(read.Number + rows.Count + 1, $"goes-on {over.Id}", LakeControl.Whole(time.GetUtcNow()), PipelineEventKind.GoesOn, over.Thing, node, over.What, null);
                last[over.Thing] = goesOn;
                rows.Add(goesOn);
            }

            return ValueTask.FromResult(((true, last.Values.Where(row => row.Kind == PipelineEventKind.Halted).Select(row => row.Thing).ToImmutableHashSet(StringComparer.Ordinal)), rows.ToImmutable()));
        }, cancellationToken);
        return new EventsWritten(isKept ? [.. pending.Select(happened => happened.Id)] : [], halted);
    }

    public void Written(EventsWritten written)
    {
        foreach (var id in written.Ids) _pending.Remove(id);
        _left = written.Ids.IsEmpty ? _pending.Count : 0;
        _halted.Clear();
        _halted.UnionWith(written.Halted);
    }

    private static bool IsOfTable(PipelineEvent happened) => happened.Kind is PipelineEventKind.Halted or PipelineEventKind.GoesOn;

    /// <summary>A halt is looked at again and again.</summary>
    private static bool IsSaid(PipelineEvent happened, PipelineEvent? last) => last is { Kind: PipelineEventKind.Halted } && last.What == happened.What;

    private void Add(PipelineEvent happened)
    {
        if (_known.Contains(happened.Id) || _pending.Count >= PendingMax) return;
        if (_known.Count >= KnownMax) _known.Clear();
        _known.Add(happened.Id);
        _pending[happened.Id] = happened;
    }
}

/// <summary>What was written.</summary>
/// <param name="Halted">Tables that were halted last.</param>
internal sealed record EventsWritten(ImmutableArray<string> Ids, ImmutableHashSet<string> Halted);
