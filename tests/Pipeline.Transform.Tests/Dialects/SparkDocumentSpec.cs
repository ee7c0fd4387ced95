using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Testing;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Tests.Dialects;

/// <summary>Runs of Silver and Gold tables as documents for Spark: one program of steps, in another engine's words.</summary>
public sealed partial class SparkDocumentSpec
{
    /// <summary>What contracts and queries may hold that is told apart by quotes, backslashes, types and names.</summary>
    private const string Contracts = """
        teams { from = bronze/app/teams, columns { team_id { type = long }, order { type = string } }, key = [team_id] }
        users {
          from = bronze/app/users
          columns {
            user_id { type = long }
            select { type = "decimal(5,5)", from = "the rate" }
            team_id { type = long }
            scores { type = "array<double>" }
            half { type = float }
            is_new { type = boolean }
            born { type = date }
            seen { type = timestamp }
            phone { type = string, mask = hash }
            photo { type = binary, mask = redact }
            text { type = string, from = notes, path = "$.a.b[0]" }
          }
          key = [user_id, select]
          rules = [
            { name = quoted, check = "phone <> 'it''s \\d' -- not this\\" }
            { name = patterned, check = "regexp_like(phone, '^\\+?[0-9]+\\z')", severity = warn }
            { name = sane, check = "parse_decimal(text, 12, 2) > 0 OR EXTRACT(YEAR FROM born) > 1900", severity = fail }
          ]
          references = [ { column = team_id, table = silver/teams }, { name = known_team, column = team_id, table = silver/teams, severity = warn } ]
        }
        events {
          from = bronze/events/user_events
          format = json
          columns { event_id { type = string }, tags { type = "array<string>" }, at { type = timestamp, from = _timestamp } }
          key = [event_id]
          order-by = [at]
        }
        """;

    private const string Gold = """
        people { sql = "people.sql", materialization = merge, key = [user_id, rate, seen, token] }
        totals { sql = "totals.sql" }
        """;

    private static readonly (string, string)[] Queries =
    [
        ("people.sql", """
            -- Everybody, whatever the path is: C:\
            WITH known AS (SELECT user_id, "select" AS rate, seen, phone /* it's */ FROM silver.users WHERE phone <> 'it''s \')
            SELECT known.user_id, known.rate, known.seen, encode(known.phone) AS token, teams."order" AS "order"
            FROM known LEFT JOIN silver.teams ON teams.team_id = known.user_id -- the end
            """),
        ("totals.sql", "SELECT CAST(count(*) AS BIGINT) AS people, CAST(max(people.seen) AS TIMESTAMP) AS seen FROM gold.people"),
    ];

    [Fact]
    public void The_reference_holds_nothing_that_is_not_portable() => Assert.Empty(ReferenceGraph.Bind().Unportable);

    [Fact]
    public async Task Every_statement_of_the_reference_and_of_whatever_else_contracts_hold_is_of_Sparks_grammar()
    {
        var graph = ReferenceGraph.Bind();
        var reference = await RenderedRuns.OfAsync(graph, ReferenceGraph.BronzeOf, SqlDialect.Spark);
        Assert.Equal((11, 11, 44), (graph.Silver.Count, graph.Gold.Count, reference.Count));

        await AreSparksAsync([.. reference, .. await ShapesAsync(SqlDialect.Spark)]);
    }

    [Fact]
    public async Task Documents_of_both_dialects_are_one_program()
    {
        var (duckDb, spark) = (await ShapesAsync(SqlDialect.DuckDb), await ShapesAsync(SqlDialect.Spark));

        Assert.Equal(duckDb.Select(document => ProgramOf(document).Replace("\"silver.", "\"silver__", StringComparison.Ordinal).Replace("\"gold.", "\"gold__", StringComparison.Ordinal)), spark.Select(ProgramOf));
        Assert.All(duckDb, document => Assert.Equal("duckdb", document.Dialect));
        Assert.All(spark, document => Assert.Equal("spark", document.Dialect));
    }

    [Theory]
    [InlineData("silver/users")]
    [InlineData("gold/people")]
    public async Task Writes(string table)
    {
        var document = (await ShapesAsync(SqlDialect.Spark)).Last(document => document.Run.Table == TableId.Parse(table));

        Golden.Verify($"{table.Replace('/', '.')}.document.spark.txt", Readable(document));
    }

    private static async Task<IReadOnlyList<JobDocument>> ShapesAsync(SqlDialect dialect)
    {
        var graph = TestGraph.Of(Contracts, Gold, Queries);
        return await RenderedRuns.OfAsync(graph, BronzeOf, dialect);
    }

