using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Coordination.Runners;

/// <summary>What a node does with its jobs.</summary>
internal abstract record NodeJobsEffect
{
    /// <param name="Handle">An execution to be looked for first.</param>
    public sealed record Start(JobPins Pins, JobHandle? Handle = null) : NodeJobsEffect;

    public sealed record Interrupt(JobPins Pins) : NodeJobsEffect;

    /// <summary>The job may submit its execution.</summary>
    public sealed record Proceed(IntentKept Kept) : NodeJobsEffect;

    /// <summary>To the coordinator that asked or ordered last.</summary>
    public sealed record Tell(object Message) : NodeJobsEffect;
}

/// <summary>
/// The jobs of one node: a function of state and message. A table has one job at a time; another one for it means that the
/// coordinator has given up the first.
/// </summary>
/// <param name="Ended">How jobs ended of which no coordinator has said that it has it.</param>
internal sealed record NodeJobs(ImmutableSortedDictionary<TableId, JobPins> Running, ImmutableSortedDictionary<TableId, JobEnded> Ended)
{
    public static readonly NodeJobs None = new(
        ImmutableSortedDictionary.Create<TableId, JobPins>(TableId.ByName), ImmutableSortedDictionary.Create<TableId, JobEnded>(TableId.ByName));

    /// <summary>The executions of running jobs that have been, or are about to be, submitted to an engine elsewhere.</summary>
    public ImmutableSortedDictionary<TableId, SubmittedJob> Submitted { get; init; } = ImmutableSortedDictionary.Create<TableId, SubmittedJob>(TableId.ByName);

    public static (NodeJobs Jobs, ImmutableArray<NodeJobsEffect> Effects) Decide(NodeJobs jobs, object message) => message switch
    {
        GetRunningJobs => (jobs, [new NodeJobsEffect.Tell(jobs.ToMessage()), .. jobs.Ended.Values.Select(ended => new NodeJobsEffect.Tell(ended))]),
        RunJob run => jobs.OnRun(run),
        JobIntended intended => jobs.OnIntended(intended),
        IntentKept kept => jobs.OnKept(kept),
        CancelJob cancel => jobs.Runs(cancel.Pins) ? (jobs.Without(cancel.Pins.Table), [new NodeJobsEffect.Interrupt(cancel.Pins)]) : (jobs, []),
        JobEndKept kept => (jobs.EndOf(kept.Pins) is null ? jobs : jobs with { Ended = jobs.Ended.Remove(kept.Pins.Table) }, []),
        JobEnded ended => jobs.Runs(ended.Pins!)
            ? (jobs.Without(ended.Table) with { Ended = jobs.Ended.SetItem(ended.Table, ended) }, [new NodeJobsEffect.Tell(ended)]) : (jobs, []),
        _ => throw new ArgumentException($"Unknown message {message.GetType().Name}.", nameof(message)),
    };

    private (NodeJobs Jobs, ImmutableArray<NodeJobsEffect> Effects) OnRun(RunJob run)
    {
        var pins = run.Pins;
        if (Runs(pins)) return (this, []);
        if (EndOf(pins) is { } ended) return (this, [new NodeJobsEffect.Tell(ended)]);
        var running = Running.GetValueOrDefault(pins.Table);
        var start = new NodeJobsEffect.Start(pins, run.Handle);
        return (Without(pins.Table) with { Running = Running.SetItem(pins.Table, pins), Ended = Ended.Remove(pins.Table) },
            running is null ? [start] : [new NodeJobsEffect.Interrupt(running), start]);
    }

    /// <summary>Told at once, since it waits for being written down; and again with each look.</summary>
    private (NodeJobs Jobs, ImmutableArray<NodeJobsEffect> Effects) OnIntended(JobIntended intended)
    {
        if (!Runs(intended.Pins)) return (this, []);
        var jobs = this with { Submitted = Submitted.SetItem(intended.Pins.Table, new SubmittedJob(intended.Pins.Table, intended.Handle) { IsAwaited = true }) };
        return (jobs, [new NodeJobsEffect.Tell(jobs.ToMessage())]);
    }

    private (NodeJobs Jobs, ImmutableArray<NodeJobsEffect> Effects) OnKept(IntentKept kept) =>
        Runs(kept.Pins) && Submitted.GetValueOrDefault(kept.Pins.Table) is { IsAwaited: true } submitted && submitted.Handle == kept.Handle
            ? (this with { Submitted = Submitted.SetItem(kept.Pins.Table, submitted with { IsAwaited = null }) }, [new NodeJobsEffect.Proceed(kept)]) : (this, []);

    private RunningJobs ToMessage() => new([.. Running.Values])
    {
        Submitted = Submitted.IsEmpty ? null : [.. Submitted.Values],
    };

    /// <summary>The table has no job.</summary>
    private NodeJobs Without(TableId table) => this with { Running = Running.Remove(table), Submitted = Submitted.Remove(table) };

    private bool Runs(JobPins pins) => pins.IsSame(Running.GetValueOrDefault(pins.Table));

    private JobEnded? EndOf(JobPins pins) => Ended.GetValueOrDefault(pins.Table) is { } ended && pins.IsSame(ended.Pins) ? ended : null;
}
