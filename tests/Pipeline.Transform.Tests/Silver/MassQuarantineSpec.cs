using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Testing;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Rebuild;
using Pipeline.Transform.Silver;
using Pipeline.Transform.Tests.Coordination;

namespace Pipeline.Transform.Tests.Silver;

/// <summary>Runs that set more rows aside than is expected are told once, with table, rule and share, until that is mended.</summary>
public sealed class MassQuarantineSpec : IDisposable
{
    private const string Table = "silver/users";

    private static readonly IReadOnlyList<Field> Columns = TestLake.BronzeColumns("id long", "email string", "team long");

    private readonly TestLake _lake = new(Graph());

    private long _position;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _lake.Dispose();

    [Theory]
    [InlineData(100, 21, "", "21 of 100, type:email")]
    [InlineData(100, 20, "", null)]
    [InlineData(99, 99, "", null)]
    [InlineData(100, 60, "quarantine-percent-max = 60", null)]
    [InlineData(100, 61, "quarantine-percent-max = 60", "61 of 100, type:email")]
    [InlineData(100, 100, "quarantine-percent-max = 100", null)]
    public async Task More_than_is_expected_of_at_least_a_hundred_rows_is_told(int rows, int bad, string setting, string? told)
    {
        using var lake = _lake.With(Graph(setting: setting));
        var run = await RunAsync(1, rows, bad, lake);

        Assert.Equal(told, run.Exceeds is { } mass ? $"{mass.Quarantined} of {mass.Rows}, {mass.Rule}" : null);
        Assert.Equal(run.Exceeds, await StandsAsync(lake));
    }

    [Fact]
    public async Task It_is_told_once_and_over_when_the_source_has_mended_its_rows()
    {
        var first = await RunAsync(1, 200, 100);
        var good = await RunAsync(1001, 300, 0);
        var second = await RunAsync(2001, 100, 50);
        using var later = _lake.With(_lake.Graph);
        var some = await RunAsync(1, 60, 0, later);
        var all = await RunAsync(61, 40, 0, later);
        var after = await RunAsync(3001, 100, 0, later);

        Assert.Equal((200L, 100L, 0.5), (first.Exceeds!.Rows, first.Exceeds.Quarantined, first.Exceeds.Share));
        Assert.Equal([null, null, null], new[] { good, second, some }.Select(run => run.Exceeds ?? run.Mended));
        // Fifty of three hundred are left, which is less than a fifth.
        Assert.Equal((300L, 150L), (all.Mended!.Rows, all.Mended.Quarantined));
        Assert.Null(after.Exceeds ?? after.Mended);
        Assert.Null(await StandsAsync(later));
    }

    [Fact]
    public async Task It_is_over_when_the_type_is_mended_and_the_table_made_anew()
    {
        await RunAsync(1, 200, 200);
        using var mended = _lake.With(Graph(type: "string"));
        RebuiltTable? rebuilt = null;

        Assert.True(await new ChangedTables(mended.Tables, mended.Graph, mended.Options).RebuildAsync(TableId.Parse(Table), mended.Time, _ => { }, table => rebuilt = table, Cancel));

        Assert.Equal(200, rebuilt!.Mended!.Quarantined);
        Assert.Null(await StandsAsync(mended));
    }

    [Fact]
    public async Task It_begins_when_a_contract_makes_a_table_anew_that_sets_too_many_aside()
    {
        using var before = _lake.With(Graph(type: "string"));
        await RunAsync(1, 200, 50, before);
        RebuiltTable? rebuilt = null;

        Assert.True(await new ChangedTables(_lake.Tables, _lake.Graph, _lake.Options).RebuildAsync(TableId.Parse(Table), _lake.Time, _ => { }, table => rebuilt = table, Cancel));

        Assert.Equal(0.25, rebuilt!.Exceeds!.Share);
        Assert.Equal(rebuilt.Exceeds with { Run = 1 }, (await StandsAsync(_lake))! with { Run = 1 });
    }

