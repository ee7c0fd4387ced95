using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Transform.Coordination.Runners;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Coordination;

/// <summary>What the coordinator does next.</summary>
internal abstract record MedallionEffect
{
    /// <summary>Finds out what a run of the table would do; answered by <see cref="JobPlanned"/>.</summary>
    /// <param name="RowsMax">Bronze rows of that run.</param>
    public sealed record Plan(TableId Table, long RowsMax) : MedallionEffect;

    /// <summary>Runs a job whose request is durable; answered by <see cref="JobEnded"/>.</summary>
    /// <param name="Runner">The node.</param>
    /// <param name="IsAgain">No node owned up to it.</param>
    /// <param name="Handle">Its execution, as far as is known.</param>
    public sealed record Run(JobPins Pins, string Runner, bool IsAgain = false, JobHandle? Handle = null) : MedallionEffect;

    /// <summary>Interrupts a job that nobody waits for.</summary>
    public sealed record Cancel(JobPins Pins, string Runner) : MedallionEffect;

    /// <summary>The execution of a job is durable: the node may submit it.</summary>
    public sealed record Proceed(IntentKept Kept, string Runner) : MedallionEffect;

    public sealed record Announce(TableAdvanced Advanced) : MedallionEffect;
}

/// <summary>What follows from a message: first the events are made durable and applied, then the effects happen.</summary>
internal sealed record Decision(MedallionState State, ImmutableArray<MedallionEvent> Events, ImmutableArray<MedallionEffect> Effects)
{
    public static Decision Of(MedallionState state) => new(state, [], []);
}

/// <summary>What the coordinator knows of one table.</summary>
/// <param name="Inputs">Tables it is made from.</param>
internal sealed record TableState(TableId Table, ImmutableArray<TableId> Inputs)
{
    /// <summary>Its plan is being made.</summary>
    public bool IsPlanning { get; init; }

    /// <summary>The job that was requested and has not ended, as far as is known.</summary>
    public JobPins? Running { get; init; }

    /// <summary>The execution of that job; null: none is known.</summary>
    public JobHandle? Handle { get; init; }

    /// <summary>When an input first advanced that is not reflected; null: none has.</summary>
    public DateTimeOffset? PendingSince { get; init; }

    public long PendingRows { get; init; }

    public long Run { get; init; }

    public long? Version { get; init; }

    public long? Rows { get; init; }

    public DateTimeOffset? LastRunAt { get; init; }

    public TimeSpan? LastTook { get; init; }

    public DateTimeOffset? ReflectsUntil { get; init; }

    public int FailedAttempts { get; init; }

    /// <summary>All attempts that failed since the last run that did not, told to look again or not; null: none.</summary>
    public FailedBefore? FailedBefore { get; init; }

    /// <summary>After an error: not to be tried earlier.</summary>
    public DateTimeOffset NotBefore { get; init; }

    /// <summary>Somebody has to mend something: it is tried again slowly, sooner when something changes.</summary>
    public bool IsStopped { get; init; }

    /// <summary>Rows break a rule that stops it, and what is made of it, until a run has ended well.</summary>
    public bool IsRuleBroken { get; init; }

    /// <summary>How often in a row it has stopped.</summary>
    public int Halts { get; init; }

    public bool IsPaused { get; init; }

    public bool IsTriggered { get; init; }

    /// <summary>Told to look again while it was looking: should that fail, it does so at once.</summary>
    public bool IsLookedAtAgain { get; init; }

    /// <summary>The last run left rows for the next one.</summary>
    public bool IsBehind { get; init; }

    /// <summary>Bronze rows of its next run; null: as many as configured.</summary>
    public long? RowsMax { get; init; }

    public string? Error { get; init; }

    public bool IsBusy => IsPlanning || Running is not null;

    /// <summary>Its last run, or the planning of one, did not end well.</summary>
    public bool IsFailing => FailedAttempts > 0;

    public bool IsGold => Table.Layer == Layer.Gold;
}

/// <summary>The newest version seen of an input.</summary>
internal readonly record struct InputHead(long Version, DateTimeOffset CommittedAt)
{
    /// <summary>A lower version that was committed later is of a table that was made anew, or restored from a copy.</summary>
    public bool IsOlderThan(InputSeen input) => input.Version > Version || (input.Version < Version && input.CommittedAt > CommittedAt);
}

