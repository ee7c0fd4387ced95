using System.Text.Json;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.DuckDb;
using Pipeline.Testing;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Merge;

public sealed class KeyMergeSpec
{
    private static readonly IReadOnlyList<Field> Columns = Fields("id long", "name string");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Rewrites_only_files_that_hold_a_changed_key()
    {
        using var lake = new TestLake(TestGraph.Of(""));
        var table = await TableAsync(lake, Columns, "SELECT i AS id, 'a' AS name FROM range(0, 10) r(i)", "SELECT i AS id, 'a' AS name FROM range(10, 20) r(i)", "SELECT i AS id, 'a' AS name FROM range(20, 30) r(i)");

        var files = await MergeAsync(lake, table, "SELECT 12 AS id, 'b' AS name UNION ALL SELECT 99, 'new'", "SELECT 13 AS id");

        Assert.Equal([10L], Bounds(files.Removes.Select(file => table.Current.FilesByPath[file.Path])).Select(bounds => bounds.Min));
        Assert.Equal(0, files.RowsAdded);
        Assert.Equal(10, files.Adds.Sum(file => file.RowCount));
        Assert.Equal([(10L, 99L)], Bounds(files.Adds));
    }

    [Fact]
    public async Task Adds_new_keys_without_touching_a_file()
    {
        using var lake = new TestLake(TestGraph.Of(""));
        var table = await TableAsync(lake, Columns, "SELECT i AS id, 'a' AS name FROM range(0, 10) r(i)");

        var files = await MergeAsync(lake, table, "SELECT 5000 AS id, 'b' AS name", null);

        Assert.Empty(files.Removes);
        Assert.Equal((1, 1), (files.Adds.Count, files.RowsAdded));
    }

    [Fact]
    public async Task Writes_nothing_when_nothing_changes()
    {
        using var lake = new TestLake(TestGraph.Of(""));
        var table = await TableAsync(lake, Columns, "SELECT i AS id, 'a' AS name FROM range(0, 10) r(i)");

        var files = await MergeAsync(lake, table, "SELECT 1 AS id, 'b' AS name WHERE false", "SELECT 77 AS id");

        Assert.Equal((0, 0, 0), (files.Adds.Count, files.Removes.Count, files.RowsAdded));
    }

    [Fact]
    public async Task Takes_small_files_along_when_there_are_many()
    {
        using var lake = new TestLake(TestGraph.Of(""));
        var table = await TableAsync(lake, Columns, [.. Enumerable.Range(0, 16).Select(i => $"SELECT {i} AS id, 'a' AS name")]);

        var files = await MergeAsync(lake, table, "SELECT 100 AS id, 'b' AS name", null);

        Assert.Equal((16, 1, 1), (files.Removes.Count, files.RowsAdded, files.Adds.Count));
        Assert.Equal(17, files.Adds[0].RowCount);
    }

    [Fact]
    public async Task Writes_statistics_as_delta_wants_them()
    {
        using var lake = new TestLake(TestGraph.Of(""));
        var columns = Fields("i long", "d decimal(20,4)", "f double", "nan double", "s string", "long_text string", "t timestamp", "day date", "b boolean", "bytes binary", "nothing string");
        var table = await TableAsync(lake, columns, """
            SELECT * FROM (VALUES
              (1, 1234567890123456.7891, 1.5, CAST('nan' AS DOUBLE), 'a"b', repeat('x', 40), TIMESTAMPTZ '2026-01-01 00:00:00.123456+00', DATE '2026-01-01', true, 'x'::BLOB, NULL),
              (NULL, 2.0, -3.25, 1.0, 'é', 'abc', TIMESTAMPTZ '2025-12-31 23:59:59.999999+00', DATE '1500-02-28', false, 'y'::BLOB, NULL))
            AS v(i, d, f, nan, s, long_text, t, day, b, bytes, nothing)
            """);

        var stats = table.Current.Files.Single().Stats!;

        Golden.Verify("statistics.json", JsonSerializer.Serialize(JsonDocument.Parse(stats), new JsonSerializerOptions { WriteIndented = true }));
        // A double would have lost the last digits.
        Assert.Contains("1234567890123456.7891", stats);
    }

