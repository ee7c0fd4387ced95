using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Ingest.DeadLetters;
using Pipeline.Operations.DeadLetters;
using Pipeline.Operations.Inspection;
using Pipeline.Operations.Options;
using Pipeline.Operations.Tables;
using Pipeline.Transform.Coordination.Freshness;
using Pipeline.Transform.Graph;

namespace Pipeline.Operations.Control;

public sealed record WhyTableRequest(TableId Table);

/// <summary>What kind of thing keeps a table.</summary>
public enum HindranceKind
{
    /// <summary>An operator wants it to rest.</summary>
    Wish,

    /// <summary>Somebody has to mend something.</summary>
    Mend,

    /// <summary>Something does not answer, and is asked again.</summary>
    Away,

    /// <summary>An answer that nobody has refused is waited for: of a lock, a store, an execution.</summary>
    Waits,

    /// <summary>Records are lost at the source: an operator has to decide.</summary>
    Gap,

    /// <summary>It runs at certain times only.</summary>
    Schedule,

    /// <summary>Its source may have rows that are passed by, though it is read on.</summary>
    Doubt,

    /// <summary>Records of it could not be read, and wait to be read again.</summary>
    Letters,

    /// <summary>No node says anything.</summary>
    NoNode,

    /// <summary>Not all nodes' configurations say the same of it.</summary>
    Configuration,

    /// <summary>It was made, and nothing has come for it yet, or it was not made.</summary>
    Nothing,
}

/// <summary>What keeps a table, or one that it is made from.</summary>
/// <param name="Table">The table that is kept by it.</param>
/// <param name="Thing">What is waited for.</param>
/// <param name="Since">Null: it is not known.</param>
/// <param name="Help">The arguments of the command that ends it, where one does; a word in capitals is to be replaced. Empty: none does.</param>
public sealed record Hindrance(TableId Table, HindranceKind Kind, string Thing, string Cause, string NextStep, DateTimeOffset? Since, ImmutableArray<string> Help);

/// <param name="Inputs">The tables that it is made from, its own source's behind it.</param>
/// <param name="Hindrances">Its own first, then those of what it is made from; none: it does what it should.</param>
/// <param name="Orders">About it, and not done yet.</param>
/// <param name="NextAt">Of a table that runs at certain times, the next; null: it runs by its inputs.</param>
public sealed record WhyTableResult(TableSummary Table, IReadOnlyList<TableId> Inputs, IReadOnlyList<Hindrance> Hindrances, IReadOnlyList<Order> Orders, DateTimeOffset? NextAt)
{
    public bool IsHindered => Hindrances.Count > 0;
}

/// <summary>
/// What a table is doing, since when, what it waits for and what would help: by the lake, so that no node need run, and by what nodes say where they do.
/// </summary>
public static class WhyTable
{
    /// <summary>Nodes say it once a minute.</summary>
    private static readonly TimeSpan SilentAfter = TimeSpan.FromMinutes(5);

    /// <summary>What could not be read for longer has been left alone.</summary>
    private static readonly TimeSpan LettersMax = TimeSpan.FromDays(1);

    /// <param name="running">The pipeline that runs; null: nobody says how it is.</param>
    /// <exception cref="PipelineException">It is not configured, or the lake cannot be read.</exception>
    public static async Task<WhyTableResult> RunAsync(WhyTableRequest request, PipelineOptions options, Lake lake, LakeControl control, TimeProvider time, CancellationToken cancellationToken, PipelineStatus? running = null)
    {
        var (table, now) = (request.Table, time.GetUtcNow());
        ControlScope.Of(options).Require(new ControlCommand(ControlVerb.Pause, ControlTarget.Of(table)));
        var status = await LakeStatus.TryReadAsync(lake.Store, cancellationToken);
        var told = status?.Tables.DistinctBy(one => one.Table).ToDictionary(one => one.Table) ?? [];
        var state = await control.StateAsync(cancellationToken);
        var summaries = new Dictionary<TableId, TableSummary>();
        var chain = Chain(table, options.Graph);
        var nodes = running is null ? null : new RunningHindrances(running);
        foreach (var id in chain)
        {
            var summary = await SummarizeAsync(id, lake, told.GetValueOrDefault(id), options, now, cancellationToken);
            summaries[id] = nodes is null ? summary : summary with { Fault = nodes.FaultOf(id, summary.Fault) };
        }

        var letters = new List<Hindrance>();
        foreach (var id in chain.Where(id => id.Layer == Layer.Bronze && summaries[id].Version is not null))
        {
            var (read, failed) = await LakeInventory.TryAsync(TableId.DeadLetter(id.Source!), () => LettersAsync(id, lake, now, cancellationToken));
            letters.AddRange(read ?? [new Hindrance(id, HindranceKind.Mend, failed!.Fault.Thing, failed.Fault.Cause, failed.Fault.NextStep, Since: null, [])]);
        }

        Hindrance[] silent = running is not null || (status is not null && now.Since(status.At) < SilentAfter) ? []
            : [new Hindrance(table, HindranceKind.NoNode, "the pipeline's nodes", "none has said how the tables are for long", "Look whether a node with the role transform runs and reaches the lake, and start one if none does.", status?.At, ["run"])];
        return new WhyTableResult(summaries[table], [.. chain.Skip(1)], [.. silent, .. chain.SelectMany(id => HindrancesOf(summaries[id], state, now, id == table, running).Concat(nodes?.Of(id, id == table, summaries[id].Fault) ?? [])), .. letters],
            [.. state.Waiting.Where(order => order.Target == ControlTarget.Of(table))], NextOf(table, state, now));
    }

