using Apache.Arrow;

namespace Pipeline.Transform.Tests.Silver;

/// <summary>Rows that enter Bronze late, from the dead letters, behind rows with higher positions.</summary>
public sealed class SilverRedriveSpec
{
    private const string Contracts = """
        clicks {
          from = bronze/events/clicks
          columns { id { type = long }, name { type = string } }
          key = [id]
          rules = [ { name = named, check = "name <> ''" } ]
        }
        """;

    private static readonly IReadOnlyList<Field> Clicks = TestLake.BronzeColumns("id long", "name string");
    private static readonly IReadOnlyList<Field> Redriven = TestLake.BronzeColumns("id long", "name string", "_redriven_from string");

    [Fact]
    public async Task A_re_driven_record_gets_its_fate_and_never_replaces_a_newer_row()
    {
        using var lake = new TestLake(TestGraph.Of(Contracts));
        await lake.AppendAsync("bronze/events/clicks", Clicks, Rows("id, name", "1, 'new', 'c', 5", "3, '', 'c', 6"));
        await lake.RunAllAsync();

        // The table learns the mark, then goes on with rows that do not know of it.
        await lake.AppendAsync("bronze/events/clicks", Redriven, Rows("id, name, _redriven_from",
            "1, 'old', 'events/clicks/0', 'c', 2", "2, 'late', 'events/clicks/0', 'c', 3", "4, '', 'events/clicks/0', 'c', 4"));
        await lake.RunAllAsync();
        await lake.AppendAsync("bronze/events/clicks", Clicks, Rows("id, name", "2, 'newest', 'c', 7"));
        await lake.RunAllAsync();

        Assert.Equal(["1|new|5", "2|newest|7"], await lake.RowsAsync("SELECT id, name, _position FROM silver.clicks ORDER BY id"));
        Assert.Equal(["3|", "4|events/clicks/0"],
            await lake.RowsAsync("SELECT id, json_extract_string(_row, '$._redriven_from') FROM silver.clicks__quarantine ORDER BY id"));
        // Each of the six Bronze rows has one fate: 2 in Silver, 2 quarantined, 2 superseded or replaced.
        Assert.Equal(["6|2|2"], await lake.RowsAsync("SELECT sum(rows_in), sum(quarantined), sum(superseded + replaced) FROM silver._quality"));
    }

    [Fact]
    public async Task A_re_driven_record_of_an_earlier_epoch_replaces_no_row_of_a_later_one_and_waits_for_no_parent()
    {
        using var lake = new TestLake(TestGraph.Of("""
            teams { from = bronze/app/teams, columns { team_id { type = long } }, key = [team_id] }
            clicks {
              from = bronze/events/clicks
              columns { id { type = long }, name { type = string }, team_id { type = long } }
              key = [id]
              references = [ { name = team_exists, column = team_id, table = silver/teams } ]
            }
            """));
        const string Columns = "id, name, team_id, _epoch, _redriven_from";
        var clicks = TestLake.Declared(TestLake.BronzeColumns("id long", "name string", "team_id long", "_epoch int", "_redriven_from string"), RowOrderSpec.Roles);
        var teams = TestLake.BronzeColumns("team_id long");
        await lake.AppendAsync("bronze/app/teams", teams, Rows("team_id", "1, 'c', 1"));
        await lake.AppendAsync("bronze/events/clicks", clicks, Rows(Columns, "1, 'new', 1, 1, NULL::VARCHAR, 'c', 5", "2, 'new', 1, 1, NULL::VARCHAR, 'c', 6"));
        await lake.RunAllAsync();

        // Of the epoch before, with larger positions; the second lacks its parent.
        await lake.AppendAsync("bronze/events/clicks", clicks, Rows(Columns, "1, 'old', 1, NULL::INTEGER, 'events/clicks/0', 'c', 900", "2, 'old', 7, NULL::INTEGER, 'events/clicks/0', 'c', 901"));
        await lake.RunAllAsync();
        Assert.Empty(await lake.RowsAsync("SELECT id FROM silver.clicks__quarantine"));
        await lake.AppendAsync("bronze/app/teams", teams, Rows("team_id", "7, 'c', 2"));
        await lake.RunAllAsync();

        Assert.Equal(["1|new|1", "2|new|1"], await lake.RowsAsync("SELECT id, name, _epoch FROM silver.clicks ORDER BY id"));
        Assert.Empty(await lake.RowsAsync("SELECT id FROM silver.clicks__quarantine"));
        Assert.Equal(["4|2"], await lake.RowsAsync("SELECT sum(rows_in), sum(superseded + replaced) FROM silver._quality WHERE table_name = 'silver/clicks'"));
    }

    private static string Rows(string columns, params string[] rows) =>
        $"SELECT * FROM (VALUES {string.Join(", ", rows.Select(row => $"({row})"))}) AS v({columns}, _op, _position)";
}
