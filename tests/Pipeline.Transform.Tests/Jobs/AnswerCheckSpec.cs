using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Jobs;

/// <summary>An engine that says what is not so commits nothing, and the fault says what is wrong.</summary>
public sealed class AnswerCheckSpec : IDisposable
{
    private const string Users = "silver/users";
    private const string Quarantine = "silver/users__quarantine";

    private static readonly IReadOnlyList<Field> Columns = TestLake.BronzeColumns("user_id long", "email string");

    private readonly TestLake _lake = new(TestGraph.Of("""
        users {
          from = bronze/app/users
          columns { user_id { type = long }, email { type = string, classification = personal, required = true } }
          key = [user_id]
        }
        """));

    /// <summary>A lie about one answer, and what the fault says of it.</summary>
    private static readonly Dictionary<string, (Func<Scene, JobAnswer> Lie, string Cause)> Lies = new(StringComparer.Ordinal)
    {
        ["of another execution"] = (s => s.Answer with { Execution = "0123" }, "it is of execution 0123, not"),
        ["of another document"] = (s => s.Answer with { Document = new string('0', 64) }, "it answers document 0000"),
        ["of another format"] = (s => s.Answer with { Format = 2 }, "it is of format 2"),
        ["an output that nobody asked for"] = (s => s.Answer with { Outputs = s.Answer.Outputs.Add(new AnsweredOutput("gold/x", [])) }, "it has an output gold/x that nobody asked for"),
        ["an output twice"] = (s => s.Answer with { Outputs = s.Answer.Outputs.Add(s.Output) }, "it has output silver/users twice"),
        ["without an output"] = (s => s.Answer with { Outputs = s.Answer.Outputs.Remove(s.Output) }, "it lacks output silver/users"),
        ["a file that is not there"] = (s => s.With(() => File.Delete(s.Path)), "does not exist"),
        ["a file that is cut"] = (s => s.WithSize(() => Cut(s.Path)), "cannot be read"),
        ["a file that was cut afterwards"] = (s => s.With(() => Cut(s.Path)), "bytes, and it says"),
        ["a file of another size"] = (s => s.WithFile(s.File with { Size = s.File.Size + 1 }), "bytes, and it says"),
        ["a file that is none of Parquet"] = (s => s.With(() => File.WriteAllBytes(s.Path, new byte[s.File.Size])), "cannot be read"),
        ["a file of zero bytes"] = (s => s.WithSize(() => File.WriteAllBytes(s.Path, [])), "cannot be read"),
        ["a column of another type"] = (s => s.Rewritten("* REPLACE (CAST(user_id AS INTEGER) AS user_id)"), "has the columns (user_id int, email string"),
        ["a timestamp without a zone"] = (s => s.Rewritten("* REPLACE (CAST(_ingested_at AS TIMESTAMP) AS _ingested_at)"), "timestamp of another unit or without a zone"),
        ["a column under another name"] = (s => s.Rewritten("* RENAME (email AS mail)"), "has the columns (user_id long, mail string"),
        ["a column too few"] = (s => s.Rewritten("* EXCLUDE (email)"), "has the columns (user_id long, _position long"),
        ["a column too many"] = (s => s.Rewritten("*, 1 AS more"), "more int) instead of"),
        ["another number of rows"] = (s => s.WithFile(s.File with { Rows = s.File.Rows - 1 }), "rows, and it says"),
        ["a row less, told"] = (s => s.Rewritten("*", "WHERE user_id <> 3", -1), "the new files of silver/users have 2 rows"),
        ["a row twice, told"] = (s => s.Rewritten("*", "UNION ALL BY NAME SELECT * FROM rows WHERE user_id = 3", 1), "the new files of silver/users have 4 rows"),
        ["a file without rows"] = (s => s.Rewritten("*", "WHERE false", -s.File.Rows), "has no rows"),
        ["a file twice"] = (s => s.WithOutput(s.Output with { Files = s.Output.Files.Add(s.File) }), "is named twice"),
        ["a file that the table has"] = (s => s.WithFile(s.File with { Path = s.Before }), "is in table silver/users already"),
        ["a file of another execution"] = (s => s.Moved("x-1234/part-0.parquet"), "does not lie in silver/users/x-"),
        ["a file beside its directory"] = (s => s.Moved("part-0.parquet"), "does not lie in silver/users/x-"),
        ["a file above its directory"] = (s => s.WithFile(s.File with { Path = s.File.Path.Replace("/part", "/../part", StringComparison.Ordinal) }), "does not lie in silver/users/x-"),
        ["a file of another table"] = (s => s.WithFile(s.File with { Path = "../users__quarantine/" + s.File.Path }), "does not lie in silver/users/x-"),
        ["an absolute file"] = (s => s.WithFile(s.File with { Path = s.Path }), "does not lie in silver/users/x-"),
        ["a hidden file"] = (s => s.WithFile(s.File with { Path = s.File.Path.Replace("/part", "/_part", StringComparison.Ordinal) }), "does not lie in silver/users/x-"),
        ["marks that are not there"] = (s => s.With(() => File.Delete(s.MarksPath)), "does not exist"),
        ["marks beyond a file's rows"] = (s => s.Marking($"SELECT '{s.Before}' AS _file, 7::BIGINT AS _file_row"), "it marks row 7 of file"),
        ["marks before a file's rows"] = (s => s.Marking($"SELECT '{s.Before}' AS _file, -1::BIGINT AS _file_row"), "it marks row -1 of file"),
        ["marks of a file that was not read"] = (s => s.Marking("SELECT 'part-9.parquet' AS _file, 0::BIGINT AS _file_row"), "it marks a row of file part-9.parquet of silver/users, which the run did not read"),
        ["marks twice"] = (s => s.Marking($"SELECT '{s.Before}' AS _file, 0::BIGINT AS _file_row UNION ALL SELECT '{s.Before}', 0::BIGINT", 2), "twice"),
        ["marks of nothing"] = (s => s.Marking("SELECT NULL::VARCHAR AS _file, 0::BIGINT AS _file_row"), "cannot be read"),
        ["marks of other columns"] = (s => s.Marking("SELECT 1 AS a"), "cannot be read"),
        ["another number of marks"] = (s => s.WithOutput(s.Output with { Marks = s.Output.Marks! with { Rows = 5 } }), "the marks of silver/users are 1, and it says 5"),
        ["no marks"] = (s => s.WithOutput(s.Output with { Marks = null }), "the new files of silver/users have 3 rows"),
        ["nothing rewritten"] = (s => s.WithOutput(s.Output with { Rewritten = [] }), "which it has not rewritten"),
        ["something rewritten that was not read"] = (s => s.WithOutput(s.Output with { Rewritten = s.Output.Rewritten.Add("part-9.parquet") }), "which the run did not read"),
        ["something rewritten twice"] = (s => s.WithOutput(s.Output with { Rewritten = s.Output.Rewritten.Add(s.Before) }), "it has rewritten a file of silver/users twice"),
        ["more rows in than there are"] = (s => s.Counting(0, 1).Counting(3, 1).Answer, "have 3 rows, and it has counted 4"),
        ["counts that do not balance"] = (s => s.Counting(2, 1).Answer, "3 rows in and 0 released are not 2 quarantined, 2 good and 0 deleted"),
        ["a count below nothing"] = (s => s.Counting(2, -2).Counting(3, 2).Answer, "of 4 good rows 2 were accepted"),
        ["more accepted than there are"] = (s => s.Figure("table_rows", "9"), "the new files of silver/users have 3 rows"),
        ["more settled than there are"] = (s => s.Figure("settled_rows", "0", "9", "0", "0"), "bad row 9 are settled"),
        ["no figures"] = (s => s.Answer with { Figures = s.Answer.Figures.Remove("counts") }, "it has no figures counts"),
        ["figures that are no numbers"] = (s => s.Figure("table_rows", "many"), "its figures table_rows have no number in column 0"),
        ["rows of the quarantine lost"] = (s => s.Quarantined(output => output with { Files = [] }), "the new files of silver/users__quarantine have 0 rows"),
    };