/// <summary>
/// Which Silver and Gold tables run when: a function of state, message and time. Announcements and polls of the tables'
/// logs are only hints that a table may have something to do; what it has to do is planned from the logs themselves.
/// </summary>
/// <param name="Heads">The newest version seen of each input.</param>
internal sealed record MedallionState(ImmutableArray<TableState> Tables, ImmutableDictionary<TableId, InputHead> Heads, TransformOptions Options)
{
    /// <summary>The nodes that run jobs.</summary>
    public RunnerAssignment Runners { get; init; } = RunnerAssignment.None;

    /// <summary>No other table is run, though what is remembered of all stays; null: there are none.</summary>
    public IReadOnlySet<TableId>? Only { get; init; }

    /// <summary>What operators want held: known on this node, and not remembered here.</summary>
    public HeldWork Held { get; init; } = HeldWork.None;

    /// <summary>Nothing known: every table is looked at once.</summary>
    public static MedallionState Start(IEnumerable<(TableId Table, IEnumerable<TableId> Inputs)> tables, TransformOptions options, DateTimeOffset now) =>
        new([.. tables.Select(table => new TableState(table.Table, [.. table.Inputs]) { PendingSince = now })], ImmutableDictionary<TableId, InputHead>.Empty, options);

    public TableState? Find(TableId table) => Tables.FirstOrDefault(state => state.Table == table);

    /// <summary>What follows from a message. Reads no clock and draws no random number.</summary>
    public static Decision Decide(MedallionState state, object message, DateTimeOffset now) => message switch
    {
        Tick => state.StartDue(now),
        InputSeen input => Decision.Of(state.See(input, now)),
        InputsPolled polled => Decision.Of(polled.Inputs.Aggregate(state, (s, input) => s.See(input, now))),
        JobPlanned planned => state.OnPlanned(planned, now),
        JobEnded ended => state.OnEnded(ended, now),
        RunnersAsked asked => RunnerAssignment.OnAsked(state, asked),
        RunnerAnswered answered => RunnerAssignment.OnAnswered(state, answered, now),
        RunnerLost lost => RunnerAssignment.OnLost(state, lost, now),
        RunnersWaitedFor => RunnerAssignment.OnWaitedFor(state, now),
        TriggerTable trigger => Decision.Of(state.With(trigger.Table, table => Triggered(table, now))),
        LookAgain => Decision.Of(state.TryFailed(now)),
        PauseTable pause => new Decision(state, [new TablePaused(pause.Table, now)], []),
        ResumeTable resume => new Decision(state, [new TableResumed(resume.Table, now)], []),
        CancelTable cancel => state.OnCancel(cancel, now),
        _ => throw new ArgumentException($"Unknown message {message.GetType().Name}.", nameof(message)),
    };

    /// <summary>What a durable event changes.</summary>
    public MedallionState Apply(MedallionEvent happened) => With(happened.Table, table => happened switch
    {
        JobRequested requested when requested.Pins.IsSame(table.Running) => table with { Handle = requested.Handle },
        JobRequested requested => table with { IsPlanning = false, Running = requested.Pins, Handle = requested.Handle, LastRunAt = requested.At, IsTriggered = false },
        JobSucceeded succeeded => table with
        {
            Running = null, Handle = null, Run = succeeded.Run, Version = succeeded.Version, Rows = succeeded.Rows, LastTook = succeeded.Took, FailedAttempts = 0, FailedBefore = null, Halts = 0, Error = null, IsStopped = false, IsRuleBroken = false, IsLookedAtAgain = false,
            ReflectsUntil = table.Running?.ReflectsUntil ?? table.ReflectsUntil,
            // A run reads a bounded piece of what has piled up: the rest is due next.
            PendingSince = table.PendingSince ?? (IsBehind(table, succeeded) ? succeeded.At : null),
            IsBehind = IsBehind(table, succeeded),
            RowsMax = RunSize.Larger(table.RowsMax, Options.RunRowsMax),
        },
        JobFailed failed => table with
        {
            Running = null, Handle = null, IsPlanning = false, FailedAttempts = table.FailedAttempts + 1, FailedBefore = new FailedBefore((table.FailedBefore?.Attempts ?? 0) + 1, table.FailedBefore?.Since ?? failed.At), Error = failed.Message, IsStopped = failed.IsFinal, IsRuleBroken = table.IsRuleBroken || failed.IsRuleBroken == true,
            NotBefore = failed.At + (failed.IsFinal ? Options.HaltRetry.Delay(table.Halts + 1) : Options.Retry.Delay(table.FailedAttempts + 1)), Halts = failed.IsFinal ? table.Halts + 1 : 0, PendingSince = table.PendingSince ?? failed.At, LastRunAt = failed.At,
            IsTriggered = table.IsLookedAtAgain, IsLookedAtAgain = false,
        },
        JobDropped dropped => table with { Running = null, Handle = null, IsPlanning = false, PendingSince = table.PendingSince ?? dropped.At },
        JobTooLarge tooLarge => table with { Running = null, Handle = null, RowsMax = tooLarge.RowsMax, PendingSince = table.PendingSince ?? tooLarge.At, IsBehind = true },
        TablePaused => table with { IsPaused = true },
        TableResumed => table with { IsPaused = false },
        _ => throw new ArgumentException($"Unknown event {happened.GetType().Name}.", nameof(happened)),
    });

