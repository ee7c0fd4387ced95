using System.Security.Cryptography;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Ingest;
using Pipeline.Operations.Options;

namespace Pipeline.Operations.Control;

/// <summary>
/// Plans over the lake alone and records in it, whether a pipeline runs or not: one that does finds it there.
/// </summary>
/// <param name="findGaps">What a table and its source do not have in common.</param>
public sealed class LakeControl(Lake lake, ControlScope scope, Func<TableId, CancellationToken, Task<IReadOnlyList<SplitGap>>> findGaps, TimeProvider time) : IPipelineControl, IDisposable
{
    /// <summary>For what can act without the lake: it does not wait for it as long as others do.</summary>
    private static readonly TimeSpan AnswerMax = TimeSpan.FromSeconds(10);

    /// <summary>For what has to be recorded: whoever asks again meanwhile waits behind it.</summary>
    private static readonly TimeSpan RecordMax = TimeSpan.FromSeconds(60);

    private readonly ControlTable _table = new(lake, time);

    /// <summary>Where a part of a Bronze table lies at its source; null: no source can be asked through this door.</summary>
    public Func<TableId, BackfillRange, CancellationToken, Task<IReadOnlyList<SplitPart>>>? Locate { get; init; }

    /// <summary>What has happened: what was read of it is kept, and only what has come since is read again.</summary>
    internal EventRecord Happened { get; } = new(lake, time);

    public void Dispose()
    {
        _table.Dispose();
        Happened.Dispose();
    }

    /// <param name="sources">Asked for gaps and for parts, and for nothing else.</param>
    public static LakeControl Of(PipelineOptions options, Lake lake, IReadOnlyList<ISource> sources, TimeProvider time) =>
        new(lake, ControlScope.Of(options), (table, cancellationToken) => PipelineOrderWork.GapsAsync(lake, sources, table, cancellationToken), time)
        {
            Locate = (table, range, cancellationToken) => PipelineOrderWork.LocateAsync(sources, table, range, cancellationToken),
        };

    public Task<ControlState> StateAsync(CancellationToken cancellationToken) => _table.ReadAsync(cancellationToken);

    public async Task<Planned> PlanAsync(ControlCommand command, CancellationToken cancellationToken)
    {
        Require(command);
        var id = NewId();
        try
        {
            var (state, looked, aim, changes) = await SoonAsync(ActsUnrecorded(command.Verb) ? AnswerMax : Timeout.InfiniteTimeSpan, async cancel =>
            {
                var now = await StateAsync(cancel);
                var (meant, aimed, changed) = await LookAsync(command, now, cancel);
                return (now, meant, aimed, changed);
            }, "Look whether it is there and what it is busy with.", cancellationToken);
            return new Planned(new ControlPlan(id, looked, StandingOf(looked, state), aim).Write(), looked, changes, IsRecordable: true);
        }
        catch (PipelineException e) when (e.IsTransient && ActsUnrecorded(command.Verb))
        {
            return new Planned(new ControlPlan(id, command, Standing: null, Aim: null) { IsBlind = true }.Write(), command, ChangesOf(command, ControlState.None), IsRecordable: false);
        }
    }

    public async Task<Applied> ApplyAsync(string planId, string who, string why, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(who);
        if (ControlPlan.TryRead(planId) is not { } plan) return Refuse(ControlRefusal.UnknownPlan, "Plan", "there is none of that id", "Plan what is to be done, and apply the id that this gives.");
        // It may be of another configuration, or made up.
        Require(plan.Command);
        if (plan.IsBlind && !ActsUnrecorded(plan.Command.Verb)) return Refuse(ControlRefusal.UnknownPlan, NameOf(plan.Command), "nobody knows what it was planned over", "Plan it again, and apply the id that this gives.");
        if (string.IsNullOrWhiteSpace(why)) return Refuse(ControlRefusal.NoReason, NameOf(plan.Command), "nobody has said why", "Give a reason: others read it in the list of events.");
        try
        {
            var at = Now();
            return await SoonAsync(ActsUnrecorded(plan.Command.Verb) ? AnswerMax : RecordMax, cancel => _table.AppendAsync((state, inner) => DecideAsync(plan, state, who, why, at, inner), cancel),
                "It is not known whether this was recorded. Look whether the lake is there, and apply the same id again: what is recorded is not done twice.", cancellationToken);
        }
        catch (PipelineException e) when (e.IsTransient && ActsUnrecorded(plan.Command.Verb))
        {
            return Refuse(ControlRefusal.LakeAway, e.Thing, e.Cause, "Ask a node that runs: it acts at once, and records it when the lake is back.");
        }
    }

