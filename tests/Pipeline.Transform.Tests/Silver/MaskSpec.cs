using System.Security.Cryptography;
using System.Text;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Rebuild;

namespace Pipeline.Transform.Tests.Silver;

/// <summary>What a column with a mask holds at its source is in Bronze and nowhere else.</summary>
public sealed class MaskSpec : IDisposable
{
    private const string Contracts = """
        teams { from = bronze/app/teams, columns { team_id { type = long } }, key = [team_id] }
        users {
          from = bronze/app/users
          columns {
            email { type = string, mask = hash }
            phone { type = string, mask = redact }
            address { type = string, mask = hash, value = "trim(street)" }
            age { type = int }
            team_id { type = long }
          }
          key = [email]
          rules = [
            { name = phone_long, check = "length(phone) > 3" }
            { name = age_plausible, check = "CAST(phone AS VARCHAR) <> 'x' AND age < 100" }
            { name = number, check = "CASE WHEN phone LIKE 'n%' THEN CAST(phone AS BIGINT) > 0 ELSE true END" }
          ]
          references = [ { name = team_exists, column = team_id, table = silver/teams } ]
        }
        """;

    private const string Redacting = """
        teams { from = bronze/app/teams, columns { team_id { type = long } }, key = [team_id] }
        users {
          from = bronze/app/users
          columns { email { type = string }, phone { type = string, mask = redact }, team_id { type = long } }
          key = [email]
          rules = [ { name = phone_long, check = "length(phone) > 3" } ]
          references = [ { name = team_exists, column = team_id, table = silver/teams } ]
        }
        """;

    private const string OtherKey = "another key of thirty-two letters";

    private const string Secrets = """

        orders { from = bronze/app/orders, format = json, columns { id { type = long }, iban { type = string, path = "$.account.iban", mask = hash } }, key = [id] }
        """;

    private static readonly IReadOnlyList<Field> Users = TestLake.BronzeColumns("email string", "phone string", "street string", "age string", "team_id long");