    public MedallionSnapshot ToSnapshot() => new([.. Tables.Select(table => new RememberedTable(table.Table, table.Running, table.Run, table.Version, table.Rows,
        table.LastRunAt, table.LastTook, table.ReflectsUntil, table.IsPaused, table.RowsMax, table.Handle, table.IsRuleBroken ? true : null))]);

    /// <summary>Takes over what is remembered of tables that are still configured.</summary>
    public MedallionState Restore(MedallionSnapshot snapshot) => snapshot.Tables.Aggregate(this, (state, r) => state.With(r.Table, table => table with
    {
        Running = r.Running, Run = r.Run, Version = r.Version, Rows = r.Rows, LastRunAt = r.LastRunAt, LastTook = r.LastTook, ReflectsUntil = r.ReflectsUntil, IsPaused = r.IsPaused,
        RowsMax = r.RowsMax, Handle = r.Handle, IsRuleBroken = r.IsRuleBroken == true,
    }));

    /// <summary>
    /// Takes over what was remembered and came too late to begin with: what the tables' logs do not say. Runs are in the logs.
    /// </summary>
    /// <param name="ordered">Tables that were paused or resumed meanwhile.</param>
    public MedallionState TakeOver(MedallionState remembered, IReadOnlySet<TableId> ordered) => this with
    {
        Tables = [.. Tables.Select(table => remembered.Find(table.Table) is not { } known ? table : table with
        {
            IsPaused = ordered.Contains(table.Table) ? table.IsPaused : known.IsPaused, RowsMax = table.RowsMax ?? known.RowsMax,
        })],
    };

    public MedallionStatus ToStatus(DateTimeOffset now) => new([.. Tables.Select(table => new TableStatus(table.Table,
        table.Running is not null ? TableActivity.Running
        : table.IsPaused || Held.Has(table.Table) ? TableActivity.Paused
        : table.IsStopped || StopOf(table) is not null ? TableActivity.Stopped
        : table.FailedAttempts > 0 && table.NotBefore > now ? TableActivity.BackingOff
        : table.PendingSince is not null || table.IsPlanning ? TableActivity.Waiting
        : TableActivity.Current,
        table.Run, table.Version, table.Rows, table.LastRunAt, table.LastTook, table.ReflectsUntil, table.PendingRows, table.PendingSince, table.FailedAttempts, table.Error ?? (StopOf(table) is { } stop ? $"Table {table.Table}: it waits for {stop.Table}. {stop.Error}" : null))
    {
        Running = table.Running, FailedBefore = table.FailedBefore, Runner = Runners.Assigned.GetValueOrDefault(table.Table) is { } runner ? RunnerAssignment.NodeOf(runner) : null,
    })]);

    /// <summary>The table that has to go on before a Gold table does, since rows of it break a rule that stops what is made of them; null: none.</summary>
    public TableState? StopOf(TableState table)
    {
        if (!table.IsGold) return null;
        foreach (var input in table.Inputs.Select(Find).OfType<TableState>())
            if ((input.IsRuleBroken ? input : StopOf(input)) is { } stop) return stop;
        return null;
    }

    private MedallionState See(InputSeen input, DateTimeOffset now)
    {
        if (Heads.TryGetValue(input.Table, out var head) && !head.IsOlderThan(input)) return this;
        var seen = this with { Heads = Heads.SetItem(input.Table, new InputHead(input.Version, input.CommittedAt)) };
        return seen with
        {
            Tables = [.. Tables.Select(table => !table.Inputs.Contains(input.Table) ? table : table with
            {
                PendingSince = table.PendingSince ?? now,
                PendingRows = table.PendingRows + input.Rows,
                // New input may be what a stopped table needs, but it is no reason to hurry.
                IsStopped = false,
                NotBefore = table.IsStopped && table.NotBefore > now + Options.Retry.BackoffMax ? now + Options.Retry.BackoffMax : table.NotBefore,
            })],
        };
    }

