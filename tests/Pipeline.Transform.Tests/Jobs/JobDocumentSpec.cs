using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Pipeline.Core;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Jobs;

public sealed partial class JobDocumentSpec
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void The_examples_in_the_page_about_documents_are_read_and_hold_nothing_else()
    {
        var examples = Example().Matches(File.ReadAllText(PageOf())).Select(match => Encoding.UTF8.GetBytes(match.Groups["json"].Value)).ToList();

        var document = JobDocument.Read(examples[0]);
        var answer = JobAnswer.Read(examples[1]);

        Assert.Equal(["define", "check", "define", "define", "write", "figures"], document.Steps.Select(step => JsonSerializer.SerializeToElement(step).GetProperty("do").GetString()));
        Assert.Equal(Names(examples[0]), Names(document.ToUtf8()).Intersect(Names(examples[0])));
        Assert.Equal(Names(examples[1]), Names(answer.ToUtf8()).Intersect(Names(examples[1])));
        Assert.Equal([["2"]], answer.Figures["counts"].Select(row => row.ToArray()));
    }

    [Fact]
    public void The_session_that_the_page_asks_for_is_the_one_that_statements_get()
    {
        using var lake = new TestLake(TestGraph.Of(""));
        using var session = lake.OpenSession();
        var settings = Setting().Matches(File.ReadLines(PageOf()).Single(line => line.StartsWith("| `duckdb` |", StringComparison.Ordinal)));

        Assert.Equal(2, settings.Count);
        Assert.All(settings, setting => Assert.Equal(setting.Groups["value"].Value.Trim('\''), (string?)session.Scalar($"SELECT lower(CAST(current_setting('{setting.Groups["name"].Value}') AS VARCHAR))"), ignoreCase: true));
    }

    [Fact]
    public async Task A_run_is_the_same_document_each_time_but_for_what_lies_in_the_lake()
    {
        using var lake = new TestLake(TestGraph.Of("users { from = bronze/app/users, columns { user_id { type = long } }, key = [user_id], rules = [ { name = sane, check = \"user_id > 0\" } ] }"));
        await lake.AppendAsync("bronze/app/users", TestLake.BronzeColumns("user_id long"), "SELECT 4 AS user_id, 'r' AS _op, 4 AS _position");
        var documents = new List<JobDocument>();
        var engine = new LyingEngine(lake.Engine, (document, answer) =>
        {
            documents.Add(document);
            return Task.FromResult(answer with { Execution = "of another" });
        });
        var spec = await lake.Planner.ExpandAsync((await lake.Planner.PlanAsync(TableId.Silver("users"), Cancel))!, SqlDialect.DuckDb, Cancel);
        for (var i = 0; i < 2; i++) await Assert.ThrowsAsync<PipelineException>(() => new JobRunner(lake.Tables, engine, lake.Options, lake.Time).RunAsync(spec, Cancel));

        Assert.Equal(JobDocument.Sha256Of(documents[0].ToUtf8()), JobDocument.Sha256Of(documents[1].ToUtf8()));
        Assert.Equal(documents[0].ToUtf8(), JobDocument.Read(documents[0].ToUtf8()).ToUtf8());
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("nothing")]
    [InlineData("""{"format":2,"dialect":"duckdb","run":{"table":"silver/a","number":1},"root":"/"}""")]
    [InlineData("""{"format":1,"dialect":"duckdb","run":{"table":"silver/a","number":1},"root":"/","steps":[{"do":"explode"}]}""")]
    public void What_is_no_document_of_this_format_is_refused(string text) =>
        Assert.Equal(FaultKind.Invalid, Assert.Throws<PipelineException>(() => JobDocument.Read(Encoding.UTF8.GetBytes(text))).Kind);

    [Fact]
    public async Task A_document_in_another_dialect_is_refused()
    {
        using var lake = new TestLake(TestGraph.Of(""));
        var document = new JobDocument { Format = 1, Dialect = "spark", Run = new DocumentRun(TableId.Gold("t"), 1), Root = "/" };

        var handle = await lake.Engine.SubmitAsync(document.ToUtf8(), "1", Cancel);
        JobState state = new JobState.Running();
        while (state is JobState.Running) state = await lake.Engine.ObserveAsync(handle, Cancel);

        Assert.Contains("spark", Assert.IsType<JobState.Failed>(state).Cause.Message, StringComparison.Ordinal);
        Assert.IsType<JobState.Unknown>(await lake.Engine.ObserveAsync(handle, Cancel));
    }

    [Fact]
    public async Task Rows_that_are_left_out_are_not_there()
    {
        using var lake = new TestLake(TestGraph.Of(""));
        Directory.CreateDirectory(lake.Lake.Store.LocalPath("gold/t/x-0")!);
        using (var session = lake.OpenSession())
        {
            session.Execute($"COPY (SELECT i AS id FROM range(5) r(i)) TO '{lake.Lake.Store.LocalPath("gold/t/x-0/part-[1].parquet")}' (FORMAT parquet)");
            session.Execute($"COPY (SELECT 'x-0/part-[1].parquet' AS _file, i * 2 AS _file_row FROM range(2) r(i)) TO '{lake.Lake.Store.LocalPath("gold/t/x-0/gone.parquet")}' (FORMAT parquet)");
        }

        var document = new JobDocument
        {
            Format = 1,
            Dialect = SqlDialect.DuckDb.Engine,
            Run = new DocumentRun(TableId.Gold("t"), 1),
            Root = "/",
            Relations = [new JobRelation("gold.t", "gold/t", [new JobColumn("id", "long")], [new JobFile("x-0/part-[1].parquet", 1, 5)]) { LeftOut = "x-0/gone.parquet" }],
            Steps = [new FiguresStep("ids", "SELECT id, id > 2 FROM gold.t ORDER BY id", [new JobColumn("id", "long"), new JobColumn("large", "boolean")])],
        };
        var handle = await lake.Engine.SubmitAsync(document.ToUtf8(), "1", Cancel);
        JobState state = new JobState.Running();
        while (state is JobState.Running) state = await lake.Engine.ObserveAsync(handle, Cancel);

        if (state is JobState.Failed failed) throw failed.Cause;
        Assert.Equal(["1 false", "3 true", "4 true"], Assert.IsType<JobState.Answered>(state).Answer.Figures["ids"].Select(row => string.Join(' ', row)));
    }

    [Theory]
    [InlineData("key ({0}, {1})", "key (a, null)")]
    [InlineData("{1}{0}{2}", "nulla{2}")]
    [InlineData("{a} {} {12345}", "{a} {} {12345}")]
    public void Words_of_a_fault_take_the_values_of_a_row(string words, string expected) =>
        Assert.Equal(expected, new FaultWords("x", words, "y").ToException(["a", null]).Cause);

    [Fact]
    public void A_value_that_looks_like_a_place_stays_what_it_is() =>
        Assert.Equal("{1} b", new FaultWords("x", "{0} {1}", "y").ToException(["{1}", "b"]).Cause);

    private static string PageOf([CallerFilePath] string testFile = "") => Path.Combine(Path.GetDirectoryName(testFile)!, "..", "..", "..", "docs", "job-document.md");

    /// <summary>Every property of a JSON text, by its path without places in lists.</summary>
    private static SortedSet<string> Names(byte[] utf8)
    {
        var names = new SortedSet<string>(StringComparer.Ordinal);
        Add(JsonDocument.Parse(utf8).RootElement, "");
        return names;

        void Add(JsonElement element, string path)
        {
            if (element.ValueKind == JsonValueKind.Array) foreach (var item in element.EnumerateArray()) Add(item, path);
            if (element.ValueKind != JsonValueKind.Object) return;
            foreach (var property in element.EnumerateObject())
            {
                names.Add($"{path}/{property.Name}");
                Add(property.Value, $"{path}/{property.Name}");
            }
        }
    }

    [GeneratedRegex("`(?<name>\\w+) = (?<value>[^`]+)`", RegexOptions.ExplicitCapture)]
    private static partial Regex Setting();

    [GeneratedRegex("```json\n(?<json>.*?)```", RegexOptions.Singleline)]
    private static partial Regex Example();
}