    /// <summary>What an applied plan is, said at a time.</summary>
    internal static Wish? WishOf(ControlPlan plan, string who, string why, DateTimeOffset at)
    {
        return plan.Command.Verb switch
        {
            ControlVerb.Pause => Of(WishKind.Paused, holds: true),
            ControlVerb.Drain => Of(WishKind.Drained, holds: true),
            ControlVerb.Resume => Of(WishKind.Paused, holds: false),
            ControlVerb.Schedule => Of(WishKind.Schedule, holds: true),
            ControlVerb.Unschedule => Of(WishKind.Schedule, holds: false),
            _ => null,
        };

        Wish Of(WishKind kind, bool holds) => new(plan.Id, kind, plan.Command.Target, holds, plan.Command.Value, who, at, why);
    }

    /// <summary>Records what acted while the lake was away; nothing where it is recorded already.</summary>
    /// <exception cref="PipelineException">The lake is still away.</exception>
    internal Task RecordAsync(Wish wish, CancellationToken cancellationToken) => _table.AppendAsync((state, _) =>
        ValueTask.FromResult((true, state.Knows(wish.Id) ? null : ControlEntry.Of(state.Number + 1, wish))), cancellationToken);

    /// <summary>The same of an order, which is done.</summary>
    /// <exception cref="PipelineException">The lake is still away.</exception>
    internal async Task RecordAsync(Order order, string who, CancellationToken cancellationToken)
    {
        await _table.AppendAsync((state, _) => ValueTask.FromResult((true, state.Knows(order.Id) ? null : ControlEntry.Of(order with { Number = state.Number + 1 }))), cancellationToken);
        await EndAsync(order, OrderOutcome.Done, detail: null, who, cancellationToken);
    }

    /// <summary>Records that somebody has accepted a table's gaps by himself.</summary>
    internal Task RecordGapAsync(TableId table, string who, string why, CancellationToken cancellationToken) =>
        RecordAsync(new Order(NewId(), Number: 0, OrderKind.AcceptGap, ControlTarget.Of(table), Aim: null, Value: null, who, Now(), why), who, cancellationToken);

    /// <summary>Records that an order is over; its first end counts.</summary>
    internal Task EndAsync(Order order, OrderOutcome outcome, string? detail, string who, CancellationToken cancellationToken) => _table.AppendAsync((state, _) =>
        ValueTask.FromResult((true, state.Waiting.Any(waiting => waiting.Id == order.Id) ? ControlEntry.Of(state.Number + 1, new OrderEnd(order.Id, outcome, detail, who, Now()), order.Target) : null)), cancellationToken);