    private static TableState Triggered(TableState table, DateTimeOffset now) => table with
    {
        IsTriggered = true, IsStopped = false, FailedAttempts = 0, Halts = 0, NotBefore = now, PendingSince = table.PendingSince ?? now,
    };

    private MedallionState TryFailed(DateTimeOffset now) => this with
    {
        Tables = [.. Tables.Select(table => table.IsBusy ? table with { IsLookedAtAgain = true } : table.IsFailing ? Triggered(table, now) : table)],
    };

    /// <summary>Plans as many due tables as there are free jobs, the longest waiting first.</summary>
    private Decision StartDue(DateTimeOffset now)
    {
        // A job that still runs somewhere may be what a table needs.
        if (Runners.IsWaiting) return Decision.Of(this);
        var free = FreeJobs;
        // Who has waited since before the clock was set back has waited longest, whatever the clock said then.
        var due = Tables.Where(table => IsDue(table, now)).OrderByDescending(table => table.IsTriggered).ThenByDescending(table => table.PendingSince > now)
            .ThenBy(table => table.PendingSince).Take(Math.Max(0, free)).Select(table => table.Table).ToImmutableArray();
        var state = due.Aggregate(this, (s, table) => s.With(table, t => t with { IsPlanning = true, PendingSince = null, PendingRows = 0 }));
        return new Decision(state, [], [.. due.Select(table => new MedallionEffect.Plan(table, RowsMax(Find(table)!)))]);
    }

    /// <summary>How many more tables may be planned: one that is being planned is taken for a job wherever it may come to run.</summary>
    private int FreeJobs
    {
        get
        {
            var (elsewhere, planning) = (Tables.Count(table => table.Running is { IsElsewhere: true }), Tables.Count(table => table.IsPlanning));
            var here = Tables.Count(table => table.Running is { IsElsewhere: false });
            return Math.Min(Options.JobsMax - planning - here, Options.RemoteJobsMax - planning - elsewhere);
        }
    }

    private bool IsDue(TableState table, DateTimeOffset now)
    {
        if (Only?.Contains(table.Table) == false) return false;
        if (table.IsBusy || table.IsPaused || Held.Has(table.Table) || table.PendingSince is not { } since) return false;
        if (StopOf(table) is not null) return false;
        if (table.IsTriggered) return true;
        if (Held.Scheduled.Contains(table.Table)) return false;
        // A moment further ahead than anything is put off was written before the clock was set back: it is no reason to wait.
        if (now < table.NotBefore && table.NotBefore - now <= (table.IsStopped ? Options.HaltRetry : Options.Retry).BackoffMax) return false;
        if (table.LastRunAt is { } last && last <= now && now < last.Plus(Interval(table)) && table.PendingRows < Options.RowsThreshold && !table.IsBehind) return false;
        // A Gold table waits for the runs of its inputs, to make one run out of many.
        return !table.IsGold || since > now || now >= since.Plus(Options.LagMax) || !table.Inputs.Any(input => Find(input) is { IsBusy: true });
    }

    /// <summary>A table rests for as long as its last run took, so that a few large ones do not keep the small from running; never beyond the largest lag.</summary>
    private TimeSpan Interval(TableState table)
    {
        var restful = (table.LastTook ?? TimeSpan.Zero) * 2;
        var interval = restful > Options.IntervalMin ? restful : Options.IntervalMin;
        return interval < Options.LagMax || Options.IntervalMin > Options.LagMax ? interval : Options.LagMax;
    }

    private Decision OnPlanned(JobPlanned planned, DateTimeOffset now)
    {
        if (Find(planned.Table) is not { IsPlanning: true }) return Decision.Of(this);
        if (planned.Pins is { } pins)
        {
            var table = Find(planned.Table)!;
            pins = pins with { ReflectsUntil = table.IsGold ? InputsReflectUntil(planned.Table) : pins.ReflectsUntil, FailedBefore = table.FailedBefore };
            return Runners.Choose(this, pins) is { } runner
                ? new Decision(Assign(planned.Table, runner), [new JobRequested(planned.Table, now, pins)], [new MedallionEffect.Run(pins, runner)])
                : new Decision(this, [new JobRequested(planned.Table, now, pins)], []);
        }

        return Decision.Of(With(planned.Table, table => table with { IsPlanning = false, IsTriggered = false, IsLookedAtAgain = false, FailedAttempts = 0, FailedBefore = null, Halts = 0, IsStopped = false, IsRuleBroken = false, Error = null }));
    }