    [Theory]
    [InlineData("decimal(38,18)", "0.123456789012345678")]
    [InlineData("decimal(38,18)", "-12345678901234567890.123456789012345678")]
    [InlineData("decimal(38,0)", "99999999999999999999999999999999999998")]
    [InlineData("long", "9007199254740993")]
    [InlineData("long", "-9223372036854775808")]
    [InlineData("double", "1.7976931348623157e308")]
    [InlineData("double", "0.1")]
    [InlineData("timestamp", "9999-12-31T23:59:59.999999Z")]
    [InlineData("timestamp", "0001-01-01T00:00:00.000001Z")]
    [InlineData("timestamp", "1969-12-31T23:59:59.999999Z")]
    [InlineData("date", "9999-12-31")]
    [InlineData("string", "{long}")]
    [InlineData("string", "'quoted' \"twice\" \\ once")]
    public async Task A_key_is_found_in_the_file_that_holds_it(string type, string text)
    {
        using var lake = new TestLake(TestGraph.Of(""));
        // 31 code points, of which each takes two UTF-16 units, and more behind the cut.
        var value = text.Replace("{long}", string.Concat(Enumerable.Repeat("😀", 31)) + "yzé😀", StringComparison.Ordinal);
        var columns = Fields($"id {type}", "name string");
        var id = $"CAST({Sql.Text(value)} AS {Sql.Type(columns[0].DataType)}) AS id";
        var table = await TableAsync(lake, columns, $"SELECT {id}, 'a' AS name");

        var files = await MergeAsync(lake, table, $"SELECT {id}, 'b' AS name", null, columns);

        Assert.Equal((1, 0L), (files.Removes.Count, files.RowsAdded));
    }

