using System.Text.Json.Nodes;
using Pipeline.DuckDb;
using Pipeline.Testing;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Spark;

/// <summary>Documents by hand through <c>spark/medallion_job.py</c>: what it writes, what it answers, what it refuses.</summary>
public sealed class MedallionJobSpec : IDisposable
{
    private const string Words = """{ "thing": "Table gold/t", "cause": "key ({0}) occurs {1} times, {2}", "next": "Add a column." }""";

    private readonly ScratchDirectory _directory = new("medallion job-");
    private readonly DuckDbSession _session = DuckDbSession.Open(new DuckDbSettings(256L << 20, 1, Path.GetTempPath()), CancellationToken.None);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Table => Directory.CreateDirectory(Path.Combine(_directory, "gold", "t")).FullName;

    private string Output => Path.Combine(Table, "x-e1");

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Files_whose_columns_have_narrower_types_or_are_missing_are_one_relation()
    {
        var files = Files(
            "SELECT CAST(1 AS INTEGER) AS id, DATE '2026-01-01' AS sold_at, CAST(1.5 AS DECIMAL(4,1)) AS amount, CAST(0.5 AS FLOAT) AS part, 'a' AS name, true AS other",
            "SELECT CAST(2 AS SMALLINT) AS id, TIMESTAMPTZ '2026-01-02 03:04:05.000006+00' AS sold_at, CAST(2.25 AS DECIMAL(9,2)) AS amount, CAST(0.25 AS DOUBLE) AS part",
            "SELECT true AS other",
            "SELECT CAST(4 AS BIGINT) AS id, TIMESTAMPTZ '2026-01-04 00:00:00+00' AS sold_at, CAST(4 AS DECIMAL(18,2)) AS amount, CAST(4 AS DOUBLE) AS part, 'd' AS name");
        var ended = await RunAsync($$"""
            "relations": [ { "name": "t", "location": "gold/t", "origin": true, "files": {{files}}, "columns": [
              { "name": "id", "type": "long" }, { "name": "sold_at", "type": "timestamp" }, { "name": "amount", "type": "decimal(18,2)" }, { "name": "part", "type": "double" }, { "name": "name", "type": "string" } ] } ],
            "steps": [ { "do": "figures", "name": "rows", "sql": "SELECT CAST(id AS VARCHAR), CAST(sold_at AS VARCHAR), CAST(amount AS VARCHAR), CAST(part AS VARCHAR), name, _file, _file_row, id IS NULL FROM t ORDER BY _file", "columns": [] } ]
            """);

        Assert.Equal(
            [
                "1|2026-01-01 00:00:00+00|1.50|0.5|a|0 [a].parquet|0|false", "2|2026-01-02 03:04:05.000006+00|2.25|0.25||1 [a].parquet|0|false",
                "||||" + "|2 [a].parquet|0|true", "4|2026-01-04 00:00:00+00|4.00|4.0|d|3 [a].parquet|0|false",
            ],
            Figures(ended, "rows"));
    }

    [Fact]
    public async Task Rows_that_are_left_out_are_not_there()
    {
        var files = Files("SELECT unnest([1, 2, 3]) AS id", "SELECT unnest([4, 5]) AS id");
        _session.Execute($"COPY (SELECT '0 [a].parquet' AS _file, unnest([0, 2]) AS _file_row UNION ALL SELECT '1 [a].parquet', 1) TO {Sql.Text(Path.Combine(Table, "gone.parquet"))} (FORMAT parquet)");

        var ended = await RunAsync($$"""
            "relations": [ { "name": "t", "location": "gold/t", "leftOut": "gone.parquet", "files": {{files}}, "columns": [ { "name": "id", "type": "long" } ] } ],
            "steps": [ { "do": "figures", "name": "rows", "sql": "SELECT * FROM t ORDER BY id", "columns": [] } ]
            """);

        Assert.Equal(["2", "4"], Figures(ended, "rows"));
    }

