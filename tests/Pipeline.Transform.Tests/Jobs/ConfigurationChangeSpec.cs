using System.Collections.Immutable;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Gold;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs.Rebuild;

namespace Pipeline.Transform.Tests.Jobs;

/// <summary>
/// Changes of a configuration over a lake that is full: what they mean is said before, that is what happens, and the tables are then
/// those of a lake that was made by the new configuration from the start.
/// </summary>
public sealed class ConfigurationChangeSpec
{
    private const string Contracts = """
        teams {
          from = bronze/app/teams
          columns { team_id { type = long }, title { type = string, required = true } }
          key = [team_id]
          rules = [ { name = title_short, check = "length(title) < 9" } ]
        }
        users {
          from = bronze/app/users
          columns {
            user_id { type = long }
            email { type = string, required = true }
            phone { type = string, mask = hash }
            age { type = int }
            team_id { type = long }
            seen { type = long }
          }
          key = [user_id]
          rules = [
            { name = email_valid, check = "regexp_like(email, '@')" }
            { name = adult, check = "age >= 18", severity = warn }
          ]
          references = [ { name = team_exists, column = team_id, table = silver/teams } ]
        }
        """;

    private const string Query = "SELECT team_id, CAST(COUNT(*) AS BIGINT) AS users FROM silver.users GROUP BY team_id";

    private const string Nothing = nameof(ChangeMeaning.Nothing);
    private const string Judge = nameof(ChangeMeaning.JudgeQuarantine);
    private const string Fill = nameof(ChangeMeaning.FillColumns);
    private const string Anew = nameof(ChangeMeaning.Rebuild);