    private static Schema BronzeOf(SilverContract contract) => contract.Table.Name switch
    {
        "teams" => Bronze(["team_id long", "order string"]),
        // One whose records are numbered, one with change capture.
        "events" => Bronze(["_partition int", "_offset long", "_timestamp timestamp", "_key string", "_headers string", "value string"], "_partition Identifies Orders Split", "_offset Orders Number", "_timestamp Identifies", "value Document"),
        _ => new Schema([.. TestLake.Declared(
        [
            new Field("the rate", ColumnType.TryParse("double")!, nullable: true),
            .. TestLake.BronzeColumns("user_id decimal(38,0)", "team_id int", "scores array<float>", "half double", "is_new string", "born timestamp", "seen string", "phone string", "photo binary", "notes string", "_changed string", "_seq long"),
        ], "_changed Changed", "_seq Orders Sequence"), BronzeColumns.IngestDateField], null),
    };

    private static Schema Bronze(string[] columns, params string[] roles) => new([.. TestLake.Declared(TestLake.BronzeColumns(columns), roles), BronzeColumns.IngestDateField], null);

    private static async Task AreSparksAsync(IReadOnlyList<JobDocument> documents)
    {
        var wrong = new List<string>();
        foreach (var document in documents)
        {
            var names = document.Relations.Select(relation => relation.Name).Concat(NamesOf(document.Steps)).Concat(document.Masks == true ? ["mask_key"] : []).ToHashSet(StringComparer.Ordinal);
            Assert.All(names, name => Assert.Matches("^[a-z0-9_]+$", name));
            foreach (var (name, sql) in RenderedRuns.StatementsOf(document))
            {
                var text = new SparkText(sql);
                wrong.AddRange(text.Foreign().Select(what => $"{name}: Spark does not have {what}"));
                wrong.AddRange(text.Relations().Where(relation => !names.Contains(relation)).Select(relation => $"{name}: there is no relation {relation}"));
                wrong.AddRange(text.StarsByPlace().Select(star => $"{name}: {star} gives columns another place"));
                // What users write is judged where it is configured.
                if (!name.EndsWith(" result", StringComparison.Ordinal)) wrong.AddRange(text.OrdersOfNulls().Select(order => $"{name}: where are nulls in {order}?"));
            }
        }

        Assert.True(wrong.Count == 0, string.Join(Environment.NewLine, wrong.Distinct()));
        // Runs of a table have most of their statements in common.
        await SparkGrammar.AcceptsAsync(documents.SelectMany(RenderedRuns.StatementsOf).DistinctBy(statement => statement.Sql));
    }

    private static IEnumerable<string> NamesOf(IEnumerable<JobStep> steps) => steps.SelectMany(step => step switch
    {
        DefineStep define => NamesOf(define.Otherwise).Append(define.Name),
        JudgeStep judge => [judge.Name],
        WriteStep { As: { } name } => [name],
        _ => (IEnumerable<string>)[],
    });

    /// <summary>A document without its SQL.</summary>
    /// <summary>What both do: for fields that no column reads one of them does not look.</summary>
    private static string ProgramOf(JobDocument document) => Sql().Replace(
        Encoding.UTF8.GetString((document with { Dialect = "", Steps = [.. document.Steps.Where(step => step is not FiguresStep { Name: SilverSteps.FieldsFigures })] }).ToUtf8()), "$1:");

    /// <summary>A document with each statement on lines of its own.</summary>
    private static string Readable(JobDocument document)
    {
        var root = JsonNode.Parse(document.ToUtf8())!.AsObject();
        var steps = root["steps"]!.AsArray();
        root.Remove("steps");
        var text = new StringBuilder(root.ToJsonString(Indented)).Append('\n');
        Append(steps);
        return text.ToString();

        void Append(JsonArray list)
        {
            foreach (var step in list.Select(step => step!.AsObject()))
            {
                var (sql, otherwise) = (step["sql"] ?? step["rows"], step["otherwise"]);
                step.Remove("sql");
                step.Remove("rows");
                step.Remove("otherwise");
                text.Append("\n== ").Append(step.ToJsonString(OneLine)).Append('\n');
                if (sql is not null) text.Append(sql.GetValue<string>()).Append('\n');
                if (otherwise is JsonArray others) Append(others);
            }
        }
    }

    private static readonly JsonSerializerOptions OneLine = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly JsonSerializerOptions Indented = new(OneLine) { WriteIndented = true };

    [GeneratedRegex("(\"(?:sql|rows|checks)\"):(?:\\[(?:\"(?:[^\"\\\\]|\\\\.)*\",?)*\\]|\"(?:[^\"\\\\]|\\\\.)*\")")]
    private static partial Regex Sql();
}
