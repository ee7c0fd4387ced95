using System.Collections.Immutable;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Ingest.Committer;

namespace Pipeline.Ingest.Worker;

/// <summary>What a worker is doing.</summary>
public enum WorkerPhase
{
    /// <summary>Lists its splits and opens their tables.</summary>
    Locating,

    /// <summary>Asks committers where its splits stand.</summary>
    Asking,

    /// <summary>Its graph runs.</summary>
    Reading,

    /// <summary>Its graph is being drained or dropped; <see cref="IngestWorkerState.After"/> says what follows.</summary>
    Stopping,

    /// <summary>Has no splits for now.</summary>
    Idle,

    /// <summary>Failed and tries again when the timer fires.</summary>
    BackingOff,

    /// <summary>Failed for a reason that somebody has to mend; looked at again slowly, and at once when told.</summary>
    Halted,

    /// <summary>Everything open is committed; waits to be resumed or stopped.</summary>
    Drained,
}

/// <summary>What follows when the graph has ended.</summary>
public enum AfterGraph
{
    /// <summary>The source's end or a fault decides.</summary>
    Decide,

    /// <summary>List, ask and read again: the splits have changed, or the table is not where the worker thought.</summary>
    StartOver,

    /// <summary>Pause or end.</summary>
    Rest,
}

/// <summary>The roll that is being committed.</summary>
/// <param name="Index">The stage that is waited for.</param>
/// <param name="Sends">How often that stage has been sent.</param>
public sealed record RollInHand(Roll Roll, int Index, int Sends)
{
    public StageFiles Stage => Roll.Stages[Index];
}

/// <summary>
/// The decisions of one ingest worker: where to read from, what to stage when, what to acknowledge, what to do about
/// failures. Pure: the actor performs the effects and reports back.
/// </summary>
/// <remarks>
/// <code>
///   Locating ──▶ Asking ──▶ Reading ──▶ Stopping ──▶ Locating | Drained | BackingOff | Halted
///      ▲  ▲__________________________________│            BackingOff | Halted ──▶ Locating
/// </code>
/// The source is told of a position only after every table of the split has committed it. A refused stage is never
/// retried: the worker drops what it has and starts over from what the tables say.
/// </remarks>
public sealed record IngestWorkerState(TableId DeadLetters, IngestOptions Options)
{
    public WorkerPhase Phase { get; init; }

    public AfterGraph After { get; init; }

    /// <summary>Counts the starts from the beginning of the diagram.</summary>
    public long Epoch { get; init; }

    public ImmutableArray<Split> Splits { get; init; } = [];

    /// <summary>The splits' tables, opened.</summary>
    public OpenedTables Tables { get; init; } = OpenedTables.None;

    /// <summary>Where each (table, split) stands, as far as this worker knows.</summary>
    public ImmutableDictionary<(TableId Table, SplitId Split), long> Positions { get; init; } = ImmutableDictionary<(TableId, SplitId), long>.Empty;

    /// <summary>The epoch of each (table, split) that is not read in the first.</summary>
    public ImmutableDictionary<(TableId Table, SplitId Split), int> Epochs { get; init; } = ImmutableDictionary<(TableId, SplitId), int>.Empty;

    /// <summary>What goes with the position of each (table, split) that has something beside it.</summary>
    public ImmutableDictionary<(TableId Table, SplitId Split), SplitMarks> Marks { get; init; } = ImmutableDictionary<(TableId, SplitId), SplitMarks>.Empty;

    /// <summary>A version of each table that has what <see cref="Positions"/> says.</summary>
    public ImmutableDictionary<TableId, long> Versions { get; init; } = ImmutableDictionary<TableId, long>.Empty;

    /// <summary>What this worker has seen of the tables' logs before it asked.</summary>
    public ImmutableDictionary<TableId, LoggedEpochs> Logged { get; init; } = ImmutableDictionary<TableId, LoggedEpochs>.Empty;

    /// <summary>Where the reading of a split ends for now; then the worker starts over, and reads it on where its table says.</summary>
    public ImmutableDictionary<SplitId, SplitTurn> Ends { get; init; } = ImmutableDictionary<SplitId, SplitTurn>.Empty;