    /// <summary>What keeps a table by itself, whatever keeps those that it is made from.</summary>
    internal static IEnumerable<Hindrance> HindrancesOf(TableSummary table, ControlState state, DateTimeOffset now, bool isAsked, PipelineStatus? running)
    {
        var id = table.Table;
        if (HeldWishes.On(id, nodes: [], state) is { } wish)
            yield return new Hindrance(id, HindranceKind.Wish, wish.Who, wish.Why, "Resume it when that is over.", wish.At, ["resume", wish.Target.Name, "--reason", "WHY"]);
        if (isAsked && id.Layer == Layer.Bronze)
            foreach (var hindrance in NodesOf(id, state, running)) yield return hindrance;
        if (table.Fault is { EndedAt: null } fault)
            yield return fault.Kind == FaultKind.Gap
                ? new Hindrance(id, HindranceKind.Gap, fault.Thing, fault.Cause, fault.NextStep, fault.At, ["resume", id.ToString(), "--accept-gap"])
                : new Hindrance(id, fault.Kind.IsTriedAgain() ? HindranceKind.Away : HindranceKind.Mend, fault.Thing, fault.Cause, fault.Kind is FaultKind.Invalid or FaultKind.TooLarge or FaultKind.Missing ? $"{fault.NextStep} {AnewOf(running)}".Trim() : fault.NextStep, fault.At, HelpOf(id, fault.Kind));
        else if (table.Version is null)
            yield return new Hindrance(id, HindranceKind.Nothing, id.ToString(), "it is not in the lake: nothing has come for it, or no node works on it", id.Layer == Layer.Bronze ? "Look whether a node with the role ingest runs, and what it says." : "Look whether a node with the role transform runs, and what it says.", Since: null, []);
        if (table.Again is { } again)
            yield return new Hindrance(id, HindranceKind.Waits, again.Split.ToString(), $"a part of the split is read again: it has come to {again.Position} of {again.To}, and what is new is read behind that, from {again.Back} on", "Wait: it goes on by itself.", Since: null, []);
        if (table.Doubt is { } doubt) yield return new Hindrance(id, HindranceKind.Doubt, doubt.Thing, doubt.Cause, doubt.NextStep, doubt.At, id.Layer == Layer.Bronze ? ["resume", id.ToString()] : []);
        if (isAsked && NextOf(id, state, now) is { } next && state.LastWordOn(WishKind.Schedule, ControlTarget.Of(id)) is { } schedule)
            yield return new Hindrance(id, HindranceKind.Schedule, schedule.Value ?? "", $"it runs at certain times, as {schedule.Who} wants: {schedule.Why}", "Wait until then, or trigger it.", schedule.At, ["trigger", id.ToString(), "--reason", "WHY"]);
    }

    /// <summary>Nodes that rest, of those that work on the table; where nobody says which these are, all that rest.</summary>
    private static IEnumerable<Hindrance> NodesOf(TableId table, ControlState state, PipelineStatus? running)
    {
        var working = running?.Tables.FirstOrDefault(line => line.Table == table)?.Nodes;
        foreach (var wish in state.Wishes.Where(wish => wish.Kind != WishKind.Schedule && wish.Target.Kind == ControlTargetKind.Node && (running is null || working?.ContainsKey(wish.Target.Name) == true)))
        {
            var isDrained = wish.Kind == WishKind.Drained;
            yield return new Hindrance(table, HindranceKind.Wish, wish.Target.Name, isDrained ? $"what this node read rests until another has it: {wish.Why}" : $"what this node reads rests: {wish.Why}",
                isDrained ? "Resume it when that is over, or start another with the role ingest." : $"Resume it when that is over, or have others read on: './pipeline drain {wish.Target.Name} --reason WHY'.", wish.At, ["resume", wish.Target.Name, "--reason", "WHY"]);
        }
    }