    private bool IsBehind(TableState table, JobSucceeded succeeded) => succeeded.IsBehind == true || HasMore(table.Running);

    private bool HasMore(JobPins? pins) => pins is not null && pins.Inputs.Any(input => Heads.TryGetValue(input.Table, out var head) && head.Version > input.Version);

    /// <summary>A Gold table is as fresh as the stalest table it is made from.</summary>
    private DateTimeOffset? InputsReflectUntil(TableId table)
    {
        var inputs = Find(table)!.Inputs.Select(input => Find(input)?.ReflectsUntil).ToList();
        return inputs.Exists(at => at is null) ? null : inputs.Min();
    }

    private Decision OnEnded(JobEnded ended, DateTimeOffset now)
    {
        if (Find(ended.Table) is not { } table || !IsAwaited(table, ended)) return Decision.Of(this);
        var free = Free(ended.Table);
        if (ended.Result is { } result)
        {
            var advanced = new TableAdvanced(ended.Table, result.Version, result.Rows ?? 0, now);
            return new Decision(free.See(new InputSeen(ended.Table, result.Version, 0, now), now), [new JobSucceeded(ended.Table, now, result.Run, result.Version, result.Rows, result.Took, result.IsBehind ? true : null)],
                [new MedallionEffect.Announce(advanced)]);
        }

        var run = table.Running?.Run ?? table.Run + 1;
        if (ended.Superseded is { } reason) return new Decision(free, [new JobDropped(ended.Table, now, run, reason)], []);
        var fault = ended.Fault!;
        if (fault.Kind == FaultKind.TooLarge && RunSize.Smaller(RowsOf(table.Running), table.Running?.IsElsewhere == true ? long.MaxValue : RowsMax(table)) is { } rowsMax)
            return new Decision(free, [new JobTooLarge(ended.Table, now, run, rowsMax, fault.ToString())], []);
        // What did not fit, or took too long, may fit when less goes on beside it.
        var isTriedAgain = fault.IsTriedAgain || fault.Kind == FaultKind.TooLarge;
        var isFinal = !isTriedAgain || Options.Retry.Next(table.FailedAttempts + 1) is null;
        return new Decision(free, [new JobFailed(ended.Table, now, run, fault.ToString(), isFinal, ended.IsRuleBroken)], []);
    }

    /// <summary>What its node still tells of it is of a run that nobody waits for.</summary>
    private Decision OnCancel(CancelTable cancel, DateTimeOffset now)
    {
        if (Find(cancel.Table) is not { Running: { } pins }) return Decision.Of(this);
        return new Decision(Free(cancel.Table), [new JobDropped(cancel.Table, now, pins.Run, "an operator has cancelled it")],
            Runners.Assigned.TryGetValue(cancel.Table, out var runner) ? [new MedallionEffect.Cancel(pins, runner)] : []);
    }

    /// <summary>Not one that has been told before, nor of a run that was given up.</summary>
    private static bool IsAwaited(TableState table, JobEnded ended) => ended.Pins is { } pins ? pins.IsSame(table.Running) : table.IsPlanning;

    /// <summary>A node runs the table's job.</summary>
    public MedallionState Assign(TableId table, string runner) => this with { Runners = Runners with { Assigned = Runners.Assigned.SetItem(table, runner) } };

    private MedallionState Free(TableId table) => this with { Runners = Runners with { Assigned = Runners.Assigned.Remove(table) } };

    /// <summary>What a run reads of what has piled up, in Bronze or in the quarantine; null for Gold.</summary>
    private static long? RowsOf(JobPins? pins) => pins?.Rows is { } rows ? Math.Max(rows, pins.HeldRowsMax ?? 0) : null;

    private long RowsMax(TableState table) => table.RowsMax ?? Options.RunRowsMax;

    private MedallionState With(TableId table, Func<TableState, TableState> change) =>
        this with { Tables = [.. Tables.Select(state => state.Table == table ? change(state) : state)] };
}