    /// <summary>What was written all the same has the id of what was asked for.</summary>
    private async Task<T> SoonAsync<T>(TimeSpan max, Func<CancellationToken, Task<T>> work, string nextStep, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(max, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await work(either.Token);
        }
        catch (OperationCanceledException e) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new PipelineException(FaultKind.Unreachable, $"Lake {lake.Store.Location}", $"it has not answered within {max.TotalSeconds} s", nextStep, e);
        }
    }

    /// <summary>Whoever has seen a word speaks after it, whatever his clock says.</summary>
    private static Wish After(Wish? seen, Wish wish) => seen is null || seen.At < wish.At ? wish : wish with { At = seen.At.AddMicroseconds(1) };

    private void Require(ControlCommand command)
    {
        scope.Require(command);
        if (command.Verb == ControlVerb.Schedule) CronSchedule.Parse(command.Value ?? "");
        if (IsOfPart(command)) BackfillRange.Parse(command.Value ?? "");
        if (command.Verb == ControlVerb.LogLevel) LogOrder.Parse(command.Value);
    }

    private static bool IsOfPart(ControlCommand command) => command.Verb is ControlVerb.BackfillPart or ControlVerb.BackfillInOrder;

    private static bool ActsUnrecorded(ControlVerb verb) => verb is ControlVerb.Pause or ControlVerb.Drain or ControlVerb.Resume or ControlVerb.Restart;

    private async ValueTask<(Applied, ControlEntry?)> DecideAsync(ControlPlan plan, ControlState state, string who, string why, DateTimeOffset at, CancellationToken cancellationToken)
    {
        if (state.Knows(plan.Id)) return (new Applied.Repeated(plan.Id), null);
        if (!plan.IsBlind && StandingOf(plan.Command, state) != plan.Standing) return (Moved("somebody else has said something about it since it was planned"), null);
        var number = state.Number + 1;
        if (WishOf(plan, who, why, at) is { } wish) return (new Applied.Recorded(plan.Id, number), ControlEntry.Of(number, plan.IsBlind ? wish : After(state.LastWordOn(wish.Kind, wish.Target), wish)));
        var snapshot = await SnapshotAsync(plan.Command.Target, cancellationToken);
        if (OrderAims.MovedSince(plan.Aim, snapshot) is { } moved) return (Moved($"{moved} since it was planned"), null);
        // A table remembers the last order that was done, also when the record of orders was restored from before.
        number = Math.Max(number, (snapshot?.Position(Order.DoneAppId) ?? 0) + 1);
        return (new Applied.Recorded(plan.Id, number), ControlEntry.Of(new Order(plan.Id, number, OrderOf(plan.Command), plan.Command.Target, plan.Aim, plan.Command.Value, who, at, why)));

        Applied Moved(string cause) => Refuse(ControlRefusal.Moved, NameOf(plan.Command), cause, "Look at it again, and plan anew if it is still to be done.");
    }

    /// <returns>The command as it turned out, and what it would do.</returns>
    private async ValueTask<(ControlCommand Command, OrderAim? Aim, IReadOnlyList<ControlChange> Changes)> LookAsync(ControlCommand command, ControlState state, CancellationToken cancellationToken)
    {
        if (IsOfPart(command)) return await LookAsync(command, command.Target.Table!, BackfillRange.Parse(command.Value!), cancellationToken);
        if (command.Verb < ControlVerb.Trigger || await SnapshotAsync(command.Target, cancellationToken) is not { } snapshot) return (command, null, ChangesOf(command, state));
        if (command.Verb != ControlVerb.AcceptGap) return (command, OrderAims.Of(snapshot, []), ChangesOf(command, state));
        var gaps = await findGaps(command.Target.Table!, cancellationToken);
        return (command, OrderAims.Of(snapshot, gaps), [.. gaps.Select(gap => new ControlChange(gap.Split.ToString(), gap.IsBehind ? "is-read-again" : "gives-up", $"{gap.Range.From}..{gap.Range.To}"))]);
    }

    private async ValueTask<(ControlCommand Command, OrderAim? Aim, IReadOnlyList<ControlChange> Changes)> LookAsync(ControlCommand command, TableId table, BackfillRange range, CancellationToken cancellationToken)
    {
        if (Locate is not { } locate) throw new PipelineException(FaultKind.Invalid, $"Table {table}", "its source cannot be asked from here where the part lies", "Plan it with './pipeline backfill', or through a node.");
        var bronze = await lake.TryOpenAsync(table, cancellationToken);
        var snapshot = bronze?.Current;
        if (snapshot is null && TableTurns.RefusalOf(snapshot, table, []) is { } missing) throw missing;
        var located = await locate(table, range, cancellationToken);
        // What lies behind where it has come to is read anyway.
        var parts = located.Where(part => !(part.From >= snapshot!.Position(part.Split))).ToList();
        if (TableTurns.RefusalOf(snapshot, table, parts) is { } refusal) throw refusal;
        var isInOrder = TableTurns.AreInOrder(snapshot!, parts);
        if (isInOrder) await TableTurns.CheckOrderAsync(bronze!, table, parts, cancellationToken);
        var others = located.Except(parts).Select(part => (part.Split, part.From, At: snapshot!.Position(part.Split)!.Value)).ToList();
        foreach (var (split, from, at) in others.Where(other => !isInOrder && other.From > other.At))
            throw new PipelineException(FaultKind.Invalid, $"Table {table}", $"split {split} has been read up to {at}, and the part begins at {from}: what lies between would beat later records of its keys that do not come again", "Plan it again when that has been read.");
        return (command with { Verb = isInOrder ? ControlVerb.BackfillInOrder : ControlVerb.BackfillPart }, OrderAims.Of(snapshot!, []) with { Parts = parts }, [.. parts.Select(part => new ControlChange(part.Split.ToString(), "is-read-again", part.Range)), .. others.Select(other => new ControlChange(other.Split.ToString(), "goes-on", $"{other.At}.."))]);
    }

    private async ValueTask<Snapshot?> SnapshotAsync(ControlTarget target, CancellationToken cancellationToken) =>
        target.Table is { } table ? (await lake.TryOpenAsync(table, cancellationToken))?.Current : null;

    /// <summary>The last that was said or ordered about the same.</summary>
    private static string? StandingOf(ControlCommand command, ControlState state) => command.Verb switch
    {
        ControlVerb.Pause or ControlVerb.Drain or ControlVerb.Resume => state.LastWordOn(WishKind.Paused, command.Target)?.Id,
        ControlVerb.Schedule or ControlVerb.Unschedule => state.LastWordOn(WishKind.Schedule, command.Target)?.Id,
        _ => state.Orders.LastOrDefault(order => order.Kind == OrderOf(command) && order.Target == command.Target)?.Id,
    };

    private IReadOnlyList<ControlChange> ChangesOf(ControlCommand command, ControlState state)
    {
        var change = command.Verb switch
        {
            ControlVerb.Pause or ControlVerb.Drain => "pauses",
            ControlVerb.Resume => "resumes",
            ControlVerb.Schedule => "is-scheduled",
            ControlVerb.Unschedule => "is-not-scheduled",
            ControlVerb.Trigger => "runs",
            ControlVerb.Rebuild => "is-rebuilt",
            ControlVerb.Restart => "restarts",
            ControlVerb.Leave => "leaves",
            ControlVerb.Cancel => "is-cancelled",
            ControlVerb.Down => "is-given-up",
            ControlVerb.LogLevel => "tells",
            _ => "is-read-again",
        };
        var things = command.Target.Kind != ControlTargetKind.Source ? [command.Target.Name]
            : scope.Tables.Where(table => table.Source == command.Target.Name).Select(table => table.ToString()).ToList();
        return [.. things.Select(thing => command.Verb == ControlVerb.Resume && HeldBy(thing, command.Target, state) is { } by ? new ControlChange(thing, "stays-paused", by) : new ControlChange(thing, change))];
    }

    /// <summary>Another target whose wish holds the thing as well.</summary>
    private static string? HeldBy(string thing, ControlTarget resumed, ControlState state) => state.Wishes
        .Where(wish => wish.Kind != WishKind.Schedule && wish.Target != resumed)
        .FirstOrDefault(wish => wish.Target.Name == thing || (wish.Target.Kind == ControlTargetKind.Source && thing.StartsWith($"bronze/{wish.Target.Name}/", StringComparison.Ordinal)))?.Target.Name;

    private DateTimeOffset Now() => Whole(time.GetUtcNow());

    /// <summary>Cut to whole microseconds, as it will be read again.</summary>
    internal static DateTimeOffset Whole(DateTimeOffset at) => new(at.UtcTicks - (at.UtcTicks % TimeSpan.TicksPerMicrosecond), TimeSpan.Zero);

    private static string NewId() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    private static OrderKind OrderOf(ControlCommand command) => Enum.Parse<OrderKind>(command.Verb.ToString());

    private static string NameOf(ControlCommand command) => $"{ControlWords.Of(command.Verb)} {command.Target}";

    private static Applied.Refused Refuse(ControlRefusal reason, string thing, string cause, string nextStep) => new(reason, new Fault(FaultKind.Invalid, thing, cause, nextStep));
}
