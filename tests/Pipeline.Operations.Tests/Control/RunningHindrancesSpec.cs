using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Operations.Control;
using Pipeline.Transform.Coordination.Freshness;

namespace Pipeline.Operations.Tests.Control;

/// <summary>What nodes say keeps those tables that it is about, and no others.</summary>
public sealed class RunningHindrancesSpec
{
    private const string Node = "10.0.0.5:4053";

    private static readonly DateTimeOffset Now = new(2026, 3, 2, 12, 0, 0, TimeSpan.Zero);
    private static readonly TableId Users = TableId.Bronze("app", "users");
    private static readonly TableId Silver = TableId.Silver("users");

    [Theory]
    [InlineData("Source app at db:5432", "bronze/app/users")]
    [InlineData("Source app, table users", "bronze/app/users")]
    [InlineData("The end of Source app, table users", "bronze/app/users")]
    [InlineData("Source apple at db:5432", "")]
    [InlineData("Table silver/users", "silver/users")]
    [InlineData("Table silver/users_old", "")]
    [InlineData("Lake s3://b", "bronze/app/users silver/users")]
    [InlineData("The store s3://b", "bronze/app/users silver/users")]
    [InlineData("Journal Data Source=j.db", "silver/users")]
    public void What_is_named_keeps_its_own_tables_and_what_names_none_keeps_all(string thing, string kept)
    {
        var running = Running([new Trouble(FaultKind.Unreachable, thing, "it does not answer", "See it.", Now)], Line(Users, WorkState.Reading), Line(Silver, WorkState.Current));

        Assert.Equal(kept, string.Join(' ', new[] { Users, Silver }.Where(table => running.Of(table, isAsked: true, said: null).Any(hindrance => hindrance.Kind == HindranceKind.Away)).Select(table => table.ToString())));
    }

    [Fact]
    public void What_is_waited_for_is_no_fault_and_a_run_that_does_not_end_is_cancelled_by_a_command()
    {
        var running = Running([new Trouble(Kind: null, $"Table {Silver}", "run 3 is still executed by this node", "Let it end.", Now)], Line(Silver, WorkState.Running));

        var waits = Assert.Single(running.Of(Silver, isAsked: true, said: null));
        Assert.Equal((HindranceKind.Waits, "Let it end.", $"jobs cancel {Silver} --reason WHY"), (waits.Kind, waits.NextStep, string.Join(' ', waits.Help)));
    }

    [Fact]
    public void What_the_table_itself_has_said_is_not_said_again()
    {
        var running = Running([new Trouble(FaultKind.Unreachable, "Lake s3://b", "it does not answer", "See it.", Now)], Line(Users, WorkState.Retrying));

        Assert.Empty(running.Of(Users, isAsked: true, new ToldFault(Now, FaultKind.Unreachable, "Object x", "it does not answer", "See it.")));
        Assert.NotEmpty(running.Of(Users, isAsked: true, new ToldFault(Now, FaultKind.Unreachable, "Object x", "it does not answer", "See it.", EndedAt: Now)));
    }

    [Fact]
    public void A_Bronze_table_that_no_node_reads_waits_for_one_though_others_run()
    {
        var unread = Line(Users, WorkState.Current) with { Nodes = ImmutableDictionary<string, ImmutableArray<WorkerLine>>.Empty };

        var waits = Assert.Single(Running([], unread).Of(Users, isAsked: true, said: null));
        Assert.Equal((HindranceKind.NoNode, "run"), (waits.Kind, Assert.Single(waits.Help)));
        Assert.Contains(Node, waits.Cause, StringComparison.Ordinal);
        Assert.Empty(Running([], Line(Users, WorkState.Reading)).Of(Users, isAsked: true, said: null));
    }

    [Fact]
    public void A_fault_that_a_node_says_stands_over_what_was_told_and_one_that_reads_has_none()
    {
        var told = new ToldFault(Now.AddHours(-1), FaultKind.NotAuthorised, "Source app", "an old cause", "An old step.");
        var halted = Line(Users, WorkState.Halted) with { Report = Line(Users, WorkState.Halted).Report with { Fault = new ReportedFault(FaultKind.NotAuthorised, "Source app", "a new cause", "A new step.") } };

        Assert.Equal(told with { Cause = "a new cause", NextStep = "A new step." }, Running([], halted).FaultOf(Users, told));
        Assert.Equal(Now, Running([], halted).FaultOf(Users, told: null)!.At);
        Assert.Null(Running([], Line(Users, WorkState.Reading)).FaultOf(Users, told));
        Assert.Same(told, Running([], Line(Users, WorkState.Starting)).FaultOf(Users, told));
        Assert.Same(told, Running([]).FaultOf(Users, told));
    }

    private static RunningHindrances Running(Trouble[] troubles, params TableLine[] lines) =>
        new(new PipelineStatus(Now, [new NodeLine(new NodeFacts(Node, "4b1de7", "1.0.0", Now, ["ingest"], "fe12"), Now, 0, IsHeld: false, 0, []) { Troubles = troubles }], lines, LakeAway: null, []));

    private static TableLine Line(TableId table, WorkState state) =>
        new(new TableReport(table, state, Now, Version: null, Rows: null, RowsPerSecond: null, Pending: 0), ImmutableDictionary<string, ImmutableArray<WorkerLine>>.Empty.Add(Node, [new WorkerLine(0, state, 1)]));
}
