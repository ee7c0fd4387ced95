using System.Collections.Immutable;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Operations.Control;
using Pipeline.Testing;
using Pipeline.Transform.Graph;

namespace Pipeline.Operations.Tests.Control;

public sealed class StatusOfRunningSpec : IDisposable
{
    private static readonly DateTimeOffset At = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly TableId Users = TableId.Bronze("app", "users");
    private static readonly TableId Orders = TableId.Bronze("app", "orders");
    private static readonly TableId SilverUsers = TableId.Silver("users");
    private static readonly TableId Totals = TableId.Gold("totals");
    private static readonly ReportedFault NoRole = new(FaultKind.NotAuthorised, "Source app", "the role is missing", "Grant it.");

    private readonly ScratchDirectory _directory = new("pipeline-running-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_table_waits_for_the_first_cause_of_what_keeps_those_that_it_is_made_from()
    {
        var status = Of([Line(Users, WorkState.Halted, NoRole), Line(Orders, WorkState.Reading), Line(SilverUsers, WorkState.Current), Line(Totals, WorkState.Current)]);

        Assert.Equal(new TableWait(WaitCause.Mend, "Source app", "the role is missing"), WaitOf(status, Users));
        Assert.Null(WaitOf(status, Orders));
        var input = new TableWait(WaitCause.Input, Users.ToString(), "Source app: the role is missing");
        Assert.Equal((input, input), (WaitOf(status, SilverUsers), WaitOf(status, Totals)));
    }

    [Fact]
    public void What_an_operator_wants_is_said_with_who_and_why_and_of_what_waits_behind_it_too()
    {
        var status = Of([Line(Users, WorkState.Paused), Line(SilverUsers, WorkState.Waiting)], new Wish("a", WishKind.Paused, ControlTarget.Source("app"), Holds: true, Value: null, "anna", At, "it moves"));

        Assert.Equal(new TableWait(WaitCause.Wish, "app", "anna: it moves"), WaitOf(status, Users));
        Assert.Equal(new TableWait(WaitCause.Input, Users.ToString(), "app: anna: it moves"), WaitOf(status, SilverUsers));
    }

    [Fact]
    public void What_waits_for_its_turn_is_told_from_what_runs_at_certain_times()
    {
        var hourly = new Wish("a", WishKind.Schedule, ControlTarget.Of(SilverUsers), Holds: true, "0 * * * *", "anna", At, "hourly");
        TableLine[] lines = [Line(Users, WorkState.Reading), Line(SilverUsers, WorkState.Waiting)];

        Assert.Equal(new TableWait(WaitCause.Turn, SilverUsers.ToString(), Why: null), WaitOf(Of(lines), SilverUsers));
        Assert.Equal(new TableWait(WaitCause.Schedule, "0 * * * *", "anna: hourly"), WaitOf(Of(lines, hourly), SilverUsers));
        Assert.Equal(WaitCause.Turn, WaitOf(Of(lines, hourly with { Id = "b", Holds = false, At = At.AddMinutes(1) }, hourly), SilverUsers)!.Cause);
    }

    [Fact]
    public void What_does_not_answer_is_asked_again_and_keeps_what_is_made_from_it()
    {
        var away = new ReportedFault(FaultKind.Unreachable, "Server db:5432", "no answer", "Look at the network.");
        var status = Of([Line(Users, WorkState.Retrying, away), Line(SilverUsers, WorkState.Running)]);

        Assert.Equal(new TableWait(WaitCause.Away, "Server db:5432", "no answer"), WaitOf(status, Users));
        Assert.Equal(new TableWait(WaitCause.Input, Users.ToString(), "Server db:5432: no answer"), WaitOf(status, SilverUsers));
    }

    [Fact]
    public void What_nobody_works_on_since_configurations_differ_is_there_and_waits_for_the_newest_node()
    {
        var status = Of([Line(Users, WorkState.Paused), Line(SilverUsers, WorkState.Current)], [new UnlikeTable(Users, ["a:1"], "b:1", UnlikeReason.Otherwise), new UnlikeTable(Orders, ["a:1", "b:1"], "b:1", UnlikeReason.NotEverywhere)]);

        Assert.Equal(new TableWait(WaitCause.Configuration, "b:1", "otherwise"), WaitOf(status, Users));
        Assert.Equal(new TableWait(WaitCause.Configuration, "b:1", "not-everywhere"), WaitOf(status, Orders));
        Assert.Equal(new TableWait(WaitCause.Input, Users.ToString(), "b:1: otherwise"), WaitOf(status, SilverUsers));
        Assert.Equal([Orders, Users, SilverUsers], status.Tables.Select(table => table.Line.Table));
    }

    [Fact]
    public void Lag_is_measured_against_what_is_promised_and_a_source_is_as_its_worst_table()
    {
        var status = Of(
        [
            Line(Users, WorkState.Reading, until: At.AddHours(-3), perSecond: 10), Line(Orders, WorkState.Halted, NoRole, At.AddMinutes(-1), perSecond: 2.5), Line(SilverUsers, WorkState.Current),
        ]);

        Assert.Equal([(Orders, TimeSpan.FromMinutes(1), false), (Users, TimeSpan.FromHours(3), true)], status.Tables.Where(table => table.Lag is not null).Select(table => (table.Line.Table, table.Lag!.Value, table.IsLate)).OrderBy(table => table.Value));
        Assert.False(status.Tables.Single(table => table.Line.Table == SilverUsers).IsLate);
        Assert.Equal(new RunningSource("app", "kafka", 2, WorkState.Halted, TimeSpan.FromHours(3), 12.5, NoRole), Assert.Single(status.Sources));
    }

    private static TableWait? WaitOf(RunningStatus status, TableId table) => status.Tables.Single(one => one.Line.Table == table).Wait;

    private static TableLine Line(TableId table, WorkState state, ReportedFault? fault = null, DateTimeOffset? until = null, double? perSecond = null) =>
        new(new TableReport(table, state, At, Version: 1, Rows: 10, perSecond, Pending: 0) { Fault = fault, ReflectsUntil = until }, ImmutableDictionary<string, ImmutableArray<WorkerLine>>.Empty.Add("a:1", []));

    private RunningStatus Of(TableLine[] lines, params Wish[] wishes) => Of(new PipelineStatus(At, [], lines, LakeAway: null, []) { Wishes = wishes });

    private RunningStatus Of(TableLine[] lines, UnlikeTable[] unlike) => Of(new PipelineStatus(At, [], lines, LakeAway: null, []) { Unlike = unlike });

    private RunningStatus Of(PipelineStatus status) =>
        StatusOfRunning.Of(status, Graph(), _ => TimeSpan.FromHours(2), new Dictionary<string, string>(StringComparer.Ordinal) { ["app"] = "kafka" });

    private TransformGraph Graph()
    {
        File.WriteAllText(Path.Combine(_directory, "totals.sql"), "SELECT count(*) AS users FROM silver.users");
        var problems = new List<ConfigProblem>();
        var root = new SettingsReader(HoconReader.Read(Path.Combine(_directory, "graph.conf"), _ => $$"""
            silver { users { from = {{Users}}, columns { id { type = long, from = value, path = "$.id" } }, key = [id] } }
            gold { totals { sql = "totals.sql", materialization = full } }
            """, _ => null), "", problems);
        var graph = TransformGraph.Bind(root.Section("silver"), root.Section("gold"), [Users, Orders]);
        Assert.Empty(problems);
        return graph;
    }
}
