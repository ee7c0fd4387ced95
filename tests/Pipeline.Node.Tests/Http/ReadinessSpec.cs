using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster;
using Pipeline.Core;
using Pipeline.Ingest;
using Pipeline.Node.Composition;
using Pipeline.Node.Http;
using Pipeline.Operations.Options;
using Pipeline.Testing;
using Pipeline.Transform.Coordination;
using TableStatus = Pipeline.Ingest.TableStatus;

namespace Pipeline.Node.Tests.Http;

public sealed class ReadinessSpec
{
    private static readonly TableId Clicks = TableId.Bronze("events", "clicks");

    [Theory]
    [InlineData(MemberStatus.Removed, "has not joined")]
    [InlineData(MemberStatus.Joining, "being taken into")]
    [InlineData(MemberStatus.WeaklyUp, "being taken into")]
    [InlineData(MemberStatus.Leaving, "leaves its cluster")]
    [InlineData(MemberStatus.Exiting, "leaves its cluster")]
    [InlineData(MemberStatus.Down, "taken out of the cluster")]
    public void Only_a_node_that_is_up_is_ready(MemberStatus status, string why) => Assert.Contains(why, Only("cluster", Node(status)).Cause, StringComparison.Ordinal);

    [Theory]
    [InlineData(3, 1, true)]
    [InlineData(3, 2, false)]
    [InlineData(2, 1, false)]
    public void A_node_that_most_others_do_not_answer_is_not_ready(int members, int unreachable, bool isReady) =>
        Assert.Equal(isReady, Readiness.Of(Node() with { Members = members, Unreachable = unreachable }).IsWell);

    [Fact]
    public void What_many_tables_wait_for_is_one_reason()
    {
        var away = new Fault(FaultKind.Unreachable, "Source events", "no broker answers", "Start one.");
        var node = Reading(Table(IngestState.Retrying, away), Table(IngestState.Retrying, away) with { Table = TableId.Bronze("events", "orders") });

        var reason = Assert.Single(Check("sources", node with { Away = [new OutageNotice(OutageStage.Away, away.Outage, TimeSpan.FromSeconds(7), away)] }).Reasons);

        Assert.Equal((away, TimeSpan.FromSeconds(7)), (reason.Fault, reason.Lasts));
    }

    [Theory]
    [InlineData("Source app at db:5432", "sources")]
    [InlineData("Journal /var/journal.db", "journal")]
    [InlineData("Lake s3://lake", "commits")]
    [InlineData("Table bronze/app/users", "commits")]
    [InlineData("Table silver/users", "transform")]
    [InlineData("Table gold/sales", "transform")]
    [InlineData("EMR at elasticmapreduce.eu-central-1.amazonaws.com", "transform")]
    [InlineData("EMR Serverless at emr-serverless.eu-central-1.amazonaws.com", "transform")]
    [InlineData("EMR cluster j-1 in eu-central-1", "transform")]
    [InlineData("CloudWatch at monitoring.eu-central-1.amazonaws.com", null)]
    public void What_is_away_is_the_reason_of_the_check_that_it_is_of(string thing, string? check)
    {
        var fault = new Fault(FaultKind.Unreachable, thing, "no answer", "Look.");

        var failing = Readiness.Of(Reading() with { Away = [new OutageNotice(OutageStage.Away, thing, TimeSpan.Zero, fault)] }).Checks.Where(other => !other.IsWell).Select(other => other.Name);

        Assert.Equal(check is null ? [] : [check], failing);
    }

    [Fact]
    public void Silver_and_Gold_tables_that_stand_are_reasons_but_for_what_is_away()
    {
        var away = new Fault(FaultKind.Unreachable, "Table silver/users", "no answer", "Look.", Dependency: "EMR at elasticmapreduce.eu-central-1.amazonaws.com");
        var halted = new Fault(FaultKind.Invalid, "Table gold/sales", "a column is gone", "Bring it back.");
        var node = Reading() with
        {
            Away = [new OutageNotice(OutageStage.Away, away.Outage, TimeSpan.FromSeconds(7), away)],
            Standing = [new HealthReason(away, TimeSpan.FromSeconds(5)), new HealthReason(halted, TimeSpan.FromHours(1))],
        };

        Assert.Equal([new HealthReason(away, TimeSpan.FromSeconds(7)), new HealthReason(halted, TimeSpan.FromHours(1))], Check("transform", node).Reasons);
    }

