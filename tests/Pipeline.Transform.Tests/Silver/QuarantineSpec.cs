using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs.Rebuild;

namespace Pipeline.Transform.Tests.Silver;

/// <summary>Rows leave the quarantine: mended or deleted at the source, judged by other rules, asked for.</summary>
public sealed class QuarantineSpec : IDisposable
{
    private const string Users = """
        teams { from = bronze/app/teams, columns { team_id { type = long } }, key = [team_id] }
        users {
          from = bronze/app/users
          columns { user_id { type = long }, email { type = string, required = true }, team_id { type = long } }
          key = [user_id]
          rules = [ { name = email_valid, check = "regexp_like(email, '@')" } ]
          references = [ { name = team_exists, column = team_id, table = silver/teams } ]
        }
        """;

    private const string Waiting = "SELECT user_id, _rules FROM silver.users__quarantine ORDER BY ALL";
    private const string Made = "SELECT user_id, email FROM silver.users ORDER BY ALL";

    private static readonly IReadOnlyList<Field> Columns = TestLake.BronzeColumns("user_id string", "email string", "team_id long", "_changed string");

    private readonly TestLake _lake = new(TestGraph.Of(Users));

    /// <summary>What comes after a row that breaks a rule, and what is left of it in the quarantine.</summary>
    public static TheoryData<string, bool> Sequels => new()
    {
        { "('1', 'a@x', NULL, 'u', 6, NULL)", true },
        { "('01', 'a@x', NULL, 'u', 6, NULL)", true },
        { "('1', NULL, NULL, 'd', 6, NULL)", true },
        { "(NULL, NULL, NULL, 't', 6, NULL)", true },
        // At the same place it is the same row.
        { "('1', 'a@x', NULL, 'u', 5, NULL)", true },
        { "('1', 'a@x', NULL, 'u', 4, NULL)", false },
        { "('1', NULL, NULL, 'd', 4, NULL)", false },
        { "(NULL, NULL, NULL, 't', 4, NULL)", false },
        { "('2', 'a@x', NULL, 'u', 6, NULL)", false },
        { "('1', 'worse', NULL, 'u', 6, NULL)", false },
        { "('1', 'a@x', 9, 'u', 6, NULL)", false },
        // A part of the row says nothing of the rest.
        { "('1', NULL, NULL, 'u', 6, 'user_id,team_id')", false },
    };

    [Theory]
    [MemberData(nameof(Sequels))]
    public async Task A_row_is_settled_by_what_its_source_has_said_since_whatever_runs_read_it(string sequel, bool isSettled)
    {
        const string dirt = "('1', 'dirt', NULL, 'c', 5, NULL)";
        string[][] cuts = [[dirt, sequel], [sequel, dirt], [$"{dirt}, {sequel}"]];
        foreach (var cut in cuts)
        {
            using var lake = new TestLake(TestGraph.Of(Users));
            foreach (var rows in cut)
            {
                await AppendAsync(lake, rows);
                await lake.RunAllAsync();
            }

            Assert.Equal(isSettled, !(await lake.RowsAsync("SELECT _position FROM silver.users__quarantine WHERE email_of(_row) = 'dirt'".Replace("email_of(_row)", "json_extract_string(_row, '$.email')", StringComparison.Ordinal))).Any());
            await BalancesAsync(lake);
        }
    }

    /// <summary>By watermark (no sequence) and from the stream: a column of Bronze that the contract does not read, one that it does, all of them; and whether that is the whole of the row.</summary>
    public static TheoryData<int?, string?, bool> Lists => new()
    {
        { null, "user_id,email", true },
        { null, "user_id,email,legacy", true },
        { null, "user_id,email,note", true },
        { 0, "user_id,email,note", true },
        { 0, null, true },
        // Of a row of the stream nobody knows what has become of a column that it leaves out.
        { 0, "user_id,email,legacy", false },
        // A row of a snapshot is all that its table has.
        { -1, "user_id,email", true },
    };