    [Fact]
    public async Task Files_lie_directly_in_the_directory_of_the_execution_and_an_output_without_rows_names_none()
    {
        var ended = await RunAsync(Steps("""
            { "do": "define", "name": "r", "keep": true, "sql": "SELECT unnest([3, 1, 2]) AS id, 'x' AS more" },
            { "do": "write", "output": "gold/t", "from": "r", "replaced": "marked", "rewritten": "files", "as": "w" },
            { "do": "write", "output": "gold/none", "from": "none", "replaced": "unmarked", "as": "wn" },
            { "do": "figures", "name": "rows", "sql": "SELECT count(*), sum(id) FROM (SELECT * FROM w UNION ALL SELECT * FROM wn)", "columns": [] }
            """, """
            { "do": "define", "name": "none", "sql": "SELECT 1 AS id WHERE false" },
            { "do": "define", "name": "marked", "sql": "SELECT 'b' AS _file, 1 AS _file_row UNION ALL SELECT 'a', 7" },
            { "do": "define", "name": "unmarked", "sql": "SELECT * FROM marked WHERE false" },
            { "do": "define", "name": "files", "sql": "SELECT DISTINCT _file FROM marked" },
            """));

        Assert.Equal(["3|6"], Figures(ended, "rows"));
        var written = ended.Answer!.Outputs[0];
        var file = Assert.Single(written.Files);
        Assert.Matches(@"\Ax-e1/part-[^/]+\.parquet\z", file.Path);
        Assert.Equal((3, "x-e1/marks.parquet", 2L), (file.Rows, written.Marks!.Path, written.Marks.Rows));
        Assert.Equal(["a", "b"], written.Rewritten);
        Assert.Equal(["marks.parquet", Path.GetFileName(file.Path)], Directory.EnumerateFileSystemEntries(Output).Select(Path.GetFileName).Order());
        Assert.All(written.Files.Add(written.Marks), each => Assert.Equal(new FileInfo(Path.Combine(Table, each.Path)).Length, each.Size));
        Assert.Equal(["1", "2", "3"], _session.Rows($"SELECT * FROM {Sql.Text(Path.Combine(Table, file.Path))} ORDER BY 1").Select(row => $"{row.Single()}"));
        Assert.Equal(("gold/none", 0, null), (ended.Answer.Outputs[1].Name, ended.Answer.Outputs[1].Files.Length, ended.Answer.Outputs[1].Marks));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(_directory, "gold", "none", "x-e1")));
    }

    [Fact]
    public async Task Statements_find_what_hints_rule_out_files_by()
    {
        var files = JsonNode.Parse(Files("SELECT 1 AS id", "SELECT 5 AS id", "SELECT 9 AS id"))!.AsArray();
        foreach (var (file, bound) in files.Zip(["1", "5", null])) (file!["low"], file["high"]) = (bound, bound);

        var ended = await RunAsync($$"""
            "relations": [
              { "name": "near", "location": "gold/t", "origin": true, "files": {{files.ToJsonString()}}, "columns": [ { "name": "id", "type": "long" } ], "near": { "relation": "changes", "columns": [ "id" ] } },
              { "name": "kept", "location": "gold/t", "origin": true, "files": {{files.ToJsonString()}}, "columns": [ { "name": "id", "type": "long" } ], "filesOf": "rewritten" },
              { "name": "never", "location": "gold/t", "files": {{files.ToJsonString()}}, "columns": [ { "name": "id", "type": "long" } ], "neededWhen": "nothing" } ],
            "steps": [
              { "do": "define", "name": "changes", "sql": "SELECT 4 AS id UNION ALL SELECT 6" },
              { "do": "define", "name": "rewritten", "keep": true, "sql": "SELECT _file FROM near WHERE id > 5" },
              { "do": "define", "name": "nothing", "sql": "SELECT 1 AS one WHERE false" },
              { "do": "figures", "name": "near", "sql": "SELECT id FROM near ORDER BY id", "columns": [] },
              { "do": "figures", "name": "kept", "sql": "SELECT id FROM kept", "columns": [] },
              { "do": "figures", "name": "never", "sql": "SELECT id FROM never", "columns": [] } ]
            """);

        Assert.Equal(("5,9", "9", ""), (string.Join(",", Figures(ended, "near")), string.Join(",", Figures(ended, "kept")), string.Join(",", Figures(ended, "never"))));
    }

    [Fact]
    public async Task A_check_fails_the_run_with_its_words()
    {
        var ended = await RunAsync(Steps($$"""{ "do": "check", "sql": "SELECT '{1}', '2', CAST(NULL AS VARCHAR) LIMIT 1", "fault": {{Words}} }"""));

        Assert.Equal(1, ended.ExitCode);
        Assert.Equal(new AnsweredFailure("invalid", "Table gold/t", "key ({1}) occurs 2 times, null", "Add a column."), ended.Answer!.Failure);
        Assert.Contains("gold/t#7, step 1 of 1 (check): Table gold/t: key ({1}) occurs 2 times, null. Add a column.", ended.Output);
    }

    [Fact]
    public async Task A_row_fails_a_statement_in_the_words_of_its_step()
    {
        var ended = await RunAsync(Steps("""
            { "do": "define", "name": "r", "keep": true, "sql": "SELECT CAST(t AS INTEGER) AS id FROM (SELECT unnest(['1', 'x']) AS t)",
              "rowFault": { "thing": "Table gold/t", "cause": "its query fails on a row ({0})", "next": "Correct it." } }
            """));

        Assert.Equal("Could not convert string 'x' to INT32", ended.Answer!.Failure!.Cause.Split("] ")[1].Split(" when")[0]);
        Assert.StartsWith("its query fails on a row ([CAST_INVALID_INPUT]", ended.Answer.Failure.Cause);
    }

    [Fact]
    public async Task A_row_that_conditions_fail_on_is_told_from_those_that_break_them()
    {
        var ended = await RunAsync(Steps("""
            { "do": "define", "name": "checked", "keep": true, "sql": "SELECT CAST(t AS INTEGER) FROM texts", "otherwise": [
              { "do": "judge", "name": "outcomes", "rows": "SELECT CAST(row_number() OVER (ORDER BY t NULLS LAST) AS BIGINT) AS _n, t, t AS u FROM texts", "columns": [ "t" ],
                "checks": [ "CAST(t AS INTEGER) > 1 -- more than one", "t <> '1'", "CAST(concat('x', coalesce(t, '')) AS INTEGER) = 1" ] },
              { "do": "define", "name": "checked", "keep": true, "sql": "SELECT t, _rule_0, _rule_1, _rule_2 FROM outcomes" } ] },
            { "do": "figures", "name": "rows", "sql": "SELECT * FROM checked ORDER BY t NULLS LAST", "columns": [] }
            """, """{ "do": "define", "name": "texts", "sql": "SELECT unnest(['1', '2', 'x', NULL, 'y']) AS t" }, """));

        Assert.Equal(["1|0|0|2", "2|1|1|2", "x|2|1|2", "y|2|1|2", "|1|1|2"], Figures(ended, "rows"));
    }

    [Theory]
    [InlineData("\"steps\": [ { \"do\": \"define\", \"name\": \"r\", \"sql\": \"SELECT * FROM nowhere\" } ]", "invalid", "step 1 of 1 (define r)")]
    [InlineData("\"steps\": [ { \"do\": \"define\", \"name\": \"r\", \"keep\": true, \"sql\": \"SELECT 1 AS a\", \"otherwise\": [ { \"do\": \"guess\" } ] } ]", "invalid", "it has a step guess, which this program does not know")]
    [InlineData("\"format\": 2", "invalid", "it is not of format 1")]
    [InlineData("\"dialect\": \"duckdb\"", "invalid", "it is in the SQL of duckdb, not of spark")]
    [InlineData("\"relations\": [ { \"name\": \"silver.t\", \"location\": \"gold/t\", \"columns\": [] } ]", "invalid", "relation silver.t has no name of one part")]
    [InlineData("\"relations\": [ { \"name\": \"t\", \"location\": \"gold/t\", \"columns\": [ { \"name\": \"a\", \"type\": \"map\" } ] } ]", "invalid", "a column of type map, which is none")]
    [InlineData("\"relations\": [ { \"name\": \"t\", \"location\": \"gold/t\", \"columns\": [ { \"name\": \"a\", \"type\": \"long\" } ], \"files\": [ { \"path\": \"gone.parquet\" } ] } ]", "damaged", "gone.parquet: it cannot be read")]
    [InlineData("\"relations\": [ { \"name\": \"t\", \"location\": \"gold/t\", \"columns\": [ { \"name\": \"a\", \"type\": \"long\" } ], \"files\": [ { \"path\": \"text.parquet\" } ] } ]", "damaged", "is not a Parquet file")]
    [InlineData("\"relations\": [ { \"name\": \"t\", \"location\": \"gold/t\", \"columns\": [ { \"name\": \"a\", \"type\": \"long\" } ], \"files\": [ { \"path\": \"_a.parquet\" } ] } ]", "invalid", "Spark cannot read a file of this name")]
    [InlineData("\"steps\": [ { \"do\": \"check\", \"sql\": \"SELECT 's3://key:hush@bucket/a password=hush AKIAABCDEFGHIJKLMNOP'\", \"fault\": { \"thing\": \"T\", \"cause\": \"{0}\", \"next\": \"N.\" } } ]", "invalid", "s3://bucket/a password=... ...")]
    [InlineData("\"steps\": [ { \"do\": \"check\" } ]", "defect", "'sql' (KeyError)")]
    public async Task A_run_that_cannot_be_done_says_why(string field, string kind, string said)
    {
        await File.WriteAllTextAsync(Path.Combine(Table, "text.parquet"), "no Parquet", Cancel);

        var ended = await RunAsync(field);

        Assert.Equal((1, kind), (ended.ExitCode, ended.Answer!.Failure!.Kind));
        Assert.Contains(said, ended.Output);
        Assert.DoesNotContain("hush", ended.Output + ended.Answer.Failure);
        Assert.Single(ended.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task A_row_whose_file_nobody_asked_for_fails_the_run()
    {
        var files = Files("SELECT 1 AS id");
        var ended = await RunAsync($$"""
            "relations": [ { "name": "t", "location": "gold/t", "origin": true, "files": {{files}}, "columns": [ { "name": "id", "type": "long" } ] } ],
            "steps": [ { "do": "figures", "name": "rows", "sql": "SELECT _file FROM t", "columns": [] } ]
            """, habit: "DOUBLE_URI=file:///elsewhere.parquet");

        Assert.Equal(("damaged", "Rows were read from a file that was not asked for: file:///elsewhere.parquet"), (ended.Answer!.Failure!.Kind, ended.Answer.Failure.Cause));
    }

    [Fact]
    public async Task Other_bytes_than_were_promised_are_refused_and_nothing_is_written()
    {
        var document = Document(Steps("""{ "do": "write", "output": "gold/t", "from": "r" }"""));

        var ended = await MedallionJob.RunAsync(document, new string('a', 64), "e1", document + ".answer", Cancel);

        Assert.Equal((1, null), (ended.ExitCode, ended.Answer));
        Assert.Contains("its SHA-256 is", ended.Output);
        Assert.Equal([document], Directory.EnumerateFileSystemEntries(_directory));
    }

    [Fact]
    public async Task An_answer_that_is_there_is_left_alone()
    {
        var document = Document(Steps("""{ "do": "write", "output": "gold/t", "from": "r" }"""));
        await File.WriteAllTextAsync(document + ".answer", "{}", Cancel);

        var ended = await MedallionJob.RunAsync(["--document", document, "--sha256", Sha256(document), "--execution", "e1", "--answer", document + ".answer"], Cancel);

        Assert.Equal(1, ended.ExitCode);
        Assert.Contains("it is there already. Ask for another execution.", ended.Output);
        Assert.Equal("{}", await File.ReadAllTextAsync(document + ".answer", Cancel));
        Assert.False(Directory.Exists(Path.Combine(_directory, "gold")));
    }

    [Fact]
    public async Task A_directory_of_the_execution_that_is_there_is_not_written_into()
    {
        Directory.CreateDirectory(Output);

        var ended = await RunAsync(Steps("""{ "do": "define", "name": "r", "sql": "SELECT 1 AS id" }, { "do": "write", "output": "gold/t", "from": "r" }"""));

        Assert.Contains("PATH_ALREADY_EXISTS", ended.Answer!.Failure!.Cause);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Output));
    }

    [Fact]
    public async Task What_two_programs_have_written_into_one_directory_is_no_answer()
    {
        var ended = await RunAsync(Steps("""{ "do": "define", "name": "r", "sql": "SELECT 1 AS id" }, { "do": "write", "output": "gold/t", "from": "r" }"""), habit: "DOUBLE_STRANGER=1");

        Assert.Equal("somebody else has written into it", ended.Answer!.Failure!.Cause);
    }

    [Fact]
    public async Task The_statements_that_it_makes_itself_are_of_Sparks_grammar()
    {
        const string columns = """ "columns": [ { "name": "id", "type": "long" }, { "name": "a b", "type": "decimal(18,2)" }, { "name": "at", "type": "timestamp" }, { "name": "missing", "type": "array<string>" } ] """;
        var files = JsonNode.Parse(Files("SELECT 1 AS id, CAST(1 AS DECIMAL(4,1)) AS \"a b\", DATE '2026-01-01' AS at", "SELECT CAST(2 AS BIGINT) AS id"))!.AsArray();
        foreach (var file in files) file!["low"] = "1";
        _session.Execute($"COPY (SELECT 'x' AS _file, CAST(2 AS BIGINT) AS _file_row) TO {Sql.Text(Path.Combine(Table, "gone.parquet"))} (FORMAT parquet)");
        var path = Path.Combine(_directory, "said");
        await RunAsync($$"""
            "relations": [
              { "name": "t", "location": "gold/t", "origin": true, "leftOut": "gone.parquet", "files": {{files.ToJsonString()}}, {{columns}} },
              { "name": "near", "location": "gold/t", "files": {{files.ToJsonString()}}, {{columns}}, "near": { "relation": "r", "columns": [ "id" ] }, "filesOf": "r", "neededWhen": "r" },
              { "name": "empty", "location": "gold/t", "origin": true, "files": [], {{columns}} } ],
            "outputs": [ { "name": "gold/t", "location": "gold/t", "order": [ "id" ], "columns": [ { "name": "id", "type": "long" } ] }, { "name": "gold/none", "location": "gold/none", "columns": [ { "name": "id", "type": "long" } ] } ],
            "steps": [
              { "do": "define", "name": "r", "keep": true, "sql": "SELECT id, _file, _file_row FROM t" },
              { "do": "define", "name": "k", "keep": true, "sql": "SELECT CAST('x' AS BIGINT) AS id", "otherwise": [
                { "do": "judge", "name": "k", "rows": "SELECT CAST(1 AS BIGINT) AS _n, 1 AS id UNION ALL SELECT 2, 2", "columns": [ "id" ], "checks": [ "id > 1 -- more", "CAST(substr('1x', 1, id) AS BIGINT) = 1" ] } ] },
              { "do": "write", "output": "gold/t", "from": "r", "replaced": "r", "rewritten": "r", "as": "w" },
              { "do": "write", "output": "gold/none", "from": "k" },
              { "do": "figures", "name": "rows", "sql": "SELECT count(*) FROM near", "columns": [] } ]
            """, habit: $"DOUBLE_SAID={path}");

        var said = (await File.ReadAllLinesAsync(path, Cancel)).Select(line => System.Text.Json.JsonSerializer.Deserialize<string>(line)!).ToList();
        foreach (var form in new[] { "BROADCAST", "REBALANCE", "REPARTITION(1)", "ANTI JOIN", "raise_error", "CROSS JOIN", "CAST(NULL AS ARRAY<STRING>)", "WHERE false", "_rule_1", "CREATE TABLE t (`id` int, `a b` decimal(4,1)", "_n BETWEEN" })
            Assert.True(said.Any(statement => statement.Contains(form, StringComparison.Ordinal)), $"{form} is not among{Environment.NewLine}{string.Join(Environment.NewLine, said)}");
        await Dialects.SparkGrammar.AcceptsAsync(said.Select((statement, i) => (Name: $"{i}: {statement}", Sql: statement)));
    }

    [Fact]
    public async Task A_job_that_is_killed_leaves_no_answer()
    {
        var document = Document(Steps("""{ "do": "define", "name": "r", "keep": true, "sql": "SELECT 'hold me' AS id" }"""));
        await using var host = new DoubleHost(sql => sql.Contains("hold me", StringComparison.Ordinal));
        await using (MedallionJob.Start(MedallionJob.Environment(host), "--document", document, "--sha256", Sha256(document), "--execution", "e1", "--answer", document + ".answer"))
            await host.Held.WaitAsync(Deadlines.Test, Cancel);

        Assert.Equal([document], Directory.EnumerateFiles(_directory));
    }

    [Fact]
    public async Task A_document_is_tried_by_itself()
    {
        var document = Document("""
            "root": "lake", "outputs": [ { "name": "gold/t", "location": "gold/t", "targetBytes": 1000000, "order": [ "id" ], "columns": [ { "name": "id", "type": "long" } ] } ],
            "steps": [ { "do": "define", "name": "r", "sql": "SELECT unnest([3, 1, 2]) AS id" }, { "do": "write", "output": "gold/t", "from": "r" } ]
            """);

        var ended = await MedallionJob.RunAsync([document], Cancel);

        Assert.Equal(0, ended.ExitCode);
        var path = Assert.Single(Directory.EnumerateFiles(_directory, "*.answer.json"));
        Assert.Contains($"Answer: {path}", ended.Output);
        var answer = JobAnswer.Read(await File.ReadAllBytesAsync(path, Cancel));
        Assert.Equal((Sha256(document), $"{document}.{answer.Execution}.answer.json"), (answer.Document, path));
        var file = Path.Combine(_directory, "lake", "gold", "t", Assert.Single(Assert.Single(answer.Outputs).Files).Path);
        Assert.Equal(["1", "2", "3"], _session.Rows($"SELECT id FROM {Sql.Text(file)}").Select(row => $"{row.Single()}"));
    }

    [Fact]
    public async Task Its_functions_make_of_words_and_values_what_they_should()
    {
        var ended = await MedallionJob.TryFunctionsAsync(Cancel);

        Assert.True(ended.ExitCode == 0, ended.Output);
    }

    [Fact]
    public async Task What_a_real_Spark_printed_of_failed_jobs_is_of_the_right_kind()
    {
        var folder = SharedFiles.Find("data/spark-stderr");
        Assert.SkipWhen(folder is null, "There is no shared/data/spark-stderr beside the checkout.");

        var ended = await MedallionJob.TryFunctionsAsync(Cancel, folder);

        Assert.True(ended.ExitCode == 0, ended.Output);
        TestContext.Current.TestOutputHelper?.WriteLine(ended.Output);
    }

    [Theory]
    [InlineData]
    [InlineData("a.json", "--sha256", "00")]
    [InlineData("--document", "a.json", "--sha256", "00", "--execution", "e", "--answer", "b.json")]
    [InlineData("--document", "a.json", "--sha256", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "--execution", "../e", "--answer", "b.json")]
    public async Task A_call_that_lacks_something_is_told_how_to_call(params string[] arguments)
    {
        var ended = await MedallionJob.RunAsync(arguments, Cancel);

        Assert.Equal(2, ended.ExitCode);
        Assert.Contains("usage: medallion_job.py", ended.Output);
    }

    private Task<Ended> RunAsync(string fields, string? habit = null)
    {
        var document = Document(fields);
        return MedallionJob.RunAsync(document, Sha256(document), "e1", document + ".answer", Cancel, habit);
    }

    private static string Sha256(string document) => JobDocument.Sha256Of(File.ReadAllBytes(document));

    /// <summary>A document of some fields and those that it must have.</summary>
    private string Document(string fields)
    {
        var document = JsonNode.Parse("""{ "format": 1, "dialect": "spark", "run": { "table": "gold/t", "number": 7 }, "root": "." }""")!.AsObject();
        foreach (var (name, value) in JsonNode.Parse($"{{ {fields} }}")!.AsObject()) document[name] = value?.DeepClone();
        var path = Path.Combine(_directory, "document.json");
        File.WriteAllText(path, document.ToJsonString());
        return path;
    }

    /// <summary>Steps with outputs of one column.</summary>
    private static string Steps(string steps, string before = "") => $$"""
        "outputs": [ { "name": "gold/t", "location": "gold/t", "columns": [ { "name": "id", "type": "long" } ] }, { "name": "gold/none", "location": "gold/none", "columns": [ { "name": "id", "type": "long" } ] } ],
        "steps": [ {{before}}{{steps}} ]
        """;

    /// <summary>Data files of the table, each of a query, as the document names them; in their names are characters that mean something elsewhere.</summary>
    private string Files(params string[] queries)
    {
        foreach (var (query, i) in queries.Select((query, i) => (query, i))) _session.Execute($"COPY ({query}) TO {Sql.Text(Path.Combine(Table, $"{i} [a].parquet"))} (FORMAT parquet)");
        return $"[ {string.Join(", ", queries.Select((_, i) => $$"""{ "path": "{{i}} [a].parquet" }"""))} ]";
    }

    private static IEnumerable<string> Figures(Ended ended, string name)
    {
        Assert.True(ended.Answer is { Failure: null }, ended.Output);
        return ended.Answer.Figures[name].Select(row => string.Join("|", row));
    }
}