    /// <summary>All splits that feed the worker's own table, whoever reads them; null: not known yet.</summary>
    public int? Listed { get; init; }

    /// <summary>Tables whose answer is waited for while Asking.</summary>
    public ImmutableHashSet<TableId> Unanswered { get; init; } = [];

    public RollInHand? InHand { get; init; }

    /// <summary>What somebody has to look at; the rest is read.</summary>
    public Halts Halts { get; init; } = Halts.None;

    /// <summary>A word to go on came while that was being tried: should it fail, it is tried once more.</summary>
    public bool IsResumeAsked { get; init; }

    /// <summary>Why splits cannot be listed any more, though those that are known are read; null: they can, or it may pass.</summary>
    public Fault? ListFault { get; init; }

    /// <summary>Why the worker's own table takes no rows, while other tables of its splits are fed; null: it does.</summary>
    public Fault? Unfit { get; init; }

    /// <summary>The tables that have to begin anew before reading can go on.</summary>
    public IReadOnlyList<TableAnew> Anew { get; init; } = [];

    public Fault? LastFault { get; init; }

    /// <summary>Failures and refusals in a row; a commit sets it to zero.</summary>
    public int Failures { get; init; }

    public bool IsStopAsked { get; init; }

    /// <summary>The graph was told to drop everything: what it still hands over is not staged.</summary>
    public bool IsAborted { get; init; }

    public static (IngestWorkerState State, ImmutableList<WorkerEffect> Effects) Decide(IngestWorkerState state, WorkerEvent message)
    {
        var effects = ImmutableList.CreateBuilder<WorkerEffect>();
        var next = message switch
        {
            WorkerEvent.Started => state.StartOver(effects),
            WorkerEvent.Located located when located.Epoch == state.Epoch => (state with { Tables = located.Tables, Listed = located.Listed }).OnLocated(located, effects),
            WorkerEvent.LocateFailed failed when failed.Epoch == state.Epoch => state.OnLocateFailed(failed.Fault, effects),
            WorkerEvent.PositionsKnown known when known.Epoch == state.Epoch => state.OnPositions(known, effects),
            WorkerEvent.PositionsFailed failed when failed.Epoch == state.Epoch && state.Phase == WorkerPhase.Asking => state.Fail(failed.Fault, effects),
            WorkerEvent.AnswerOverdue overdue when overdue.Epoch == state.Epoch && state.Phase == WorkerPhase.Asking && state.Unanswered.Contains(overdue.Table) =>
                state.Ask(overdue.Table, effects),
            WorkerEvent.RollClosed closed when closed.Epoch == state.Epoch => state.OnRollClosed(closed.Roll, effects),
            WorkerEvent.Committed committed when state.Waits(committed.Answer.Id) => state.OnCommitted(committed.Answer, effects),
            WorkerEvent.Refused refused when state.Waits(refused.Answer.Id) => state.OnRefused(refused.Answer, effects),
            WorkerEvent.StageLost lost when state.Waits(lost.Answer.Id) => state.Drop(lost.Answer.Fault, effects),
            WorkerEvent.ResendDue when state.InHand is not null => state.SendStage(effects),
            WorkerEvent.Acknowledged done when done.Epoch == state.Epoch => state.Release(effects),
            WorkerEvent.AcknowledgeFailed failed when failed.Epoch == state.Epoch =>
                failed.Fault.IsTriedAgain ? (state with { LastFault = failed.Fault }).Release(effects)
                // Where the graph has ended meanwhile, nobody would say its end once more; the next roll acknowledges again.
                : state.Phase is WorkerPhase.Reading or WorkerPhase.Stopping ? state.Drop(failed.Fault, effects)
                : state,
            WorkerEvent.GraphEnded ended when ended.Epoch == state.Epoch => state.OnGraphEnded(ended.Fault, effects),
            WorkerEvent.RetryDue when state.Phase is WorkerPhase.BackingOff => state.StartOver(effects),
            WorkerEvent.RelistDue when state.Phase is WorkerPhase.Reading or WorkerPhase.Idle || state.IsHaltedBySplits => state.Relist(effects),
            WorkerEvent.LookDue when state.Phase is not WorkerPhase.Drained && !state.Halts.IsEmpty => (state with { Halts = state.Halts.Try() }).LookAgain(effects),
            WorkerEvent.ReadQuietly quiet when quiet.Epoch == state.Epoch && state is { Phase: WorkerPhase.Reading, InHand: null } => state.EndHalts(_ => true, effects),
            WorkerEvent.DrainAsked => state.Rest(effects),
            WorkerEvent.StopAsked => (state with { IsStopAsked = true }).Rest(effects),
            WorkerEvent.DrainOverdue when state.Phase == WorkerPhase.Stopping => state.Abort(effects),
            WorkerEvent.ResumeAsked when state.Phase is WorkerPhase.Drained or WorkerPhase.Halted or WorkerPhase.BackingOff or WorkerPhase.Idle =>
                (state with { Halts = state.Halts.TryAll(), Failures = 0 }).StartOver(effects),
            WorkerEvent.ResumeAsked when state.Phase == WorkerPhase.Stopping =>
                state with { Halts = state.Halts.TryAll(), After = state is { After: AfterGraph.Rest, IsStopAsked: false } ? AfterGraph.StartOver : state.After },
            WorkerEvent.ResumeAsked when state.Phase is WorkerPhase.Locating or WorkerPhase.Asking =>
                state with { Halts = state.Halts.TryAll(), IsResumeAsked = true },
            WorkerEvent.ResumeAsked when !state.Halts.IsEmpty => (state with { Halts = state.Halts.TryAll() }).Relist(effects),
            _ => state,
        };
        return (next, effects.ToImmutable());
    }

