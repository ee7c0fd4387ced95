using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Jobs;

/// <summary>Two coordinators that did not know of each other have planned a run of one number on other versions.</summary>
public sealed class TwinRunsSpec
{
    private static readonly IReadOnlyList<Field> Users = TestLake.BronzeColumns("user_id long", "country string");

    [Theory]
    [InlineData("silver/users")]
    [InlineData("gold/countries")]
    public async Task The_second_is_refused_and_changes_nothing(string name)
    {
        using var lake = new TestLake(TestGraph.Of("""
            users { from = bronze/app/users, columns { user_id { type = long }, country { type = string, required = true } }, key = [user_id] }
            """, "countries { sql = \"countries.sql\", materialization = merge, key = [country] }",
            ("countries.sql", "SELECT country, CAST(COUNT(*) AS BIGINT) AS users FROM silver.users GROUP BY country")));
        var table = TableId.Parse(name);
        await lake.AppendAsync("bronze/app/users", Users, "SELECT * FROM (VALUES (1, 'DE', 'r', 1), (2, NULL, 'r', 2)) AS v(user_id, country, _op, _position)");
        if (table.Layer == Layer.Gold) await lake.RunAsync("silver/users");
        var first = (await lake.Planner.PlanAsync(table, TestContext.Current.CancellationToken))!;
        await lake.AppendAsync("bronze/app/users", Users, "SELECT * FROM (VALUES (3, 'FR', 'r', 3), (4, NULL, 'r', 4)) AS v(user_id, country, _op, _position)");
        if (table.Layer == Layer.Gold) await lake.RunAsync("silver/users");
        var second = (await lake.Planner.PlanAsync(table, TestContext.Current.CancellationToken))!;
        Assert.Equal(first.Run, second.Run);
        await lake.RunAsync(first);

        await Assert.ThrowsAsync<JobSupersededException>(() => lake.RunAsync(second));

        await lake.RunAllAsync();
        Assert.Equal(["1|DE", "3|FR"], await lake.RowsAsync("SELECT user_id, country FROM silver.users ORDER BY 1"));
        Assert.Equal(["2", "4"], await lake.RowsAsync("SELECT user_id FROM silver.users__quarantine ORDER BY 1"));
        Assert.Equal(["DE|1", "FR|1"], await lake.RowsAsync("SELECT country, users FROM gold.countries ORDER BY 1"));
    }
}
