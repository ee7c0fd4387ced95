using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Rebuild;

namespace Pipeline.Transform.Tests.Silver;

/// <summary>Silver in a location of its own: what a run writes below a table before it is made lies where the table will.</summary>
public sealed class PlacedSilverSpec
{
    private const string Contract = "users { from = bronze/app/users, columns { user_id { type = long }, email { type = string } }, key = [user_id] }";
    private const string Changed = "users { from = bronze/app/users, columns { user_id { type = long }, email { type = string } }, key = [user_id], rules = [ { name = has_email, check = \"email IS NOT NULL\", severity = warn } ] }";
    private const string Deleted = "SELECT user_id FROM silver.users__deleted";

    private static readonly TableId Users = TableId.Silver("users");
    private static readonly IReadOnlyList<Field> Columns = TestLake.BronzeColumns("user_id long", "email string");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_first_delete_lies_where_its_table_lies(bool isRemote)
    {
        using var lake = Open(isRemote);
        await AppendAsync(lake, "1, 'a@x', 'c', 1");
        await lake.RunAllAsync();
        await AppendAsync(lake, "1, NULL, 'd', 2");
        await lake.RunAllAsync();

        Assert.Equal(["1"], await lake.RowsAsync(Deleted));
        Assert.Empty(lake.PathsInLake("silver/users__deleted"));
        Assert.NotEmpty(lake.PathsElsewhere("silver/users__deleted"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_rebuild_copies_the_first_delete_to_where_its_table_lies(bool isRemote)
    {
        using var lake = Open(isRemote);
        await AppendAsync(lake, "1, 'a@x', 'c', 1");
        await lake.RunAllAsync();
        await AppendAsync(lake, "1, NULL, 'd', 2");

        await new TableRebuild(lake.Lake, lake.Graph, lake.Options, lake.Time).RunAsync(Users, withDependents: false, _ => { }, Cancel);

        Assert.Equal(["1"], await lake.RowsAsync(Deleted));
        Assert.All((string[])["users", "users__deleted", "users__rebuild", "users__rebuild__deleted"], table => Assert.Empty(lake.PathsInLake($"silver/{table}")));
    }

    [Fact]
    public async Task The_statements_of_a_first_run_lie_where_its_table_will_and_are_found_when_others_are_configured_by_then()
    {
        using var lake = Open(isRemote: false);
        await AppendAsync(lake, "1, 'a@x', 'c', 1");
        var pins = (await lake.Planner.PlanAsync(Users, Cancel))!;

        await lake.Planner.ExpandAsync(pins, SqlDialect.DuckDb, Cancel);
        Assert.Empty(lake.PathsInLake("silver/users"));
        Assert.Single(lake.PathsElsewhere("silver/users"));
        await lake.Tables.OpenOrCreateAsync(Users, Columns, Cancel);

        using var later = lake.With(TestGraph.Of(Changed));
        await later.Planner.ExpandAsync(pins, SqlDialect.DuckDb, Cancel);
        Assert.NotNull(await KeptStatements.FindAsync(later.Lake, pins, Cancel));
    }

    [Fact]
    public async Task The_statements_of_a_table_that_is_in_the_lake_stay_beside_it()
    {
        using var lake = new TestLake(TestGraph.Of(Contract));
        await AppendAsync(lake, "1, 'a@x', 'c', 1");
        await lake.RunAllAsync();
        await AppendAsync(lake, "2, 'b@x', 'c', 2");
        var kept = lake.PathsInLake("silver/users/_statements").Count;

        using var later = lake.With(TestGraph.Of(Changed), elsewhere: ["silver"]);
        await later.Planner.ExpandAsync((await later.Planner.PlanAsync(Users, Cancel))!, SqlDialect.DuckDb, Cancel);

        Assert.Equal(kept + 1, lake.PathsInLake("silver/users/_statements").Count);
        Assert.Empty(lake.PathsElsewhere("silver"));
    }

    private static TestLake Open(bool isRemote) => new(TestGraph.Of(Contract), isRemote: isRemote, elsewhere: "silver");

    private static Task<long> AppendAsync(TestLake lake, string row) => lake.AppendAsync("bronze/app/users", Columns, $"SELECT * FROM (VALUES ({row})) AS v(user_id, email, _op, _position)");
}