    [Fact]
    public async Task It_is_over_when_a_rule_is_taken_away_and_its_rows_are_judged_again()
    {
        using var strict = _lake.With(Graph(type: "string", setting: "rules = [ { name = no_team, check = \"team IS NULL\" } ]"));
        await RunAsync(1, 150, 150, strict);
        using var mild = _lake.With(Graph(type: "string"));

        var judged = await mild.RunAsync(Table);

        Assert.Equal("no_team", judged!.Mended!.Rule);
    }

    [Fact]
    public async Task Rows_that_only_wait_for_a_parent_do_not_count()
    {
        using var lake = _lake.With(TestGraph.Of("""
            users { from = bronze/app/users, columns { id { type = long }, team { type = long } }, key = [id], references = [ { column = team, table = silver/teams } ] }
            teams { from = bronze/app/teams, columns { team { type = long } }, key = [team] }
            """));

        var run = await RunAsync(1, 200, 0, lake);

        Assert.Equal(200, run.Quality!.Held);
        Assert.Null(run.Exceeds);
    }

    [Fact]
    public async Task A_run_that_was_cut_off_behind_its_first_commit_tells_it_when_it_is_finished()
    {
        await AppendAsync(1, 200, 200);
        var pins = (await _lake.Planner.PlanAsync(TableId.Parse(Table), Cancel))!;
        _lake.Jobs.BeforeCommit = table =>
        {
            if (table == QualityTable.Id) throw new IOException("killed");
        };
        await Assert.ThrowsAsync<IOException>(() => _lake.RunAsync(pins));
        _lake.Jobs.BeforeCommit = null;

        Assert.Equal(200, (await _lake.RunAsync(pins)).Exceeds!.Quarantined);
    }

    [Fact]
    public async Task A_node_warns_once_measures_the_share_and_says_when_it_is_over()
    {
        using var figures = new Measurements();
        await AppendAsync(1, 200, 100);
        string[] said;
        await using (var node = await CoordinatorNode.StartAsync(_lake, _lake.Jobs))
        {
            await node.UntilAsync(tables => tables.Single().Rows == 100);
            await AppendAsync(2001, 100, 50);
            await node.UntilAsync(tables => tables.Single().Rows == 150);
            Assert.Equal(0.5, figures.Observe(Instruments.QuarantinedShare, Table));
            await AppendAsync(1, 100, 0);
            await AppendAsync(2001, 50, 0);
            await node.UntilAsync(tables => tables.Single().Rows == 300);
            said = await node.SaidAsync();
            Assert.Equal(0d, figures.Observe(Instruments.QuarantinedShare, Table));
        }

        Assert.Contains($"Table {Table}: 100 of 200 rows went to the quarantine, which is 50 % of them and more than the 20 % that are expected; most break rule type:email. ", Assert.Single(said, line => line.Contains("went to the quarantine", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Single(said, line => line.Contains($"Table {Table} has no more rows in its quarantine than are expected", StringComparison.Ordinal));
    }

    private static TransformGraph Graph(string type = "long", string setting = "") =>
        TestGraph.Of($"users {{ from = bronze/app/users, columns {{ id {{ type = long }}, email {{ type = {type} }}, team {{ type = long }} }}, key = [id]\n{setting} }}");

    private static async Task<MassQuarantine?> StandsAsync(TestLake lake) => MassQuarantine.Of((await lake.Lake.TryOpenAsync(TableId.Parse(Table), Cancel))!.Current);

    private async Task<JobResult> RunAsync(int first, int rows, int bad, TestLake? lake = null)
    {
        await AppendAsync(first, rows, bad);
        return (await (lake ?? _lake).RunAsync(Table))!;
    }

    /// <param name="bad">So many, of the first, have an e-mail that is no number.</param>
    private async Task AppendAsync(int first, int rows, int bad)
    {
        await _lake.AppendAsync("bronze/app/users", Columns,
            $"SELECT CAST({first} + i AS BIGINT) AS id, CASE WHEN i < {bad} THEN 'ann@example.org' ELSE '7' END AS email, CAST(7 AS BIGINT) AS team, 'c' AS _op, CAST({_position} + i AS BIGINT) AS _position FROM range({rows}) AS r(i)");
        _position += rows;
    }
}