    private IngestWorkerState StartOver(ImmutableList<WorkerEffect>.Builder effects)
    {
        effects.Add(new WorkerEffect.Locate(Epoch + 1, OpenedTables.None) { Anew = Anew });
        return this with
        {
            Phase = WorkerPhase.Locating, After = AfterGraph.Decide, Epoch = Epoch + 1, IsAborted = false, Splits = [], Tables = OpenedTables.None,
            Positions = Positions.Clear(), Epochs = Epochs.Clear(), Marks = Marks.Clear(), Versions = Versions.Clear(), Unanswered = Unanswered.Clear(),
        };
    }

    private IngestWorkerState Relist(ImmutableList<WorkerEffect>.Builder effects)
    {
        effects.Add(new WorkerEffect.Locate(Epoch, Tables));
        return this;
    }

    private IngestWorkerState OnLocated(WorkerEvent.Located located, ImmutableList<WorkerEffect>.Builder effects)
    {
        var found = located.Splits;
        var halts = Halts.OnlyOf(found.Select(split => split.Id).ToHashSet(), out var gone).As(located.Halted, out var decided, out var news);
        effects.AddRange(gone.Concat(decided).Select(fault => new WorkerEffect.TellHaltEnded(fault)));
        effects.AddRange(news.Select(fault => new WorkerEffect.TellHalt(fault)));
        if (ListFault is not null) effects.Add(new WorkerEffect.TellListing(ListFault, IsBack: true));
        if (Unfit is { } unfit && located.Unfit is null) effects.Add(new WorkerEffect.TellHaltEnded(unfit));
        if (located.Unfit is { } other && (other.Kind, other.Cause) != (Unfit?.Kind, Unfit?.Cause)) effects.Add(new WorkerEffect.TellHalt(other));
        return (this with { Halts = halts, ListFault = null, Unfit = located.Unfit, Anew = [], Ends = Phase == WorkerPhase.Reading ? Ends : located.Ends }).Take(found.RemoveAll(split => halts.Hold(split.Id)), located.Logged, effects);
    }