    private static readonly IReadOnlyList<Field> Users = TestLake.BronzeColumns("user_id long", "email string", "phone string", "age string", "team_id long", "seen long", "city string");
    private static readonly IReadOnlyList<Field> Teams = TestLake.BronzeColumns("team_id long", "title string");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>What is written in place of what, and what is said of it: table, change, meaning.</summary>
    public static TheoryData<string, string, string> Changes => new()
    {
        { "regexp_like(email, '@')", "email <> ''", $"silver/users rule email_valid changed {Anew}" },
        { "regexp_like(email, '@')", "regexp_like(email, '@x')", $"silver/users rule email_valid changed {Anew}" },
        { "{ name = email_valid, check = \"regexp_like(email, '@')\" }", "", $"silver/users rule email_valid removed {Judge}" },
        { "\"regexp_like(email, '@')\" }", "\"regexp_like(email, '@')\", severity = warn }", $"silver/users rule email_valid changed {Judge}" },
        { "\"age >= 18\", severity = warn", "\"age >= 18\"", $"silver/users rule adult changed {Anew}" },
        { "\"age >= 18\", severity = warn", "\"age >= 21\", severity = warn", $"silver/users rule adult changed {Nothing}" },
        { "{ name = adult, check = \"age >= 18\", severity = warn }", "", $"silver/users rule adult removed {Nothing}" },
        { "{ name = adult,", "{ name = known, check = \"user_id <> 1\" }, { name = adult,", $"silver/users rule known added {Anew}" },
        { "{ name = adult,", "{ name = known, check = \"user_id <> 1\", severity = warn }, { name = adult,", $"silver/users rule known added {Nothing}" },
        { "references = [ { name = team_exists, column = team_id, table = silver/teams } ]", "", $"silver/users reference team_exists removed {Judge}" },
        { "table = silver/teams }", "table = silver/teams, severity = warn }", $"silver/users reference team_exists changed {Judge}" },
        { "email { type = string, required = true }", "email { type = string }", $"silver/users column email changed {Judge}" },
        { "age { type = int }", "age { type = int, required = true }", $"silver/users column age changed {Anew}" },
        { "age { type = int }", "age { type = long }", $"silver/users column age changed {Anew}" },
        { "age { type = int }", "age { type = double }", $"silver/users column age changed {Anew}" },
        { "age { type = int }", "age { type = int, classification = personal }", "" },
        { "email { type = string, required = true }", "email { type = string, required = true, value = \"lower(trim(email))\" }", $"silver/users column email changed {Anew}" },
        { "seen { type = long }", "seen { type = long, from = age }", $"silver/users column seen changed {Anew}" },
        { "seen { type = long }", "seen { type = long }, city { type = string }", $"silver/users column city added {Fill}" },
        { "seen { type = long }", "seen { type = long }, city { type = string, required = true }", $"silver/users column city added {Anew}" },
        { "seen { type = long }", "", $"silver/users column seen removed {Anew}" },
        { "phone { type = string, mask = hash }", "phone { type = string }", $"silver/users mask phone changed {Anew}" },
        { "phone { type = string, mask = hash }", "phone { type = string, mask = redact }", $"silver/users mask phone changed {Anew}" },
        { "email { type = string, required = true }", "email { type = string, required = true, mask = hash }", $"silver/users mask email changed {Anew}" },
        { "key = [user_id]\n", "key = [user_id], order-by = [seen]\n", $"silver/users order-by changed {Anew}" },
        { "key = [user_id]\n", "key = [user_id, team_id]\n", $"silver/users key changed {Anew}" },
        { "from = bronze/app/users", "from = bronze/app/guests", $"silver/users from changed {Anew}" },
        { "length(title) < 9", "length(title) < 5", $"silver/teams rule title_short changed {Anew}" },
        { "length(title) < 9", "length(title) < 99", $"silver/teams rule title_short changed {Anew}" },
        { "title { type = string, required = true }", "title { type = string }", $"silver/teams column title changed {Judge}" },
        { "COUNT(*)", "MAX(user_id)", $"gold/per_team query changed {Anew}" },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task A_change_is_said_done_and_ends_as_if_it_had_been_so_from_the_start(string from, string to, string said)
    {
        var (before, after) = (GraphOf(Contracts, Query), GraphOf(Changed(Contracts, from, to), Query.Replace(from, to, StringComparison.Ordinal)));
        using var lake = new TestLake(before);
        await FillAsync(lake);
        await lake.RunAllAsync();
        await AppendAsync(lake, "users", Users, "4, 'dirt', '555-0004', '40', 1, 5, 'Rome', 'u', 21");
        await lake.RunAllAsync();
        using var changed = lake.With(after);

        Assert.Equal(said.Length == 0 ? [] : [said], await SaidAsync(changed));
        await RunAsync(changed);
        Assert.DoesNotContain(await SaidAsync(changed), change => !change.EndsWith(Nothing, StringComparison.Ordinal));

        using var anew = new TestLake(after);
        await FillAsync(anew);
        await AppendAsync(anew, "users", Users, "4, 'dirt', '555-0004', '40', 1, 5, 'Rome', 'u', 21");
        await RunAsync(anew);
        foreach (var table in after.Tables) Assert.Equal(await RowsAsync(anew, table), await RowsAsync(changed, table));
        Assert.Equal(["true"], await changed.RowsAsync("""
            SELECT SUM(rows_in) = (SELECT count(*) FROM silver.users) + (SELECT count(*) FROM silver.users__quarantine) + SUM(superseded + replaced + deleted + truncated)
            FROM silver._quality AS q WHERE table_name = 'silver/users' AND run >= coalesce((SELECT max(run) FROM silver._quality WHERE table_name = 'silver/users' AND bronze_after_version IS NULL), 1)
            """));
    }

    /// <summary>Of a Gold table, by the same mechanism: its configuration, then as it is changed; and what is said.</summary>
    public static TheoryData<string, string, string> GoldChanges => new()
    {
        { "materialization = full", "materialization = merge, key = [team_id]", $"gold/per_team materialization changed {Anew}, gold/per_team key changed {Anew}" },
        { "materialization = merge, key = [team_id]", "materialization = merge, key = [team_id, users]", $"gold/per_team key changed {Anew}" },
        { "materialization = merge, key = [team_id]", "materialization = full, key = [team_id]", $"gold/per_team materialization changed {Anew}" },
        { "materialization = full", "materialization = full, personal = [team_id]", $"gold/per_team personal changed {Anew}" },
        { "materialization = full", "materialization = full, engine = duckdb", "" },
    };

    [Theory]
    [MemberData(nameof(GoldChanges))]
    public async Task A_change_of_a_Gold_table_is_said_done_by_its_next_run_and_said_no_more(string before, string after, string said)
    {
        using var lake = new TestLake(GraphOf(Contracts, Query, before));
        await FillAsync(lake);
        await lake.RunAllAsync();
        using var changed = lake.With(GraphOf(Contracts, Query, after));

        Assert.Equal(said, string.Join(", ", await SaidAsync(changed)));
        await RunAsync(changed);
        Assert.Empty(await SaidAsync(changed));

        using var anew = new TestLake(changed.Graph);
        await FillAsync(anew);
        await RunAsync(anew);
        Assert.Equal(await anew.RowsAsync("SELECT * FROM gold.per_team ORDER BY ALL"), await changed.RowsAsync("SELECT * FROM gold.per_team ORDER BY ALL"));
        Assert.Equal(await anew.BoundsAsync(TableId.Gold("per_team")), await changed.BoundsAsync(TableId.Gold("per_team")));
    }

    [Fact]
    public async Task A_Gold_table_whose_log_says_less_is_made_anew_only_when_its_fingerprint_is_another()
    {
        using var lake = new TestLake(GraphOf(Contracts, Query));
        await FillAsync(lake);
        await lake.RunAllAsync();
        var gold = (await lake.Lake.TryOpenAsync(TableId.Gold("per_team"), Cancel))!;
        await gold.CommitAsync(new Delta.Log.Transaction("WRITE", Delta.Log.Isolation.BlindAppend) { Properties = ImmutableDictionary<string, string?>.Empty.Add(ContractShape.Property, null) }, Cancel);

        using var same = lake.With(lake.Graph);
        using var other = lake.With(GraphOf(Contracts, Query, "materialization = full, personal = [team_id]"));

        Assert.Empty(await SaidAsync(same));
        Assert.Equal([$"gold/per_team query changed {Anew}"], await SaidAsync(other));
    }

    [Theory]
    [InlineData("materialization = full")]
    [InlineData("materialization = merge, key = [team_id]")]
    public async Task A_Gold_table_that_a_release_made_which_leaves_the_shape_as_it_is_is_made_anew(string materialization)
    {
        using var lake = new TestLake(GraphOf(Contracts, Query, materialization));
        await FillAsync(lake);
        await lake.RunAllAsync();
        var gold = TableId.Gold("per_team");
        var (made, shape) = (await RowsAsync(lake, gold), await ShapeAsync());
        // Back at the release before, with another query: it moves the fingerprint and knows of no shape.
        using (var before = lake.With(GraphOf(Contracts, Query.Replace("COUNT(*)", "MAX(user_id)", StringComparison.Ordinal), materialization)))
        {
            var planned = await before.Planner.PlanAsync(gold, Cancel);
            await before.Jobs.RunAsync(await before.Planner.ExpandAsync(planned! with { Statements = null }, SqlDialect.DuckDb, Cancel) with { Contract = null }, Cancel);
            Assert.NotEqual(made, await RowsAsync(before, gold));
            Assert.Equal(shape, await ShapeAsync());
        }

        using var today = lake.With(lake.Graph);
        Assert.Equal([$"gold/per_team query changed {Anew}"], await SaidAsync(today));
        var table = (await today.Tables.TryOpenAsync(gold, Cancel))!;
        var spec = await today.Planner.ExpandAsync((await today.Planner.PlanAsync(gold, Cancel))!, SqlDialect.DuckDb, Cancel);
        Assert.Null(GoldSteps.MergeOf(spec, table.Current));
        await today.Jobs.RunAsync(spec, Cancel);

        Assert.Equal(made, await RowsAsync(today, gold));
        Assert.Empty(await SaidAsync(today));
        Assert.Null(await today.Planner.PlanAsync(gold, Cancel));

        async Task<string?> ShapeAsync() => (await lake.Lake.TryOpenAsync(gold, Cancel))!.Current.Metadata.Configuration.GetValueOrDefault(ContractShape.Property);
    }

    [Fact]
    public async Task A_Silver_table_that_a_release_went_on_with_which_knows_nothing_of_its_contract_is_made_anew()
    {
        using var lake = new TestLake(GraphOf(Contracts, Query));
        await FillAsync(lake);
        await lake.RunAllAsync();
        var users = TableId.Silver("users");
        var contract = await ContractAsync();
        // Back at the release before, with another rule: it leaves what the log says.
        using (var before = lake.With(GraphOf(Changed(Contracts, "regexp_like(email, '@')", "email <> ''"), Query)))
        {
            await AppendAsync(before, "users", Users, "9, 'dirt', '555-0009', '40', 1, 5, 'Rome', 'c', 20");
            var spec = await before.Planner.ExpandAsync((await before.Planner.PlanAsync(users, Cancel))! with { Statements = null }, SqlDialect.DuckDb, Cancel);
            await before.Jobs.RunAsync(spec with { Silver = spec.Silver! with { Contract = null } }, Cancel);
            Assert.Contains(await RowsAsync(before, users), row => row.StartsWith("9|dirt|", StringComparison.Ordinal));
            Assert.Equal(contract, await ContractAsync());
        }

        using var today = lake.With(lake.Graph);
        Assert.Equal([$"silver/users release changed {Anew}"], await SaidAsync(today));
        // A run that comes before it is made anew forgets nothing.
        await AppendAsync(today, "users", Users, "10, 'j@x', '555-0010', '40', 1, 5, 'Rome', 'c', 21");
        await today.RunAsync(users.ToString());
        Assert.Equal([$"silver/users release changed {Anew}"], await SaidAsync(today));
        await RunAsync(today);

        Assert.Empty(await SaidAsync(today));
        using var anew = new TestLake(lake.Graph);
        await FillAsync(anew);
        await AppendAsync(anew, "users", Users, "9, 'dirt', '555-0009', '40', 1, 5, 'Rome', 'c', 20");
        await AppendAsync(anew, "users", Users, "10, 'j@x', '555-0010', '40', 1, 5, 'Rome', 'c', 21");
        await RunAsync(anew);
        foreach (var table in lake.Graph.Tables) Assert.Equal(await RowsAsync(anew, table), await RowsAsync(today, table));
        // And is known from then on.
        await AppendAsync(today, "users", Users, "11, 'k@x', '555-0011', '40', 1, 5, 'Rome', 'c', 22");
        await RunAsync(today, () => Assert.Fail("It is made anew again."));

        async Task<string?> ContractAsync() => (await lake.Lake.TryOpenAsync(users, Cancel))!.Current.Metadata.Configuration.GetValueOrDefault(ContractShape.Property);
    }

    [Fact]
    public async Task Another_key_of_masks_hashes_all_rows_anew_and_says_so()
    {
        using var lake = new TestLake(GraphOf(Contracts, Query));
        await FillAsync(lake);
        await lake.RunAllAsync();
        var hashed = await lake.RowsAsync("SELECT phone FROM silver.users ORDER BY ALL");
        using var other = lake.With(lake.Graph, maskKey: "another key of thirty-two letters");

        Assert.Equal([$"silver/users mask phone changed {Anew}"], await SaidAsync(other));
        await RunAsync(other);

        Assert.Empty(await SaidAsync(other));
        Assert.Empty(hashed.Intersect(await other.RowsAsync("SELECT phone FROM silver.users ORDER BY ALL"), StringComparer.Ordinal));
    }

    [Fact]
    public async Task Several_changes_at_once_are_said_each_and_done_once()
    {
        using var lake = new TestLake(GraphOf(Contracts, Query));
        await FillAsync(lake);
        await lake.RunAllAsync();
        using var changed = lake.With(GraphOf(Changed(Changed(Contracts, "seen { type = long }", "city { type = string }"), "regexp_like(email, '@')", "true"), Query));

        Assert.Equal([$"silver/users column city added {Fill}", $"silver/users column seen removed {Anew}", $"silver/users rule email_valid changed {Anew}"], (await SaidAsync(changed)).Order(StringComparer.Ordinal));
        var begun = 0;
        await RunAsync(changed, () => begun++);

        Assert.Equal(1, begun);
        Assert.Empty(await SaidAsync(changed));
    }

    private static TransformGraph GraphOf(string silver, string query, string gold = "materialization = full") => TestGraph.Of(silver, $"per_team {{ sql = \"per_team.sql\", {gold} }}", ("per_team.sql", query));

    private static string Changed(string text, string from, string to)
    {
        Assert.True(text.Contains(from, StringComparison.Ordinal) || Query.Contains(from, StringComparison.Ordinal), from);
        return text.Replace(from, to, StringComparison.Ordinal);
    }

    private static async Task<IReadOnlyList<string>> SaidAsync(TestLake lake)
    {
        var (changed, said) = (new ChangedTables(lake.Tables, lake.Graph, lake.Options), new List<string>());
        foreach (var table in lake.Graph.Tables) said.AddRange((await changed.SinceAsync(table, Cancel)).Select(change => $"{table} {change} {change.Meaning}"));
        return said;
    }

    /// <summary>As the coordinator does: a table is made anew before its next run is planned.</summary>
    private static async Task RunAsync(TestLake lake, Action? onBegin = null)
    {
        var changed = new ChangedTables(lake.Tables, lake.Graph, lake.Options);
        for (var ran = true; ran;)
        {
            ran = false;
            foreach (var table in lake.Graph.Tables)
            {
                ran |= await changed.RebuildAsync(table, lake.Time, _ => onBegin?.Invoke(), _ => { }, Cancel);
                ran |= await lake.RunAsync(table.ToString()) is not null;
            }
        }
    }

    /// <summary>A table's rows and what its quarantine and its deletes have of them, whatever run and file they came from.</summary>
    private static async Task<IReadOnlyList<string>> RowsAsync(TestLake lake, TableId table)
    {
        if (table.Layer == Layer.Gold) return await lake.RowsAsync($"SELECT * FROM gold.{table.Name} ORDER BY ALL");
        var columns = lake.Graph.TrySilver(table)!.Columns.Select(column => column.Name).Append("_position").ToImmutableArray();
        return
        [
            .. await lake.RowsAsync($"SELECT {string.Join(", ", columns)} FROM silver.{table.Name} ORDER BY ALL"),
            .. await lake.RowsAsync($"SELECT 'quarantine', _rules, _held, _position FROM silver.{table.Name}__quarantine ORDER BY ALL"),
            .. (await lake.RowsAsync($"SELECT * FROM (DESCRIBE silver.{table.Name}) ORDER BY ALL")).Select(row => string.Join('|', row.Split('|')[..2])),
        ];
    }

    private static async Task FillAsync(TestLake lake)
    {
        await AppendAsync(lake, "teams", Teams, "1, 'red', 'c', 1", "2, 'crimson', 'c', 2", "3, NULL, 'c', 3", "4, 'ultramarine', 'c', 4");
        string[] users =
        [
            "1, 'A@x', '555-0001', '17', 1, 9, 'Bern', 'c', 11", "1, ' a@x ', '555-0001', '18', 1, 8, 'Bern', 'u', 12", "2, 'dirt', '555-0002', '20', 2, 1, NULL, 'c', 13",
            "3, NULL, '555-0003', '30', 2, 1, 'Oslo', 'c', 14", "4, 'd@y', '555-0004', '40', 1, 4, 'Rome', 'c', 15", "5, 'e@x', NULL, NULL, 3, 2, 'Rome', 'c', 16", "6, 'f@x', '555-0006', '16', 2, 3, NULL, 'c', 17",
            "7, 'g@x', '555-0007', 'old', NULL, NULL, 'Rome', 'c', 18", "8, 'h@x', '555-0008', '22', 2, 3, 'Rome', 'c', 19",
        ];
        await AppendAsync(lake, "users", Users, users);
        await AppendAsync(lake, "guests", Users, "1, 'guest@x', '555-0009', '50', 1, 1, 'Bern', 'c', 1");
    }

    private static Task<long> AppendAsync(TestLake lake, string table, IReadOnlyList<Field> columns, params string[] rows)
    {
        var names = columns.Where(column => column.Name != "_ingested_at").ToList();
        var typed = string.Join(", ", names.Select(column => $"{column.Name}::{(column.DataType is Apache.Arrow.Types.StringType ? "VARCHAR" : "BIGINT")} AS {column.Name}"));
        return lake.AppendAsync($"bronze/app/{table}", columns, $"SELECT {typed} FROM (VALUES {string.Join(", ", rows.Select(row => $"({row})"))}) AS v({string.Join(", ", names.Select(column => column.Name))})");
    }
}