    public static TheoryData<string> AllLies => [.. Lies.Keys];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _lake.Dispose();

    [Theory, MemberData(nameof(AllLies))]
    public async Task A_lie_commits_nothing_and_is_told(string name)
    {
        await PrepareAsync();
        var before = await StateAsync();
        var (lie, cause) = Lies[name];

        var fault = await Assert.ThrowsAsync<PipelineException>(() => RunAsync(new LyingEngine(_lake.Engine, async (_, answer) => lie(await SceneAsync(answer)))));

        Assert.Equal(FaultKind.Damaged, fault.Kind);
        Assert.Equal("Answer of silver/users#2", fault.Thing);
        Assert.Contains(cause, fault.Message, StringComparison.Ordinal);
        Assert.Contains("nothing of it was committed", fault.Message, StringComparison.Ordinal);
        Assert.Equal(before, await StateAsync());

        await _lake.RunAllAsync();
        Assert.Equal(["1|a@x", "2|new@x", "3|c@x"], await _lake.RowsAsync("SELECT user_id, email FROM silver.users ORDER BY 1"));
        Assert.Equal(["9"], await _lake.RowsAsync("SELECT user_id FROM silver.users__quarantine"));
    }

    [Fact]
    public async Task An_answer_that_comes_when_another_run_has_committed_is_refused_by_the_table()
    {
        await PrepareAsync();
        var spec = await SpecAsync();

        await Assert.ThrowsAsync<JobSupersededException>(() => Runner(new LyingEngine(_lake.Engine, async (_, answer) =>
        {
            await _lake.RunAllAsync();
            await AppendAsync("4, 'd@x', 40");
            await _lake.RunAllAsync();
            return answer;
        })).RunAsync(spec, Cancel));

        Assert.Equal(["1", "2", "3", "4"], await _lake.RowsAsync("SELECT user_id FROM silver.users ORDER BY 1"));
        Assert.Equal(["3"], await _lake.RowsAsync("SELECT count(*) FROM silver._quality"));
    }

