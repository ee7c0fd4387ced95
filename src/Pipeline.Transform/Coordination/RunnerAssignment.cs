using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Transform.Coordination.Runners;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Coordination;

/// <summary>
/// Which node runs which job, as far as the coordinator knows: part of <see cref="MedallionState"/>, and like it a function of
/// state, message and time. Nothing of it is remembered: the nodes know what they run.
/// </summary>
/// <remarks>A run may be started twice when a node is thought to be gone and is not: the table takes it once.</remarks>
/// <param name="Known">Nodes that have answered.</param>
/// <param name="Awaited">Nodes that were asked at the beginning and have not answered: nothing is planned meanwhile.</param>
internal sealed record RunnerAssignment(ImmutableSortedSet<string> Known, ImmutableSortedSet<string> Awaited, ImmutableDictionary<TableId, string> Assigned)
{
    public static readonly RunnerAssignment None = new([], [], ImmutableDictionary<TableId, string>.Empty);

    public bool IsWaiting => !Awaited.IsEmpty;

    /// <summary>
    /// The node with the fewest jobs, but for those that operators want held; null: none is known. Jobs of an engine elsewhere go where most of its jobs are: so one node asks it
    /// how they stand.
    /// </summary>
    public string? Choose(MedallionState state, JobPins pins) => Known.Where(runner => state.Held.MayWork(NodeOf(runner), pins.Table))
        .OrderByDescending(runner => pins.IsElsewhere ? Of(runner).Count(table => state.Find(table)?.Running?.Engine == pins.Engine) : 0)
        .ThenBy(runner => Of(runner).Count(table => state.Find(table)?.Running is { IsElsewhere: false }))
        .ThenBy(runner => runner, StringComparer.Ordinal).FirstOrDefault();

    /// <summary>What operators call a node, of its address: host and port.</summary>
    public static string NodeOf(string runner) => runner[(runner.LastIndexOf('@') + 1)..];

    private IEnumerable<TableId> Of(string runner) => Assigned.Where(pair => pair.Value == runner).Select(pair => pair.Key);

    public static Decision OnAsked(MedallionState state, RunnersAsked asked) =>
        Decision.Of(state with { Runners = state.Runners with { Awaited = [.. asked.Runners.Except(state.Runners.Known)] } });

    public static Decision OnWaitedFor(MedallionState state, DateTimeOffset now) => Settle(state with { Runners = state.Runners with { Awaited = [] } }, [], [], now);

    public static Decision OnLost(MedallionState state, RunnerLost lost, DateTimeOffset now) => Settle(state with
    {
        Runners = state.Runners with
        {
            Known = state.Runners.Known.Remove(lost.Runner), Awaited = state.Runners.Awaited.Remove(lost.Runner),
            Assigned = state.Runners.Assigned.Where(pair => pair.Value != lost.Runner).ToImmutableDictionary(),
        },
    }, [], [], now);

    /// <summary>What a node runs is its own; what it was given and does not know has been lost on the way.</summary>
    public static Decision OnAnswered(MedallionState state, RunnerAnswered answered, DateTimeOffset now)
    {
        var runner = answered.Runner;
        state = state with { Runners = state.Runners with { Known = state.Runners.Known.Add(runner), Awaited = state.Runners.Awaited.Remove(runner) } };
        var (events, effects) = (ImmutableArray.CreateBuilder<MedallionEvent>(), ImmutableArray.CreateBuilder<MedallionEffect>());
        var submitted = answered.Submitted.DistinctBy(job => job.Table).ToDictionary(job => job.Table);
        foreach (var pins in answered.Jobs)
        {
            var table = state.Find(pins.Table);
            var elsewhere = state.Runners.Assigned.GetValueOrDefault(pins.Table, runner) != runner;
            if (table is null || elsewhere || (table.Running is { } running && !running.IsSame(pins)))
            {
                effects.Add(new MedallionEffect.Cancel(pins, runner));
                continue;
            }

            // Nobody remembers that it was requested: the journal was lost. Or its execution is not known yet.
            var job = submitted.GetValueOrDefault(pins.Table);
            if (table.Running is null || (job is not null && job.Handle != table.Handle)) events.Add(new JobRequested(pins.Table, now, pins, job?.Handle));
            if (job is { IsAwaited: true }) effects.Add(new MedallionEffect.Proceed(new IntentKept(pins, job.Handle), runner));
            state = state.Assign(pins.Table, runner);
        }

        var kept = answered.Jobs.Select(pins => pins.Table).ToHashSet();
        foreach (var table in state.Tables.Where(table => table.Running is not null && state.Runners.Assigned.GetValueOrDefault(table.Table) == runner && !kept.Contains(table.Table)))
            effects.Add(new MedallionEffect.Run(table.Running!, runner, Handle: table.Handle));
        return Settle(state, events, effects, now);
    }

    /// <summary>
    /// Gives the jobs that nobody runs to nodes, once it is known that nobody does. One of an engine that is configured no more is planned
    /// anew: no node could run it.
    /// </summary>
    private static Decision Settle(MedallionState state, IEnumerable<MedallionEvent> events, IEnumerable<MedallionEffect> effects, DateTimeOffset now)
    {
        var all = effects.ToImmutableArray();
        if (state.Runners.IsWaiting) return new Decision(state, [.. events], all);
        var dropped = new List<MedallionEvent>();
        foreach (var table in state.Tables.Where(table => table.Running is not null && !state.Runners.Assigned.ContainsKey(table.Table)))
        {
            if (table.Running is { Engine: { } engine } gone && state.Options.SparkEngines.All(kind => kind.NameOf() != engine))
            {
                dropped.Add(new JobDropped(table.Table, now, gone.Run, $"it was planned for engine {engine}, which is not set up any more"));
                continue;
            }

            if (state.Runners.Choose(state, table.Running!) is not { } runner) break;
            state = state.Assign(table.Table, runner);
            all = all.Add(new MedallionEffect.Run(table.Running!, runner, IsAgain: true, table.Handle));
        }

        return new Decision(state, [.. events, .. dropped], all);
    }
}
