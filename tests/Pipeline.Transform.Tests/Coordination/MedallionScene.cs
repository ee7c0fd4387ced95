using Pipeline.Core;
using Pipeline.Transform.Coordination;
using Pipeline.Transform.Coordination.Runners;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Coordination;

/// <summary>A coordinator of three tables and the words to tell what happens to it.</summary>
public abstract class MedallionScene
{
    private protected static readonly TableId AppUsers = TableId.Bronze("app", "users");
    private protected static readonly TableId CrmOrders = TableId.Bronze("crm", "orders");
    private protected static readonly TableId Users = TableId.Silver("users");
    private protected static readonly TableId Orders = TableId.Silver("orders");
    private protected static readonly TableId Sales = TableId.Gold("sales");

    private protected static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private protected static readonly TransformOptions Options = new()
    {
        IntervalMin = TimeSpan.FromSeconds(2), LagMax = TimeSpan.FromSeconds(30), RowsThreshold = 1000, JobsMax = 2,
        Retry = new RetryPolicy { BackoffMin = TimeSpan.FromSeconds(1), BackoffMax = TimeSpan.FromSeconds(60), Jitter = 0, AttemptsMax = 3 },
    };

    private protected DateTimeOffset Now { get; set; } = Start;

    private protected MedallionState State { get; set; } = Fresh(Options, Start);

    /// <summary>Where jobs run.</summary>
    private protected const string Node = "akka://node-1";

    /// <summary>Two Silver tables, one of which refers to the other, and a Gold table of both.</summary>
    private protected static MedallionState Fresh(TransformOptions options, DateTimeOffset now) => MedallionState.Decide(Alone(options, now), new RunnerAnswered(Node, []), now).State;

    /// <summary>No node that runs jobs is known.</summary>
    private protected static MedallionState Alone(TransformOptions options, DateTimeOffset now) => MedallionState.Start([(Users, [AppUsers]),
        (Orders, [CrmOrders, Users]), (Sales, [Orders, Users])], options, now);

    /// <summary>Every table has been looked at and had nothing to do.</summary>
    private protected void Settle()
    {
        for (var round = 0; round < 2; round++)
        {
            Tick();
            foreach (var table in State.Tables.Where(table => table.IsPlanning).ToList()) Planned(table.Table);
        }
    }

    private protected void Run(TableId table, long run, long bronzeVersion, long rows, TableId? bronze = null, DateTimeOffset? reflects = null)
    {
        Decide(new InputSeen(bronze ?? AppUsers, bronzeVersion, rows, Now));
        Assert.Contains($"plan {table}", Tick());
        foreach (var other in State.Tables.Where(t => t.IsPlanning && t.Table != table).ToList()) Planned(other.Table);
        Decide(new JobPlanned(table, Pins(table, run) with { ReflectsUntil = reflects }));
        Ended(table, run, bronzeVersion);
    }

    private protected List<string> Tick() => Decide(Transform.Coordination.Tick.Instance);

    private protected List<string> Planned(TableId table, long? run = null) => Decide(new JobPlanned(table, run is { } number ? Pins(table, number) : null)).Where(effect => !effect.StartsWith("run ", StringComparison.Ordinal)).ToList();

    private protected List<string> Ended(TableId table, long run, long version) => Decide(new JobEnded(table, RunOf(table, run), new JobResult(table, run, version, 1, null, TimeSpan.Zero), null));

    private protected void Failed(TableId table, bool isTransient) => Decide(new JobEnded(table, RunOf(table), null, new Fault(isTransient ? FaultKind.Unreachable : FaultKind.Invalid, table.ToString(), "broken", "Mend it.")));

    private protected void TooLarge(TableId table) => Decide(new JobEnded(table, RunOf(table), null, new Fault(FaultKind.TooLarge, table.ToString(), "too large", "Read fewer rows.")));

    private protected void Superseded(TableId table, string reason) => Decide(JobEnded.Failed(table, RunOf(table), new JobSupersededException(reason)));

    /// <summary>What runs; null while it is planned.</summary>
    private protected JobPins? RunOf(TableId table) => State.Find(table)!.Running;

    /// <summary>What runs, if it has that number; else another run.</summary>
    private protected JobPins RunOf(TableId table, long run) => RunOf(table) is { } running && running.Run == run ? running : Pins(table, run);

    /// <summary>The rows that the table's next run may read, if it is due now.</summary>
    private protected List<long> PlannedRows(TableId table)
    {
        var decision = MedallionState.Decide(State, Transform.Coordination.Tick.Instance, Now);
        Take(decision);
        return [.. decision.Effects.OfType<MedallionEffect.Plan>().Where(plan => plan.Table == table).Select(plan => plan.RowsMax)];
    }

    private protected List<string> Decide(object message) => Take(MedallionState.Decide(State, message, Now));

    private protected List<string> Take(Decision decision)
    {
        State = decision.Events.Aggregate(decision.State, (state, happened) => state.Apply(happened));
        return [.. decision.Effects.Select(Name)];
    }

    private protected TableStatus Status(TableId table) => State.ToStatus(Now).Tables.Single(status => status.Table == table);

    private protected JobPins Pins(TableId table, long run) => new() { Table = table, Run = run, RequestedAt = Now, Inputs = [], Targets = [] };

    private protected static string Name(MedallionEffect effect) => effect switch
    {
        MedallionEffect.Plan plan => $"plan {plan.Table}",
        MedallionEffect.Run run => $"run {run.Pins.Id}",
        MedallionEffect.Cancel cancel => $"cancel {cancel.Pins.Id} on {cancel.Runner}",
        MedallionEffect.Announce announce => $"announce {announce.Advanced.Table}@{announce.Advanced.Version}",
        _ => throw new ArgumentException("Unknown effect.", nameof(effect)),
    };
}