    [Fact]
    public async Task A_failure_that_an_engine_answers_is_told_in_its_words()
    {
        await PrepareAsync();
        var before = await StateAsync();

        var fault = await Assert.ThrowsAsync<PipelineException>(() => RunAsync(new LyingEngine(_lake.Engine, (_, answer) =>
            Task.FromResult(answer with { Failure = new AnsweredFailure("too-large", "Spark", "a task ran out of memory", "Give it more.") }))));

        Assert.Equal((FaultKind.TooLarge, "Spark: a task ran out of memory. Give it more."), (fault.Kind, fault.Message));
        Assert.Equal(before, await StateAsync());
    }

    [Fact]
    public async Task Bounds_of_a_personal_column_leave_the_file_whoever_has_left_them_there()
    {
        await PrepareAsync();

        await RunAsync(new LyingEngine(_lake.Engine, async (_, answer) => (await SceneAsync(answer)).Rewritten("*")));

        Assert.DoesNotContain("email", await _lake.BoundsAsync(TableId.Silver("users")));
        var footer = await _lake.FooterBoundsAsync(TableId.Silver("users"));
        Assert.Contains("user_id", footer);
        Assert.DoesNotContain("email", footer);
        Assert.Equal(["1|a@x", "2|new@x", "3|c@x"], await _lake.RowsAsync("SELECT user_id, email FROM silver.users ORDER BY 1"));
    }

    [Fact]
    public async Task Required_columns_are_accepted()
    {
        await PrepareAsync();

        // Through Arrow's writer, which says of a column whether it may be null.
        await RunAsync(new LyingEngine(_lake.Engine, async (_, answer) => (await SceneAsync(answer)).Required()));

        Assert.Equal(["1|a@x", "2|new@x", "3|c@x"], await _lake.RowsAsync("SELECT user_id, email FROM silver.users ORDER BY 1"));
    }

