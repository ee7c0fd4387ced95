using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Coordination.Runners;

/// <summary>What a node does with its jobs.</summary>
internal abstract record NodeJobsEffect
{
    public sealed record Start(JobPins Pins) : NodeJobsEffect;

    public sealed record Interrupt(JobPins Pins) : NodeJobsEffect;

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

    public static (NodeJobs Jobs, ImmutableArray<NodeJobsEffect> Effects) Decide(NodeJobs jobs, object message) => message switch
    {
        GetRunningJobs => (jobs, [new NodeJobsEffect.Tell(new RunningJobs([.. jobs.Running.Values])), .. jobs.Ended.Values.Select(ended => new NodeJobsEffect.Tell(ended))]),
        RunJob run => jobs.OnRun(run.Pins),
        CancelJob cancel => jobs.Runs(cancel.Pins) ? (jobs with { Running = jobs.Running.Remove(cancel.Pins.Table) }, [new NodeJobsEffect.Interrupt(cancel.Pins)]) : (jobs, []),
        JobEndKept kept => (jobs.EndOf(kept.Pins) is null ? jobs : jobs with { Ended = jobs.Ended.Remove(kept.Pins.Table) }, []),
        JobEnded ended => jobs.Runs(ended.Pins!)
            ? (new NodeJobs(jobs.Running.Remove(ended.Table), jobs.Ended.SetItem(ended.Table, ended)), [new NodeJobsEffect.Tell(ended)]) : (jobs, []),
        _ => throw new ArgumentException($"Unknown message {message.GetType().Name}.", nameof(message)),
    };

    private (NodeJobs Jobs, ImmutableArray<NodeJobsEffect> Effects) OnRun(JobPins pins)
    {
        if (Runs(pins)) return (this, []);
        if (EndOf(pins) is { } ended) return (this, [new NodeJobsEffect.Tell(ended)]);
        var running = Running.GetValueOrDefault(pins.Table);
        return (new NodeJobs(Running.SetItem(pins.Table, pins), Ended.Remove(pins.Table)),
            running is null ? [new NodeJobsEffect.Start(pins)] : [new NodeJobsEffect.Interrupt(running), new NodeJobsEffect.Start(pins)]);
    }

    private bool Runs(JobPins pins) => pins.IsSame(Running.GetValueOrDefault(pins.Table));

    private JobEnded? EndOf(JobPins pins) => Ended.GetValueOrDefault(pins.Table) is { } ended && pins.IsSame(ended.Pins) ? ended : null;
}
