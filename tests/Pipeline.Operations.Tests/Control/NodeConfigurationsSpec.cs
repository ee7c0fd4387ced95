using Pipeline.Core;
using Pipeline.Operations.Control;

namespace Pipeline.Operations.Tests.Control;

public sealed class NodeConfigurationsSpec
{
    private static readonly DateTimeOffset At = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly TableId Users = TableId.Bronze("app", "users");
    private static readonly TableId Orders = TableId.Bronze("app", "orders");
    private static readonly TableId Silver = TableId.Silver("users");

    private readonly NodeConfigurations _configurations = new();

    [Fact]
    public void Nodes_of_one_configuration_leave_nothing_alone()
    {
        Hear("a:1", At, (Users, "x"), (Silver, "y"));
        Hear("b:1", At.AddMinutes(1), (Users, "x"), (Silver, "y"));

        Assert.Equal([], _configurations.Compare(["a:1", "b:1"])!);
    }

    [Fact]
    public void Nobody_works_on_a_table_that_only_one_node_knows_whether_that_node_is_the_newest_or_not()
    {
        Hear("a:1", At, (Users, "x"), (Silver, "y"));
        Hear("b:1", At.AddMinutes(1), (Users, "x"), (Orders, "z"));

        Assert.Equal([new UnlikeTable(Orders, ["a:1", "b:1"], "b:1", UnlikeReason.NotEverywhere), new UnlikeTable(Silver, ["a:1", "b:1"], "b:1", UnlikeReason.NotInNewest)], _configurations.Compare(["a:1", "b:1"])!);
    }

    [Fact]
    public void What_the_node_that_started_last_says_of_a_table_rules_and_the_others_leave_it_alone()
    {
        Hear("a:1", At.AddMinutes(2), (Users, "two workers"), (Silver, "new contract"));
        Hear("b:1", At, (Users, "one worker"), (Silver, "old contract"));
        Hear("c:1", At.AddMinutes(1), (Users, "two workers"), (Silver, "old contract"));

        Assert.Equal([new UnlikeTable(Users, ["b:1"], "a:1", UnlikeReason.Otherwise), new UnlikeTable(Silver, ["b:1", "c:1"], "a:1", UnlikeReason.Otherwise)], _configurations.Compare(["a:1", "b:1", "c:1"])!);
    }

    [Fact]
    public void Only_those_are_asked_about_a_table_that_work_on_tables_of_its_kind()
    {
        Hear("a:1", At, ["ingest"], tables: 1, (Users, "x"));
        Hear("b:1", At.AddMinutes(1), ["transform"], tables: 1, (Silver, "y"));
        Hear("c:1", At.AddMinutes(2), ["web"], tables: 0);

        Assert.Equal([], _configurations.Compare(["a:1", "b:1", "c:1"])!);
    }

    [Fact]
    public void Nothing_is_said_until_every_node_has_told_all_of_its_tables()
    {
        Hear("a:1", At, (Users, "x"));
        Assert.Null(_configurations.Compare(["a:1", "b:1"]));
        Hear("b:1", At.AddMinutes(1), ["ingest"], tables: 2, (Users, "x"));
        Assert.Null(_configurations.Compare(["a:1", "b:1"]));
        Assert.Equal(["a:1"], _configurations.Known);

        Hear("b:1", At.AddMinutes(1), ["ingest"], tables: 2, (Orders, "z"));

        Assert.Equal(Orders, Assert.Single(_configurations.Compare(["a:1", "b:1"])!.Value).Table);
    }

    [Fact]
    public void A_node_that_starts_anew_is_believed_by_what_it_says_now_and_one_that_is_gone_counts_no_more()
    {
        Hear("a:1", At, (Users, "x"));
        Hear("b:1", At.AddMinutes(1), (Users, "x"), (Orders, "z"));
        Assert.Single(_configurations.Compare(["a:1", "b:1"])!);
        Assert.True(_configurations.IsNew(Facts("a:1", At.AddMinutes(2), ["ingest", "transform"], 2)));

        Hear("a:1", At.AddMinutes(2), (Users, "x"), (Orders, "z"));
        Assert.Equal([], _configurations.Compare(["a:1", "b:1"])!);
        Hear("c:1", At.AddMinutes(3), (Users, "y"));
        _configurations.Lose("c:1");

        Assert.Equal([], _configurations.Compare(["a:1", "b:1"])!);
    }

    [Fact]
    public void One_of_a_release_that_does_not_tell_its_tables_is_not_waited_for_and_holds_nobody_up()
    {
        Hear("a:1", At, ["ingest"], tables: null);
        Hear("b:1", At.AddMinutes(1), (Users, "x"));

        Assert.Equal([], _configurations.Compare(["a:1", "b:1"])!);
    }

    private static NodeFacts Facts(string node, DateTimeOffset at, string[] roles, int? tables) => new(node, $"{node} {at.Ticks}", "1.0.0", at, [.. roles], $"{node} {at.Ticks}") { Tables = tables };

    private void Hear(string node, DateTimeOffset at, params (TableId Table, string Print)[] knows) => Hear(node, at, ["ingest", "transform"], knows.Length, knows);

    private void Hear(string node, DateTimeOffset at, string[] roles, int? tables, params (TableId Table, string Print)[] knows) =>
        _configurations.Hear(new NodeReport(Facts(node, at, roles, tables), By: null, IsHeld: false, 0, [], []) { Knows = [.. knows.Select(table => new KnownTable(table.Table, table.Print))] });
}