    private static void Cut(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Write);
        file.SetLength(file.Length - 20);
    }

    /// <summary>A table with two rows and a run that changes one, adds one and quarantines one.</summary>
    private async Task PrepareAsync()
    {
        await AppendAsync("1, 'a@x', 10", "2, 'b@x', 11");
        await _lake.RunAllAsync();
        await AppendAsync("2, 'new@x', 20", "3, 'c@x', 21", "9, NULL, 22");
    }

    private Task AppendAsync(params string[] rows) => _lake.AppendAsync("bronze/app/users", Columns,
        $"SELECT user_id, email, 'r' AS _op, _position FROM (VALUES {string.Join(", ", rows.Select(row => $"({row})"))}) AS v(user_id, email, _position)");

    private async Task<JobSpec> SpecAsync() => await _lake.Planner.ExpandAsync((await _lake.Planner.PlanAsync(TableId.Silver("users"), Cancel))!, SqlDialect.DuckDb, Cancel);

    private JobRunner Runner(IJobEngine engine) => new(_lake.Tables, engine, _lake.Options, _lake.Time);

    private async Task<JobResult> RunAsync(IJobEngine engine) => await Runner(engine).RunAsync(await SpecAsync(), Cancel);

    private async Task<string> StateAsync()
    {
        var tables = new List<string>();
        foreach (var name in new[] { Users, Quarantine, "silver/users__deleted", "silver/_quality" })
            tables.Add($"{name} {(await _lake.Lake.TryOpenAsync(TableId.Parse(name), Cancel))?.Current.Version}");
        return string.Join(", ", tables);
    }

    private async Task<Scene> SceneAsync(JobAnswer answer) =>
        new(_lake, answer, (await _lake.Lake.TryOpenAsync(TableId.Parse(Users), Cancel))!.Current.Files.Single().Path);

    /// <summary>An honest answer and the ways to spoil it.</summary>
    /// <param name="Before">The file of the table as the run found it.</param>
    private sealed record Scene(TestLake Lake, JobAnswer Answer, string Before)
    {
        public AnsweredOutput Output => Answer.Outputs.Single(output => output.Name == Users);

        public AnsweredFile File => Output.Files.Single();

        public string Path => Lake.Lake.Store.LocalPath($"{Users}/{File.Path}")!;

        public string MarksPath => Lake.Lake.Store.LocalPath($"{Users}/{Output.Marks!.Path}")!;

        public JobAnswer With(Action deed)
        {
            deed();
            return Answer;
        }

        public JobAnswer WithSize(Action deed)
        {
            deed();
            return WithFile(File with { Size = new FileInfo(Path).Length });
        }

        public JobAnswer WithOutput(AnsweredOutput output) => Answer with { Outputs = Answer.Outputs.Replace(Output, output) };

        public JobAnswer WithFile(AnsweredFile file) => WithOutput(Output with { Files = [file] });

        public JobAnswer Quarantined(Func<AnsweredOutput, AnsweredOutput> change)
        {
            var output = Answer.Outputs.Single(output => output.Name == Quarantine);
            return Answer with { Outputs = Answer.Outputs.Replace(output, change(output)) };
        }

        /// <summary>The file is another one, and the answer true of it but for its columns.</summary>
        public JobAnswer Rewritten(string columns, string where = "", long rows = 0)
        {
            using var session = Lake.OpenSession();
            session.Execute($"CREATE TABLE rows AS SELECT * FROM read_parquet('{Path}')");
            session.Execute($"COPY (SELECT {columns} FROM rows {where}) TO '{Path}' (FORMAT parquet)");
            return WithFile(new AnsweredFile(File.Path, new FileInfo(Path).Length, File.Rows + rows));
        }

        public JobAnswer Required()
        {
            using var stream = System.IO.File.OpenRead(Path);
            using var reader = new ParquetSharp.Arrow.FileReader(stream);
            using var batches = reader.GetRecordBatchReader();
            using var batch = batches.ReadNextRecordBatchAsync(Cancel).AsTask().GetAwaiter().GetResult();
            var schema = new Schema(batch.Schema.FieldsList.Select(field => new Field(field.Name, field.DataType, nullable: false)), null);
            using (var writer = new ParquetSharp.Arrow.FileWriter(Path + ".new", schema))
            {
                using var required = new RecordBatch(schema, batch.Arrays, batch.Length);
                writer.WriteRecordBatch(required);
                writer.Close();
            }

            stream.Dispose();
            System.IO.File.Move(Path + ".new", Path, overwrite: true);
            return WithFile(File with { Size = new FileInfo(Path).Length });
        }

        public JobAnswer Moved(string path)
        {
            var target = Lake.Lake.Store.LocalPath($"{Users}/{path}")!;
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(target)!);
            System.IO.File.Move(Path, target);
            return WithFile(File with { Path = path });
        }

        public JobAnswer Marking(string query, long rows = 1)
        {
            using var session = Lake.OpenSession();
            session.Execute($"COPY (SELECT * FROM ({query})) TO '{MarksPath}' (FORMAT parquet)");
            return WithOutput(Output with { Marks = new AnsweredFile(Output.Marks!.Path, new FileInfo(MarksPath).Length, rows) });
        }

        public JobAnswer Figure(string name, params string?[] values) => Answer with { Figures = Answer.Figures.SetItem(name, [[.. values]]) };

        public Scene Counting(int column, long more)
        {
            var row = Answer.Figures["counts"][0];
            return this with { Answer = Answer with { Figures = Answer.Figures.SetItem("counts", [row.SetItem(column, $"{long.Parse(row[column]!) + more}")]) } };
        }
    }
}