    private IngestWorkerState Take(ImmutableArray<Split> splits, ImmutableDictionary<TableId, LoggedEpochs> logged, ImmutableList<WorkerEffect>.Builder effects)
    {
        switch (Phase)
        {
            case WorkerPhase.Reading when splits.Select(Fed).ToHashSet().SetEquals(Splits.Select(Fed)) && splits.All(split => IsReadAs(split, logged)):
                effects.Add(new WorkerEffect.RelistAfter(Options.SplitsInterval));
                return this;
            case WorkerPhase.Reading:
                effects.Add(new WorkerEffect.DrainGraph());
                return this with { Phase = WorkerPhase.Stopping, After = AfterGraph.StartOver };
            case WorkerPhase.Halted when !IsHaltedBySplits:
                return this;
            case WorkerPhase.Locating or WorkerPhase.Idle or WorkerPhase.Halted when splits.IsEmpty:
                effects.Add(new WorkerEffect.RelistAfter(Options.SplitsInterval));
                return this with { Phase = Halts.IsWaiting ? WorkerPhase.Halted : WorkerPhase.Idle };
            case WorkerPhase.Locating or WorkerPhase.Idle or WorkerPhase.Halted:
                var tables = splits.SelectMany(split => TablesOf(split)).ToImmutableHashSet();
                return tables.Order(TableId.ByName).Aggregate(this with { Phase = WorkerPhase.Asking, Splits = splits, Unanswered = tables, Logged = logged },
                    (asking, table) => asking.Ask(table, effects));
            default:
                return this;
        }
    }

    /// <summary>A split that feeds other tables than before is read anew, one of them cannot be, or can again; and one whose tables have other columns.</summary>
    private static (SplitId Split, string Tables) Fed(Split split) =>
        (split.Id, JsonSerializer.Serialize(split.Tables.Order(StringComparer.Ordinal).Select(table => (Table: table, Form: split.For(table).Form)).Select(fed => new { fed.Table, fed.Form })));

    private IngestWorkerState Ask(TableId table, ImmutableList<WorkerEffect>.Builder effects)
    {
        effects.Add(new WorkerEffect.AskPositions(Epoch, table,
            [.. Splits.Where(split => TablesOf(split).Contains(table)).Select(split => split.Id)], Logged.GetValueOrDefault(table)?.Version));
        effects.Add(new WorkerEffect.AskAgainAfter(Epoch, table, Options.AnswerTimeout));
        return this;
    }

    private IngestWorkerState OnLocateFailed(Fault fault, ImmutableList<WorkerEffect>.Builder effects)
    {
        if (Phase == WorkerPhase.Locating || (Phase == WorkerPhase.Idle && fault is { IsOfTable: true, IsTriedAgain: false })) return Fail(fault, effects);
        if (Phase == WorkerPhase.Reading && fault is { IsOfTable: true, IsTriedAgain: false })
        {
            // Its splits may be others' from now on.
            effects.Add(new WorkerEffect.DrainGraph());
            return this with { Phase = WorkerPhase.Stopping, After = AfterGraph.StartOver };
        }

        if (Phase is not (WorkerPhase.Reading or WorkerPhase.Idle) && !IsHaltedBySplits) return this;
        // What is being read goes on: reading itself notices when its source is gone.
        effects.Add(new WorkerEffect.RelistAfter(Options.SplitsInterval));
        if (fault.IsTriedAgain) return this;
        if (ListFault is null) effects.Add(new WorkerEffect.TellListing(fault, IsBack: false));
        return this with { ListFault = fault };
    }