    /// <summary>For whoever mends it by the configuration: every node has to have it, so that none leaves the table alone.</summary>
    private static string AnewOf(PipelineStatus? running)
    {
        string[] nodes = [.. running?.Nodes.Select(node => node.Facts.Node) ?? []];
        var (first, others) = (nodes.FirstOrDefault() ?? "NODE", string.Join(", ", nodes.Skip(1)));
        return $"What is changed in the configuration is read by nodes that start: './pipeline restart {first} --reason WHY'{(others.Length > 0 ? $", and the same of {others}" : "")}.";
    }

    /// <summary>What has failed is tried at once when it is told to: whoever has mended it need not wait.</summary>
    private static ImmutableArray<string> HelpOf(TableId table, FaultKind kind) => kind.IsTriedAgain() ? []
        : table.Layer == Layer.Bronze ? ["restart", table.ToString(), "--reason", "WHY"] : ["trigger", table.ToString(), "--reason", "WHY"];

    private static DateTimeOffset? NextOf(TableId table, ControlState state, DateTimeOffset now) =>
        state.LastWordOn(WishKind.Schedule, ControlTarget.Of(table)) is { Holds: true, Value: { } times } ? CronSchedule.Parse(times).Next(now) : null;

    /// <summary>Records that came in the last day and could not be read: the table goes on without them.</summary>
    private static async Task<IReadOnlyList<Hindrance>> LettersAsync(TableId id, Lake lake, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var letters = TableId.DeadLetter(id.Source!);
        if (await lake.TryOpenAsync(letters, cancellationToken) is null) return [];
        var hindrances = new List<Hindrance>();
        var found = await ListDeadLetters.RunAsync(new ListDeadLettersRequest(id.Source, id), lake, cancellationToken);
        foreach (var count in found.Counts.Where(count => count.Newest > now - LettersMax && count.Letters > (count.Redriven ?? 0)))
        {
            var shown = await ShowDeadLetters.RunAsync(new ShowDeadLettersRequest(id.Source!, id, new LetterSelection(count.Code, Epoch: count.Epoch), LettersMax: 1), lake, cancellationToken);
            hindrances.Add(new Hindrance(id, HindranceKind.Letters, letters.ToString(), $"{Plural.Of(count.Letters - (count.Redriven ?? 0), "record")} of the table could not be read ({count.Code}): {shown.Letters.Select(letter => letter.Reason.TrimEnd('.')).FirstOrDefault()}",
                $"Look at them with './pipeline dlq show {id}', mend what writes or describes them, and read them again.", count.Oldest, ["dlq", "redrive", id.ToString()]));
        }

        return hindrances;
    }

    /// <summary>A table, and what it is made from, the nearest first.</summary>
    private static List<TableId> Chain(TableId table, TransformGraph graph)
    {
        var (chain, at) = (new List<TableId> { table }, 0);
        for (; at < chain.Count; at++)
            if (graph.Tables.Contains(chain[at])) chain.AddRange(graph.InputsOf(chain[at]).Except(chain).ToList());
        return chain;
    }

    private static async ValueTask<TableSummary> SummarizeAsync(TableId id, Lake lake, ToldTable? told, PipelineOptions options, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var (current, unread) = await LakeInventory.TryAsync(id, async () => Found.Of((await lake.TryOpenAsync(id, cancellationToken))?.Current));
        var age = now.Since(told?.ReflectsUntil ?? current?.Snapshot?.CommittedAt ?? now);
        var fault = unread is null ? told?.Fault : new ToldFault(now, unread.Fault.Kind, unread.Fault.Thing, unread.Fault.Cause, unread.Fault.NextStep);
        return new TableSummary(id, current?.Snapshot?.Version, current?.Snapshot?.RowCount, Quarantine: null, age, options.Freshness.SlaOf(id), Quality: null, fault) { Doubt = told?.Doubt, Again = current?.Again };
    }

    private sealed record Found(Snapshot? Snapshot, SplitAgain? Again)
    {
        public static Found Of(Snapshot? snapshot) => new(snapshot, snapshot is null ? null : SplitTurn.Of(snapshot.Metadata.Configuration).Where(turn => turn.Value.Epoch == snapshot.Histories.EpochOf(turn.Key))
            .Select(turn => new SplitAgain(turn.Key, snapshot.Position(turn.Key) ?? 0, turn.Value.To, turn.Value.Back)).FirstOrDefault());
    }
}