    [Fact]
    public void What_waits_for_its_commit_is_a_reason_though_nothing_has_failed() =>
        Assert.Contains("waits for its commit", Only("commits", Reading(Table(IngestState.Retrying, fault: null))).Cause, StringComparison.Ordinal);

    [Fact]
    public void A_table_that_only_this_node_can_read_is_owed() =>
        Assert.Contains("not being read yet", Only("sources", Reading() with { Owed = [Clicks] }).Cause, StringComparison.Ordinal);

    [Fact]
    public void A_table_that_somebody_has_paused_is_none() => Assert.True(Readiness.Of(Reading(Table(IngestState.Paused, fault: null))).IsWell);

    [Fact]
    public void What_cannot_be_told_in_time_says_so()
    {
        var report = Readiness.Of(Node() with { Ingest = new Knowledge<IngestStatus>.Unknown(new Fault(FaultKind.Unreachable, "This node", "no answer", "Look.")) });

        Assert.Equal(["sources", "commits"], report.Checks.Where(check => !check.IsWell).Select(check => check.Name));
    }

    [Fact]
    public async Task A_process_whose_actors_do_not_answer_in_time_is_not_live()
    {
        using var system = ActorSystem.Create("live", "akka { loglevel = OFF, stdout-loglevel = OFF }");
        var release = new ManualResetEventSlim();
        var witness = system.ActorOf(Props.Create(() => new Stuck(release)));
        var registry = new Akka.Hosting.ActorRegistry();
        var health = new NodeHealth(system, registry, witness, OutageWatch.Silent(TimeProvider.System), new StandingTables(TimeProvider.System), Options, TimeSpan.FromMilliseconds(100));

        witness.Tell("get stuck");
        var stuck = await health.LiveAsync(TestContext.Current.CancellationToken);
        release.Set();
        await witness.Ask<ActorIdentity>(new Identify(null), Deadlines.Test, TestContext.Current.CancellationToken);
        var patient = new NodeHealth(system, registry, witness, OutageWatch.Silent(TimeProvider.System), new StandingTables(TimeProvider.System), Options, TimeSpan.FromMinutes(2));

        Assert.Contains("have not answered", Assert.Single(Assert.Single(stuck.Checks).Reasons).Fault.Cause, StringComparison.Ordinal);
        Assert.True((await patient.LiveAsync(TestContext.Current.CancellationToken)).IsWell);
    }

    private static PipelineOptions Options => PipelineOptions.Load(Path.Combine(Repository.Root, "hocon", "pipeline.conf"), SourceKinds.All, lakeLocation: null, _ => null);

    private static NodeState Node(MemberStatus status = MemberStatus.Up) => new(status, Members: 1, Unreachable: 0, Away: [], Ingest: null, Owed: [], Standing: []);

    private static NodeState Reading(params TableStatus[] tables) => Node() with { Ingest = new Knowledge<IngestStatus>.Known(new IngestStatus([.. tables], BufferBytes: 0)) };

    private static TableStatus Table(IngestState state, Fault? fault) =>
        new(Clicks, state, Rows: 0, DeadLetters: 0, Version: -1, fault, ImmutableDictionary<SplitId, long>.Empty, NewestEventAt: null, LastCommitAt: null);

    private static HealthCheck Check(string name, NodeState node) => Readiness.Of(node).Checks.Single(check => check.Name == name);

    /// <summary>The one reason of all, which is this check's.</summary>
    private static Fault Only(string check, NodeState node)
    {
        Assert.Equal([check], Readiness.Of(node).Checks.Where(other => !other.IsWell).Select(other => other.Name));
        return Assert.Single(Check(check, node).Reasons).Fault;
    }

    private sealed class Stuck : ReceiveActor
    {
        public Stuck(ManualResetEventSlim release) => ReceiveAny(_ => release.Wait());
    }
}