    private IngestWorkerState OnPositions(WorkerEvent.PositionsKnown known, ImmutableList<WorkerEffect>.Builder effects)
    {
        if (Phase != WorkerPhase.Asking || !Unanswered.Contains(known.Table)) return this;
        var next = this with
        {
            Unanswered = Unanswered.Remove(known.Table),
            Positions = Positions.SetItems(known.Positions.Select(pair => KeyValuePair.Create((known.Table, pair.Key), pair.Value))),
            Epochs = Epochs.SetItems(known.Epochs.Select(pair => KeyValuePair.Create((known.Table, pair.Key), pair.Value))),
            Marks = Marks.SetItems(known.Marks.Select(pair => KeyValuePair.Create((known.Table, pair.Key), pair.Value))),
            Versions = Versions.SetItem(known.Table, known.Version),
        };
        if (!next.Unanswered.IsEmpty) return next;
        // Of another epoch than was located, a split has another end too, or none.
        if (next.IsAtEnd || !next.IsAsLocated) return next.StartOver(effects);

        effects.Add(new WorkerEffect.StartGraph(Epoch, [.. Splits.Select(next.StartOf)], Tables));
        effects.Add(new WorkerEffect.RelistAfter(Options.SplitsInterval));
        return next with { Phase = WorkerPhase.Reading, IsResumeAsked = false };
    }

    private SplitStart StartOf(Split split) => new(split, Durable(split),
        TablesOf(split).ToImmutableDictionary(table => table, table => PositionOf(table, split.Id)))
    {
        End = Ends.GetValueOrDefault(split.Id)?.To,
        OrderTimeMax = Ends.GetValueOrDefault(split.Id)?.OrderTimeMax,
        Marks = split.Tables.Select(name => (BronzeOf(split, name), split.Id)).Where(key => Positions.TryGetValue(key, out var position) && position == Durable(split))
            .Select(key => Marks.GetValueOrDefault(key)).FirstOrDefault(),
        TableMarks = split.Tables.ToImmutableDictionary(name => name, name => Marks.GetValueOrDefault((BronzeOf(split, name), split.Id)), StringComparer.Ordinal),
        Epochs = TablesOf(split).Where(table => Epochs.ContainsKey((table, split.Id))).ToImmutableDictionary(table => table, table => Epochs[(table, split.Id)]),
        // An epoch has one order for good, and the epochs are those that were located.
        Orders = Logged.Where(table => table.Value.Orders.ContainsKey(split.Id)).ToImmutableDictionary(table => table.Key, table => table.Value.Orders[split.Id]),
    };

    /// <summary>The position that every table of the split has reached; null when one has none.</summary>
    private long? Durable(Split split)
    {
        long? smallest = long.MaxValue;
        foreach (var table in split.Tables)
        {
            if (PositionOf(BronzeOf(split, table), split.Id) is not { } position) return null;
            smallest = Math.Min(smallest.Value, position);
        }

        return smallest;
    }

    private IngestWorkerState OnRollClosed(Roll roll, ImmutableList<WorkerEffect>.Builder effects)
    {
        if (Phase is WorkerPhase.Reading || (Phase is WorkerPhase.Stopping && !IsAborted))
            return (this with { InHand = new RollInHand(roll, Index: 0, Sends: 0) }).SendStage(effects);
        DeleteFiles(roll.Stages, effects);
        return this;
    }

    private IngestWorkerState SendStage(ImmutableList<WorkerEffect>.Builder effects)
    {
        effects.Add(new WorkerEffect.Send(InHand!.Stage, IsAgain: InHand.Sends > 0));
        effects.Add(new WorkerEffect.ResendAfter(Options.AnswerTimeout));
        return this with { InHand = InHand with { Sends = InHand.Sends + 1 } };
    }

    private IngestWorkerState OnCommitted(StageCommitted answer, ImmutableList<WorkerEffect>.Builder effects)
    {
        var stage = InHand!.Stage;
        effects.Add(new WorkerEffect.CountCommit(stage, answer));
        var next = EndHalts(split => stage.Ranges.Any(range => range.Split == split), effects) with
        {
            Failures = 0, LastFault = null,
            Positions = Positions.SetItems(stage.Ranges.Select(range => KeyValuePair.Create((stage.Table, range.Split), range.To))),
            Versions = Versions.SetItem(stage.Table, answer.Version),
        };
        if (InHand.Index + 1 < InHand.Roll.Stages.Length)
            return (next with { InHand = InHand with { Index = InHand.Index + 1, Sends = 0 } }).SendStage(effects);

        var moved = InHand.Roll.Stages.SelectMany(done => done.Ranges).Select(range => range.Split).ToHashSet();
        effects.Add(new WorkerEffect.Acknowledge(Epoch,
        [
            .. Splits.Where(split => moved.Contains(split.Id) && next.Durable(split) is not null)
                .Select(split => (split.Id, next.Durable(split)!.Value)),
        ]));
        if (Phase != WorkerPhase.Reading || !next.IsAtEnd) return next with { InHand = null };
        effects.Add(new WorkerEffect.DrainGraph());
        return next with { InHand = null, Phase = WorkerPhase.Stopping, After = AfterGraph.StartOver };
    }