    /// <summary>Spark cuts the greatest moment to milliseconds; other writers leave NaN out of bounds.</summary>
    [Theory]
    [InlineData("timestamp", "2026-01-01T00:00:00.000999Z", "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.001999Z")]
    [InlineData("timestamp", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999Z", null)]
    [InlineData("double", "NaN", "1.5", null)]
    [InlineData("float", "NaN", "1.5", null)]
    [InlineData("decimal(38,18)", "0.123456789012345678", "0.123456789012345678", "0.123456789012345678")]
    [InlineData("string", "z", "z", "z")]
    public void A_bound_that_others_have_written_rules_no_value_out_that_may_be_there(string type, string value, string written, string? greatest)
    {
        var column = Fields($"id {type}")[0];

        var high = JobFiles.Greatest(written, column.DataType);

        if (greatest is not null) Assert.Equal(greatest, high?.Replace(".001000Z", ".001999Z", StringComparison.Ordinal));
        using var lake = new TestLake(TestGraph.Of(""));
        using var session = lake.OpenSession();
        var sql = Sql.Type(column.DataType);
        session.Execute($"CREATE TEMP TABLE wanted AS SELECT CAST({Sql.Text(value)} AS {sql}) AS id");
        Assert.Equal(["file"], NearFiles.Find(session, "wanted", column, [("file", null, high)]));
    }

    [Fact]
    public void Leaves_nothing_on_disk_not_even_of_a_process_that_was_killed_and_nothing_that_others_can_read()
    {
        using var lake = new TestLake(TestGraph.Of(""));
        var temp = lake.Options.TempDirectory;
        // Nobody holds its lock, whatever process of whatever container has that number.
        var left = Directory.CreateDirectory(Path.Combine(temp, $"duckdb-{Environment.ProcessId}-0", "files")).Parent!.FullName;
        File.WriteAllText(Path.Combine(left, "in-use"), "");
        // Without a lock, as the release before leaves it; and one that is just being made.
        Directory.SetLastWriteTimeUtc(Directory.CreateDirectory(Path.Combine(temp, "duckdb-999999999-0")).FullName, new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        var young = Directory.CreateDirectory(Path.Combine(temp, "duckdb-1")).FullName;
        using (var open = lake.OpenSession())
        {
            DuckDbSession.RemoveLeftovers(temp, TimeProvider.System);

            Assert.Equal([open.ScratchDirectory, young], Directory.GetDirectories(temp).OrderByDescending(path => path.Length));
            if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(open.ScratchDirectory));
        }

        Directory.Delete(young);

        Assert.Empty(Directory.GetDirectories(temp));
    }

    [Fact]
    public void Says_what_to_do_when_a_query_needs_more_memory()
    {
        using var lake = new TestLake(TestGraph.Of(""));
        using var session = DuckDbSession.Open(new DuckDbSettings(16L << 20, 1, lake.Options.TempDirectory), Cancel);

        var fault = Assert.Throws<PipelineException>(() => session.Execute("CREATE TABLE t AS SELECT string_agg(repeat('x', 1000), '') AS text FROM range(1000000)"));

        Assert.Equal(FaultKind.TooLarge, fault.Kind);
        Assert.Contains("Raise transform.memory-max", fault.Message);
    }

    private static IReadOnlyList<Field> Fields(params string[] columns) =>
        [.. columns.Select(column => column.Split(' ')).Select(words => new Field(words[0], ColumnType.TryParse(words[1])!, nullable: true))];

    private static async Task<DeltaTable> TableAsync(TestLake lake, IReadOnlyList<Field> columns, params string[] files)
    {
        var table = await lake.Lake.OpenOrCreateAsync(TableId.Gold("t"), new Schema(columns, null), [], new Dictionary<string, string>(), Cancel);
        using var session = lake.OpenSession();
        var adds = new List<AddFile>();
        foreach (var query in files) adds.AddRange(await ParquetCopy.WriteAsync(session, table, columns, query, TestLake.Start, Cancel));
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Adds = [.. adds] }, Cancel));
        return table;
    }

    private static async Task<MergeFiles> MergeAsync(TestLake lake, DeltaTable table, string upserts, string? deletes, IReadOnlyList<Field>? columns = null)
    {
        var merge = new MergeSql(SqlDialect.DuckDb, "t", TableId.Gold("t"), table.Current, JobColumn.Of(columns ?? Columns), ["id"]);
        var document = new JobDocument
        {
            Format = JobDocument.CurrentFormat,
            Dialect = SqlDialect.DuckDb.Engine,
            Run = new DocumentRun(TableId.Gold("t"), 1),
            Root = lake.Lake.Store.Location,
            Relations = [.. merge.Relations],
            Outputs = [merge.Output],
            Steps =
            [
                new DefineStep("upserts", upserts) { Keep = true },
                new DefineStep("deletes", deletes ?? "SELECT id FROM upserts WHERE false") { Keep = true },
                .. merge.Match("SELECT id FROM upserts UNION ALL SELECT id FROM deletes", "matched"),
                .. merge.Write("matched", "upserts", "deletes"),
            ],
        };
        var targets = new Dictionary<string, Snapshot?>(StringComparer.Ordinal) { [merge.Output.Name] = table.Current };
        return merge.Files(await new InProcessExecution(lake.Engine, lake.Lake.Store, lake.Time).RunAsync(document, targets, Cancel), TestLake.Start);
    }

    private static List<(long Min, long Max)> Bounds(IEnumerable<AddFile> files) => [.. files.Select(file =>
    {
        using var stats = JsonDocument.Parse(file.Stats!);
        return (stats.RootElement.GetProperty("minValues").GetProperty("id").GetInt64(), stats.RootElement.GetProperty("maxValues").GetProperty("id").GetInt64());
    })];
}