    [Theory]
    [MemberData(nameof(Lists))]
    public async Task A_row_is_settled_by_one_that_lacks_what_its_source_has_no_more_or_its_contract_does_not_read(int? sequence, string? list, bool isSettled)
    {
        const string Contract = """
            users {
              from = bronze/app/users, key = [user_id]
              columns { user_id { type = long }, email { type = string }, note { type = string } }
              rules = [ { name = email_valid, check = "regexp_like(email, '@')" } ]
            }
            """;
        var columns = TestLake.BronzeColumns(["user_id long", "email string", "note string", "legacy string", "_changed string", .. sequence is null ? System.Array.Empty<string>() : ["_sequence long"]]);
        var (names, place) = sequence is { } number ? (", _sequence", $", {number}") : ("", "");
        string[] rows = [$"1, 'dirt', 'n', 'l', 'c', 5, NULL{place}", $"1, 'a@x', NULL, NULL, 'u', 6, {(list is null ? "NULL" : $"'{list}'")}{place}", $"1, 'mud', NULL, NULL, 'u', 4, NULL{place}"];
        foreach (var cut in new[] { 3, 1 })
        {
            using var lake = new TestLake(TestGraph.Of(Contract));
            foreach (var part in rows.Chunk(cut))
            {
                await lake.AppendAsync("bronze/app/users", columns, $"""
                    SELECT * REPLACE (user_id::BIGINT AS user_id, note::VARCHAR AS note, legacy::VARCHAR AS legacy, _changed::VARCHAR AS _changed)
                    FROM (VALUES {string.Join(", ", part.Select(row => $"({row})"))}) AS v(user_id, email, note, legacy, _op, _position, _changed{names})
                    """);
                await lake.RunAllAsync();
            }

            Assert.Equal(isSettled ? [] : ["4", "5"], await lake.RowsAsync("SELECT _position FROM silver.users__quarantine ORDER BY 1"));
            Assert.Equal(["1|a@x"], await lake.RowsAsync(Made));
            await BalancesAsync(lake);
        }
    }

    [Fact]
    public async Task A_row_that_waits_for_its_parent_is_settled_too()
    {
        await AppendAsync(_lake, "('1', 'a@x', 9, 'c', 1, NULL), ('2', 'b@x', 9, 'c', 2, NULL)");
        await _lake.RunAllAsync();
        Assert.Equal(["1|team_exists", "2|team_exists"], await _lake.RowsAsync(Waiting));

        await AppendAsync(_lake, "('1', 'a@x', NULL, 'u', 3, NULL)");
        var run = await _lake.RunAsync("silver/users");

        Assert.Equal(["2|team_exists"], await _lake.RowsAsync(Waiting));
        Assert.Equal((1L, 1L), (run!.Quality!.Held, run.Quality.Settled));
        await BalancesAsync(_lake);
    }

    [Fact]
    public async Task Rows_are_judged_again_by_a_rule_that_was_mended()
    {
        await AppendAsync(_lake, "('1', 'dirt', NULL, 'c', 1, NULL), ('2', NULL, NULL, 'c', 2, NULL), ('3', 'mud', 9, 'c', 3, NULL), ('4', 'c@x', 9, 'c', 4, NULL)");
        await _lake.RunAllAsync();
        Assert.Null(await _lake.RunAsync("silver/users"));

        using var mended = _lake.With(TestGraph.Of(Users.Replace("regexp_like(email, '@')", "email <> ''", StringComparison.Ordinal)));
        await mended.RunAllAsync();

        Assert.Equal(["1|dirt"], await _lake.RowsAsync(Made));
        Assert.Equal(["2|required:email", "3|team_exists", "4|team_exists"], await _lake.RowsAsync(Waiting));
        await BalancesAsync(_lake);
        Assert.Null(await mended.RunAsync("silver/users"));
    }

    [Fact]
    public async Task Rows_that_are_judged_again_are_taken_a_few_at_a_time_and_find_parents_that_have_come_meanwhile()
    {
        using var lake = new TestLake(TestGraph.Of(Users), runRowsMax: 2);
        foreach (var id in Enumerable.Range(1, 7)) await AppendAsync(lake, $"('{id}', 'dirt', {(id == 1 ? "9" : "NULL")}, 'c', {id}, NULL)");
        await lake.RunAllAsync();
        using var mended = lake.With(TestGraph.Of(Users.Replace("regexp_like(email, '@')", "user_id <> 7", StringComparison.Ordinal)), runRowsMax: 2);

        var first = await mended.RunAsync("silver/users");
        await lake.AppendAsync("bronze/app/teams", TestLake.BronzeColumns("team_id long"), "SELECT * FROM (VALUES (9::BIGINT, 'c', 1)) AS v(team_id, _op, _position)");
        await mended.RunAllAsync();

        Assert.True(first!.IsBehind);
        Assert.Equal(["7|email_valid"], await lake.RowsAsync(Waiting));
        Assert.Equal(6, (await lake.RowsAsync(Made)).Count);
        await BalancesAsync(lake);
    }

    [Fact]
    public async Task Rows_of_an_earlier_release_are_judged_once_and_settled()
    {
        await AppendAsync(_lake, "('1', 'dirt', NULL, 'c', 1, NULL), ('2', 'mud', NULL, 'c', 2, NULL)");
        await RunAsOfEarlierReleaseAsync();
        await AppendAsync(_lake, "('1', 'a@x', NULL, 'u', 3, NULL)");
        await RunAsOfEarlierReleaseAsync();
        Assert.Equal(["1|email_valid", "2|email_valid"], await _lake.RowsAsync(Waiting));

        await _lake.RunAllAsync();

        Assert.Equal(["2|email_valid"], await _lake.RowsAsync(Waiting));
        await BalancesAsync(_lake);
        Assert.Null(await _lake.RunAsync("silver/users"));
    }