    /// <summary>Whether a split has been read to where its reading ends for now.</summary>
    private bool IsAtEnd => Splits.Any(split => Ends.TryGetValue(split.Id, out var end) && Durable(split) >= end.To);

    /// <summary>Whether the tables read its splits in the epochs in which they did when they were located.</summary>
    private bool IsAsLocated => Logged.All(table => Splits.All(split => table.Value.Epochs.GetValueOrDefault(split.Id) == Epochs.GetValueOrDefault((table.Key, split.Id))));

    private IngestWorkerState Release(ImmutableList<WorkerEffect>.Builder effects)
    {
        effects.Add(new WorkerEffect.ReleaseRoll());
        return this;
    }

    private IngestWorkerState OnRefused(StageRefused answer, ImmutableList<WorkerEffect>.Builder effects)
    {
        effects.Add(new WorkerEffect.TellRefusal(answer));
        // What was sent may have been committed, and compacted since, or may yet be through another committer: whether somebody
        // still needs its files is for vacuum to decide. Only what was never sent is nobody's.
        DeleteFiles(InHand!.Roll.Stages[(InHand.Index + 1)..], effects);
        return (this with
        {
            Phase = WorkerPhase.Stopping, After = After == AfterGraph.Rest ? AfterGraph.Rest : AfterGraph.StartOver, Failures = Failures + 1,
        }).Abort(effects);
    }

    private static void DeleteFiles(IEnumerable<StageFiles> stages, ImmutableList<WorkerEffect>.Builder effects)
    {
        foreach (var stage in stages)
            if (!stage.Files.IsEmpty) effects.Add(new WorkerEffect.DeleteFiles(stage.Table, stage.Files));
    }

    /// <summary>Ends the graph because of a fault that is not its own.</summary>
    private IngestWorkerState Drop(Fault fault, ImmutableList<WorkerEffect>.Builder effects) =>
        (this with { Phase = WorkerPhase.Stopping, After = After == AfterGraph.Rest ? AfterGraph.Rest : AfterGraph.Decide, LastFault = fault })
        .Abort(effects);

    private IngestWorkerState Abort(ImmutableList<WorkerEffect>.Builder effects)
    {
        effects.Add(new WorkerEffect.AbortGraph());
        return this with { InHand = null, IsAborted = true };
    }

    private IngestWorkerState OnGraphEnded(Fault? fault, ImmutableList<WorkerEffect>.Builder effects)
    {
        if (Phase is not (WorkerPhase.Reading or WorkerPhase.Stopping)) return this;
        var cause = fault ?? (Phase == WorkerPhase.Stopping ? LastFault : null);
        var next = this with { InHand = null, Anew = cause?.Anew ?? [] };
        return After switch
        {
            AfterGraph.Rest => next.EnterDrained(effects),
            // The first refusal starts over at once; two workers on one split must not chase each other without pause.
            AfterGraph.StartOver when Failures <= 1 => next.StartOver(effects),
            AfterGraph.StartOver => next.BackOff(Options.Retry.Delay(Failures), effects),
            _ when cause is not null => next.Fail(cause, effects),
            _ => next.BackOff(Options.SplitsInterval, effects),
        };
    }

    private IngestWorkerState Fail(Fault fault, ImmutableList<WorkerEffect>.Builder effects)
    {
        var failed = this with { LastFault = fault, Failures = Failures + 1 };
        return fault.IsTriedAgain ? failed.BackOff(Options.Retry.Delay(failed.Failures), effects) : failed.Halt(fault, effects);
    }