    private readonly TestLake _lake = new(TestGraph.Of(Contracts + Secrets));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task Planted_tokens_are_found_in_Bronze_alone_whatever_becomes_of_their_rows()
    {
        var tokens = Enumerable.Range(0, 24).Select(i => $"tk{i:00}{Guid.NewGuid():N}"[..16]).ToList();
        // Good, of a bad age, without a number in it, waiting for a parent, mended, and deleted.
        for (var i = 0; i < 6; i++)
        {
            var (email, phone, street) = (tokens[3 * i], tokens[(3 * i) + 1], tokens[(3 * i) + 2]);
            await AppendAsync($"'{email}', '{(i == 2 ? "n" : "")}{phone}', '{street}', '{(i is 1 or 4 ? "old" : "40")}', {(i == 3 ? "9" : "NULL")}, 'c', {i + 1}");
        }

        await _lake.AppendAsync("bronze/app/orders", TestLake.Declared(TestLake.BronzeColumns("value string"), "value Document"),
            $"SELECT * FROM (VALUES ({Order("1", tokens[18])}, 'c', 1), ({Order("\"x\"", tokens[20])}, 'c', 2), (left({Order("3", tokens[21])}, 45), 'c', 3)) AS v(value, _op, _position)");
        await _lake.RunAllAsync();
        Assert.Equal(["age", "malformed", "number", "team_exists", "type"], (await _lake.RowsAsync("""
            SELECT DISTINCT CASE WHEN _rules LIKE 'type:age' THEN 'age' WHEN _rules LIKE 'type:%' THEN 'type' WHEN _rules = 'malformed_json' THEN 'malformed' ELSE replace(_rules, 'error:', '') END
            FROM (SELECT _rules FROM silver.users__quarantine UNION ALL SELECT _rules FROM silver.orders__quarantine) ORDER BY 1
            """)));
        await AppendAsync($"'{tokens[12]}', '{tokens[22]}', '{tokens[23]}', '41', NULL, 'u', 7");
        await AppendAsync($"'{tokens[15]}', NULL, NULL, NULL, NULL, 'd', 8");
        await _lake.RunAllAsync();
        using var stricter = _lake.With(TestGraph.Of(Contracts.Replace("age < 100", "age < 10", StringComparison.Ordinal) + Secrets));
        await new ChangedTables(stricter.Tables, stricter.Graph, stricter.Options).RebuildAsync(TableId.Silver("users"), stricter.Time, _ => { }, _ => { }, Cancel);
        await stricter.RunAllAsync();
        await _lake.RunAllAsync();

        var leaks = new List<string>();
        for (var i = 0; i < tokens.Count; i++) leaks.AddRange((await PlacesOfAsync(tokens[i])).Select(place => $"{i} in {place}"));
        Assert.Equal(Enumerable.Range(0, tokens.Count).Where(i => i != 19).Select(i => $"{i} in bronze"), leaks);
    }

    [Fact]
    public async Task Rows_come_out_of_a_sealed_quarantine_when_their_parent_comes_and_when_their_rule_is_mended()
    {
        await AppendAsync("'a@x', '5550001', 'Here 1', '40', 9, 'c', 1", "'b@x', '5550002', 'Here 2', '100', NULL, 'c', 2");
        await _lake.RunAllAsync();
        Assert.Equal(["age_plausible|sealed:", "team_exists|sealed:"], await _lake.RowsAsync("SELECT _rules, left(_row, 7) FROM silver.users__quarantine ORDER BY 1"));

        await _lake.AppendAsync("bronze/app/teams", TestLake.BronzeColumns("team_id long"), "SELECT * FROM (VALUES (9::BIGINT, 'c', 1)) AS v(team_id, _op, _position)");
        using var mended = _lake.With(TestGraph.Of(Contracts.Replace("age < 100", "age < 101", StringComparison.Ordinal) + Secrets));
        await mended.RunAllAsync();

        Assert.Equal([$"{Hash("a@x")}|***|{Hash("Here 1")}|40", $"{Hash("b@x")}|***|{Hash("Here 2")}|100"], await _lake.RowsAsync("SELECT email, phone, address, age FROM silver.users ORDER BY age"));
        Assert.Empty(await _lake.RowsAsync("SELECT _rules FROM silver.users__quarantine"));
    }

    [Fact]
    public async Task The_keys_version_stands_in_the_columns_metadata_and_its_text_nowhere()
    {
        await AppendAsync("'a@x', '5550001', 'Here 1', '40', NULL, 'c', 1", "'b@x', '1', 'Here 2', '40', NULL, 'c', 2");
        await _lake.RunAllAsync();

        var schema = (await _lake.Tables.TryOpenAsync(TableId.Silver("users"), Cancel))!.Current.Schema;
        var version = MaskKey.Of(TestLake.Key).Version;
        Assert.Equal([version, null, version, null, null], schema.FieldsList.Take(5).Select(field => field.HasMetadata && field.Metadata.TryGetValue("pipeline.maskKey", out var key) ? key : null));
        foreach (var text in (string[])[TestLake.Key, MaskKey.Of(TestLake.Key).Inner, MaskKey.Of(TestLake.Key).Outer]) Assert.Empty(await PlacesOfAsync(text));
    }

    [Fact]
    public async Task Without_a_key_a_table_that_masks_stands_with_the_line_to_add_and_no_other_does()
    {
        await AppendAsync("'a@x', '5550001', 'Here 1', '40', NULL, 'c', 1");
        await _lake.AppendAsync("bronze/app/teams", TestLake.BronzeColumns("team_id long"), "SELECT * FROM (VALUES (9::BIGINT, 'c', 1)) AS v(team_id, _op, _position)");
        var planner = new JobPlanner(_lake.Tables, _lake.Graph, _lake.Options with { MaskKey = null }, _lake.Time);

        var stands = await Assert.ThrowsAsync<PipelineException>(async () => await planner.PlanAsync(TableId.Silver("users"), Cancel));

        Assert.Contains("column email has a mask", stands.Message);
        Assert.Contains("add to the configuration: pipeline.transform.mask-key = \"secret:file:", stands.Message);
        Assert.NotNull(await planner.PlanAsync(TableId.Silver("teams"), Cancel));
    }

    [Fact]
    public async Task A_table_that_was_hashed_without_a_key_is_made_anew_once()
    {
        await AppendAsync("'a@x', '5550001', 'Here 1', '40', NULL, 'c', 1", "'b@x', '1', 'Here 2', '40', NULL, 'c', 2");
        var pins = await _lake.Planner.PlanAsync(TableId.Silver("users"), Cancel);
        var spec = await _lake.Planner.ExpandAsync(pins! with { Statements = null }, SqlDialect.DuckDb, Cancel);
        string Earlier(string sql) => sql.Replace(SqlDialect.DuckDb.Call("seal", "x"), "x", StringComparison.Ordinal).Replace("seal_row(", "(", StringComparison.Ordinal)
            .Replace(SqlDialect.DuckDb.Call("hmac", "\"email\"", "_mask_inner", "_mask_outer"), "sha256(\"email\")", StringComparison.Ordinal);
        var columns = spec.Columns.Select(column => column with { MaskKey = null });
        await _lake.Jobs.RunAsync(spec with { Columns = [.. columns], Silver = spec.Silver! with { Checked = Earlier(spec.Silver!.Checked), Contract = null, Judging = null, Settled = null, Quarantine = [.. spec.Silver!.Quarantine.Where(column => column.Name != "_judging").Select(column => column with { MaskKey = null })] } }, Cancel);
        Assert.Equal([Convert.ToHexStringLower(SHA256.HashData("a@x"u8))], await _lake.RowsAsync("SELECT email FROM silver.users"));
        Assert.Contains("Here 2", Assert.Single(await _lake.RowsAsync("SELECT _row FROM silver.users__quarantine")), StringComparison.Ordinal);
        var changed = new ChangedTables(_lake.Tables, _lake.Graph, _lake.Options);

        Assert.Equal(["mask email changed", "mask phone changed", "mask address changed"], (await changed.SinceAsync(TableId.Silver("users"), Cancel)).Select(change => change.ToString()));
        Assert.True(await changed.RebuildAsync(TableId.Silver("users"), _lake.Time, _ => { }, _ => { }, Cancel));
        Assert.False(await changed.RebuildAsync(TableId.Silver("users"), _lake.Time, _ => { }, _ => { }, Cancel));

        Assert.Equal([Hash("a@x")], await _lake.RowsAsync("SELECT email FROM silver.users"));
        Assert.StartsWith("sealed:", Assert.Single(await _lake.RowsAsync("SELECT _row FROM silver.users__quarantine")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_table_that_only_redacts_is_made_anew_by_another_key_and_its_rows_come_out_of_quarantine()
    {
        using var redacts = _lake.With(TestGraph.Of(Redacting));
        await AppendAsync("'a@x', '5550001', 'Here 1', '40', 9, 'c', 1", "'b@x', '1', 'Here 2', '40', NULL, 'c', 2");
        await redacts.RunAllAsync();
        using var other = redacts.With(redacts.Graph, maskKey: OtherKey);
        await AppendParentAsync();
        var changed = new ChangedTables(other.Tables, other.Graph, other.Options);

        Assert.Equal(["mask phone changed Rebuild"], (await changed.SinceAsync(TableId.Silver("users"), Cancel)).Select(change => $"{change} {change.Meaning}"));
        Assert.True(await changed.RebuildAsync(TableId.Silver("users"), other.Time, _ => { }, _ => { }, Cancel));
        Assert.False(await changed.RebuildAsync(TableId.Silver("users"), other.Time, _ => { }, _ => { }, Cancel));
        await other.RunAllAsync();

        Assert.Equal(["a@x|***"], await other.RowsAsync("SELECT email, phone FROM silver.users"));
        Assert.Contains("Here 2", MaskKey.Of(OtherKey).Open(Assert.Single(await other.RowsAsync("SELECT _row FROM silver.users__quarantine"))), StringComparison.Ordinal);
        var schema = (await other.Tables.TryOpenAsync(TableId.Silver("users"), Cancel))!.Current.Schema;
        Assert.DoesNotContain(schema.FieldsList, field => field.HasMetadata && field.Metadata.ContainsKey("pipeline.maskKey"));
    }

    [Fact]
    public async Task A_row_that_another_key_has_sealed_ends_the_run_in_words_of_its_own()
    {
        using var redacts = _lake.With(TestGraph.Of(Redacting));
        await AppendAsync("'a@x', '5550001', 'Here 1', '40', 9, 'c', 1", "'b@x', '1', 'Here 2', '40', NULL, 'c', 2");
        await redacts.RunAllAsync();
        using var other = redacts.With(redacts.Graph, maskKey: OtherKey);
        await AppendParentAsync();

        var fault = await Assert.ThrowsAsync<PipelineException>(other.RunAllAsync);

        Assert.Equal((FaultKind.Invalid, "Give the key back, or rebuild the table."), (fault.Kind, fault.NextStep));
        Assert.Contains($"sealed by another key, of version {MaskKey.Of(TestLake.Key).Version}", fault.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void A_sealed_row_is_opened_by_its_key_alone_and_only_as_it_was_sealed()
    {
        var key = MaskKey.Of(TestLake.Key);
        var sealedRow = key.Seal("{\"email\":\"Zoë\"}");

        Assert.Equal(("{\"email\":\"Zoë\"}", sealedRow, "{}"), (key.Open(sealedRow), key.Seal(sealedRow), key.Open("{}")));
        Assert.Equal(sealedRow, key.Seal("{\"email\":\"Zoë\"}"));
        Assert.DoesNotContain("Zo", Encoding.UTF8.GetString(Convert.FromBase64String(sealedRow[(sealedRow.LastIndexOf(':') + 1)..])), StringComparison.Ordinal);
        var other = Assert.Throws<PipelineException>(() => MaskKey.Of("another key of thirty-two letters").Open(sealedRow));
        Assert.Contains("sealed by another key", other.Message);
        var changed = sealedRow[..^4] + (sealedRow[^4] == 'A' ? "B" : "A") + sealedRow[^3..];
        Assert.Throws<PipelineException>(() => key.Open(changed));
        Assert.Throws<PipelineException>(() => MaskKey.Of("too short"));
    }

    [Fact]
    public void The_nonce_of_a_sealed_row_is_made_by_a_key_that_encrypts_nothing()
    {
        var bytes = Convert.FromBase64String(MaskKey.Of(TestLake.Key).Seal("{}").Split(':')[2]);

        Assert.Equal(NonceBy("nonce"), bytes[..12]);
        Assert.NotEqual(NonceBy("quarantine"), bytes[..12]);

        static byte[] NonceBy(string use) => HMACSHA256.HashData(HMACSHA256.HashData(Encoding.UTF8.GetBytes(TestLake.Key), Encoding.UTF8.GetBytes($"pipeline mask {use}")), "{}"u8)[..12];
    }

    private Task<long> AppendParentAsync() =>
        _lake.AppendAsync("bronze/app/teams", TestLake.BronzeColumns("team_id long"), "SELECT * FROM (VALUES (9::BIGINT, 'c', 1)) AS v(team_id, _op, _position)");

    private static string Order(string id, string iban) => $"'{{\"id\":{id},\"account\":{{\"iban\":\"{iban}\"}}}}'";

    /// <summary>A value as a table of a <see cref="TestLake"/> has it that hashes it.</summary>
    internal static string Hash(string value)
    {
        var key = HMACSHA256.HashData(Encoding.UTF8.GetBytes(TestLake.Key), "pipeline mask hash"u8);
        return Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(value)));
    }

    private Task<long> AppendAsync(params string[] rows) => _lake.AppendAsync("bronze/app/users", Users,
        $"SELECT email::VARCHAR AS email, phone::VARCHAR AS phone, street::VARCHAR AS street, age::VARCHAR AS age, team_id::BIGINT AS team_id, _op, _position FROM (VALUES {string.Join(", ", rows.Select(row => $"({row})"))}) AS v(email, phone, street, age, team_id, _op, _position)");

    /// <summary>The layers of the objects that hold a text: in their bytes, or in what a reader of others makes of them when they are Parquet.</summary>
    private async Task<IReadOnlyList<string>> PlacesOfAsync(string text)
    {
        var places = new SortedSet<string>(StringComparer.Ordinal);
        var bytes = Encoding.UTF8.GetBytes(text);
        using var session = _lake.OpenSession();
        await foreach (var found in _lake.Lake.Store.ListAsync("", startAt: null, Cancel))
        {
            if (found.Path.EndsWith('/')) continue;
            var content = await _lake.Lake.Store.TryGetAsync(found.Path, Cancel);
            var isThere = content!.AsSpan().IndexOf(bytes) >= 0 || (found.Path.EndsWith(".parquet", StringComparison.Ordinal)
                && session.Count($"SELECT count(*) FROM (SELECT CAST(t AS VARCHAR) AS row FROM read_parquet('{_lake.Lake.Store.LocalPath(found.Path)}') AS t) AS rows WHERE contains(row, '{text}')") > 0);
            if (isThere) places.Add(found.Path.Split('/')[0]);
        }

        return [.. places];
    }
}