    [Fact]
    public async Task Rows_that_the_release_before_judged_otherwise_by_the_same_contract_come_in_by_the_next_run()
    {
        const string contract = "events { from = bronze/app/events, format = json, columns { id { type = long }, tags { type = \"array<string>\", path = \"$.tags[*]\" } }, key = [id] }";
        // Of this contract, by the release before.
        const long judging = 3504131543634718275;
        using var lake = _lake.With(TestGraph.Of(contract));
        await lake.AppendAsync("bronze/app/events", TestLake.BronzeColumns("value string"), """SELECT * FROM (VALUES ('{"id":1,"tags":["u"]}', 'c', 1), ('{"id":2,"tags":"none"}', 'c', 2)) AS v(value, _op, _position)""");
        // It took what is no array for a value that has no items: as today a path to the whole member does.
        using (var before = _lake.With(TestGraph.Of(contract.Replace("[*]", "", StringComparison.Ordinal))))
        {
            var planned = await before.Planner.PlanAsync(TableId.Silver("events"), TestContext.Current.CancellationToken);
            var spec = await before.Planner.ExpandAsync(planned! with { Statements = null }, SqlDialect.DuckDb, TestContext.Current.CancellationToken);
            await before.Jobs.RunAsync(spec with { Silver = spec.Silver! with { Judging = judging, Contract = ContractShape.Of(lake.Graph.Silver[0]).ToJson() } }, TestContext.Current.CancellationToken);
        }

        Assert.Equal([$"2|type:tags|{judging}"], await lake.RowsAsync("SELECT id, _rules, _judging FROM silver.events__quarantine"));
        var files = await FilesAsync(lake);
        var changed = new ChangedTables(lake.Tables, lake.Graph, lake.Options);
        Assert.False(await changed.RebuildAsync(TableId.Silver("events"), lake.Time, _ => { }, _ => { }, TestContext.Current.CancellationToken));
        var pins = await lake.Planner.PlanAsync(TableId.Silver("events"), TestContext.Current.CancellationToken);
        Assert.True(pins!.JudgesAgain);
        await lake.RunAsync(pins);

        Assert.Equal(["1|[u]", "2|"], await lake.RowsAsync("SELECT id, CAST(tags AS VARCHAR) FROM silver.events ORDER BY id"));
        Assert.Empty(await lake.RowsAsync("SELECT id FROM silver.events__quarantine"));
        // Once, and nothing was made anew for it.
        Assert.Subset((await FilesAsync(lake)).ToHashSet(), files.ToHashSet());
        Assert.Null(await lake.Planner.PlanAsync(TableId.Silver("events"), TestContext.Current.CancellationToken));
        Assert.Empty(await changed.SinceAsync(TableId.Silver("events"), TestContext.Current.CancellationToken));
    }

    public void Dispose() => _lake.Dispose();

    private static async Task<IReadOnlyList<string>> FilesAsync(TestLake lake) =>
        [.. (await lake.Tables.TryOpenAsync(TableId.Silver("events"), TestContext.Current.CancellationToken))!.Current.Files.Select(file => file.Path)];

    private static Task<long> AppendAsync(TestLake lake, string rows) => lake.AppendAsync("bronze/app/users", Columns,
        $"SELECT user_id::VARCHAR AS user_id, email::VARCHAR AS email, team_id::BIGINT AS team_id, _op, _position, _changed::VARCHAR AS _changed FROM (VALUES {rows}) AS v(user_id, email, team_id, _op, _position, _changed)");

    private static async Task BalancesAsync(TestLake lake) => Assert.Equal(["true"], await lake.RowsAsync("""
        SELECT SUM(rows_in) = (SELECT count(*) FROM silver.users) + (SELECT count(*) FROM silver.users__quarantine) + SUM(superseded + replaced + deleted + truncated) FROM silver._quality WHERE table_name = 'silver/users'
        """));

    /// <summary>Its statements settle nothing and do not say by what they judge.</summary>
    private async Task RunAsOfEarlierReleaseAsync()
    {
        var cancel = TestContext.Current.CancellationToken;
        var pins = await _lake.Planner.PlanAsync(TableId.Silver("users"), cancel);
        var spec = await _lake.Planner.ExpandAsync(pins! with { JudgesAgain = null, Statements = null }, SqlDialect.DuckDb, cancel);
        var silver = spec.Silver! with { Settled = null, Judging = null, Quarantine = [.. spec.Silver!.Quarantine.Where(column => column.Name != "_judging")] };
        await _lake.Jobs.RunAsync(spec with { Silver = silver }, cancel);
    }
}