    /// <summary>The other splits, if it is of one, are read on.</summary>
    private IngestWorkerState Halt(Fault fault, ImmutableList<WorkerEffect>.Builder effects)
    {
        var halted = this with { Halts = Halts.Add(fault, out var looks, out var isNews), Phase = WorkerPhase.Halted, IsResumeAsked = false };
        if (isNews) effects.Add(new WorkerEffect.TellHalt(fault));
        if (fault is { ReadAgainFrom: not null } && Splits.FirstOrDefault(split => split.Id == fault.Split) is { } behind) effects.Add(new WorkerEffect.RecordHalt(behind, fault, Durable(behind) ?? 0));
        if (!fault.AwaitsWord) effects.Add(new WorkerEffect.LookAfter(Options.HaltRetry.Delay(looks + 1)));
        if (IsResumeAsked) return (halted with { Halts = halted.Halts.TryAll() }).StartOver(effects);
        return fault.Split is null ? halted : halted.StartOver(effects);
    }

    private IngestWorkerState LookAgain(ImmutableList<WorkerEffect>.Builder effects) => Phase switch
    {
        WorkerPhase.Halted => StartOver(effects),
        WorkerPhase.Reading => Relist(effects),
        // They are among those that are found next.
        _ => this,
    };

    /// <summary>What is tried has gone well, of those splits and of the worker.</summary>
    private IngestWorkerState EndHalts(Func<SplitId, bool> isWell, ImmutableList<WorkerEffect>.Builder effects)
    {
        var halts = Halts.Without(isWell, out var ended);
        effects.AddRange(ended.Select(fault => new WorkerEffect.TellHaltEnded(fault)));
        return this with { Halts = halts };
    }

    private IngestWorkerState BackOff(TimeSpan delay, ImmutableList<WorkerEffect>.Builder effects)
    {
        effects.Add(new WorkerEffect.RetryAfter(delay));
        return this with { Phase = WorkerPhase.BackingOff };
    }

    private IngestWorkerState Rest(ImmutableList<WorkerEffect>.Builder effects)
    {
        switch (Phase)
        {
            case WorkerPhase.Reading:
                effects.Add(new WorkerEffect.DrainGraph());
                effects.Add(new WorkerEffect.DrainWithin(Options.DrainTimeout));
                return this with { Phase = WorkerPhase.Stopping, After = AfterGraph.Rest };
            case WorkerPhase.Stopping:
                effects.Add(new WorkerEffect.DrainWithin(Options.DrainTimeout));
                return this with { After = AfterGraph.Rest };
            default:
                return EnterDrained(effects);
        }
    }

    private IngestWorkerState EnterDrained(ImmutableList<WorkerEffect>.Builder effects)
    {
        effects.Add(new WorkerEffect.TellDrained());
        if (IsStopAsked) effects.Add(new WorkerEffect.StopSelf());
        return this with { Phase = WorkerPhase.Drained };
    }

    /// <summary>Nothing hinders the worker but what hinders each of its splits: there may be others now.</summary>
    private bool IsHaltedBySplits => Phase == WorkerPhase.Halted && Halts.Worker is null or { IsTried: true };

    private bool Waits(Guid stage) => InHand is not null && InHand.Stage.Id == stage;

    /// <summary>Whether the tables' logs have the split in the epochs in which it is being read.</summary>
    private bool IsReadAs(Split split, ImmutableDictionary<TableId, LoggedEpochs> logged) => TablesOf(split).All(table =>
        !logged.TryGetValue(table, out var known) || known.Version < Versions.GetValueOrDefault(table) || known.Epochs.GetValueOrDefault(split.Id) == Epochs.GetValueOrDefault((table, split.Id)));

    private long? PositionOf(TableId table, SplitId split) => Positions.TryGetValue((table, split), out var position) ? position : null;

    private IEnumerable<TableId> TablesOf(Split split) => split.Tables.Select(table => BronzeOf(split, table)).Append(DeadLetters);

    private static TableId BronzeOf(Split split, string name) => TableId.Bronze(split.Id.Source, name);
}
