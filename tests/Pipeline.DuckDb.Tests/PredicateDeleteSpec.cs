using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;
using CsCheck;
using DuckDB.NET.Data;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Tests;

namespace Pipeline.DuckDb.Tests;

public sealed class PredicateDeleteSpec : IDisposable
{
    private static readonly Schema Columns = new(
    [
        new Field("id", Int64Type.Default, nullable: true),
        new Field("name", StringType.Default, nullable: true),
        new Field("price", new Decimal128Type(10, 2), nullable: true),
        new Field("moment", new TimestampType(TimeUnit.Microsecond, "UTC"), nullable: true),
    ], null);

    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private DuckDbSettings Engine => new(128L << 20, 1, Path.Combine(_scratch.Root, "tmp"));

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Rewrites_only_files_with_matches_and_removes_those_of_which_nothing_stays()
    {
        var table = await TableAsync(Range(0, 10), Range(10, 20), Range(20, 30));
        var files = table.Current.Files.ToDictionary(file => FirstId(file));

        var deleted = Committed(await PredicateDelete.RunAsync(table, "id >= 15 -- all of the last, half of the second", Engine, Cancel));

        Assert.Equal(Enumerable.Range(0, 15).Select(id => (long)id), Ids(table));
        Assert.True(deleted.FilesByPath.ContainsKey(files[0].Path));
        Assert.Equal(2, deleted.FilesByPath.Count);
        await foreach (var (_, actions) in table.ChangesAsync(deleted.Version - 1, deleted.Version, Cancel))
        {
            Assert.Equal(new[] { files[10].Path, files[20].Path }.Order(StringComparer.Ordinal), actions.OfType<RemoveFile>().Select(file => file.Path).Order(StringComparer.Ordinal));
            Assert.Equal(5, Assert.Single(actions.OfType<AddFile>()).RowCount);
            Assert.DoesNotContain(actions.OfType<CommitInfo>().Single().OperationParameters.Values, value => value.Contains("15", StringComparison.Ordinal));
        }
    }

    /// <summary>A file that cannot hold a match is never opened: here it is not even there any more.</summary>
    [Theory]
    [InlineData("id = 12")]
    [InlineData("12 <= id AND id < 14")]
    [InlineData("id IN (12, 13)")]
    [InlineData("id BETWEEN 12 AND 13 AND length(name) > 0")]
    [InlineData("id = 12 OR id = 13")]
    [InlineData("price >= 12.00 AND price <= 13")]
    [InlineData("name = 'n12'")]
    [InlineData("moment >= TIMESTAMPTZ '2026-01-01 00:00:12+00' AND moment < '2026-01-01 00:00:14+00'")]
    public async Task Does_not_open_files_that_the_statistics_rule_out(string predicate)
    {
        var table = await TableAsync(Range(10, 20), Range(30, 40));
        var other = table.Current.Files.Single(file => FirstId(file) == 30);
        File.Delete(table.Store.LocalPath($"t/{other.Path}")!);

        var deleted = Committed(await PredicateDelete.RunAsync(table, predicate, Engine, Cancel));

        Assert.True(deleted.FilesByPath.ContainsKey(other.Path));
        Assert.InRange(deleted.RowCount!.Value, 18, 19);
    }

    [Fact]
    public async Task Nothing_matches_nothing_is_committed()
    {
        var table = await TableAsync(Range(0, 10));
        var version = table.Current.Version;

        Assert.Null(await PredicateDelete.RunAsync(table, "id = 5 AND name = 'other'", Engine, Cancel));
        Assert.Null(await PredicateDelete.RunAsync(table, "name = NULL", Engine, Cancel));

        Assert.Equal(version, (await table.RefreshAsync(Cancel)).Version);
    }

    [Fact]
    public async Task Partition_columns_can_be_asked_for_and_stay()
    {
        var schema = new Schema([.. Columns.FieldsList, new Field("day", Date32Type.Default, nullable: true)], null);
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), "t", schema, ["day"], TestTables.NoConfiguration, TimeProvider.System, Cancel);
        foreach (var (day, query) in ((string?, string)[])[("2026-01-01", Range(0, 4)), ("2026-01-02", Range(4, 8)), (null, Range(8, 12))])
        {
            using var session = DuckDbSession.Open(Engine, Cancel);
            var files = await ParquetCopy.WriteAsync(session, table, Columns.FieldsList, query, DateTimeOffset.UnixEpoch, Cancel);
            await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend)
                { Adds = [.. files.Select(file => file with { PartitionValues = TestTables.NoPartitions.Add("day", day) })] });
        }

        Committed(await PredicateDelete.RunAsync(table, "(day = DATE '2026-01-01' AND id >= 2) OR (day IS NULL AND id = 8) OR day = DATE '2026-01-02'", Engine, Cancel));

        Assert.Equal([0, 1, 9, 10, 11], Ids(table));
        Assert.Equal(["2026-01-01", null], table.Current.Files.Select(file => file.PartitionValues["day"]).OrderByDescending(day => day, StringComparer.Ordinal));
    }

    [Fact]
    public async Task Yields_to_rows_that_came_meanwhile_and_leaves_no_file_behind()
    {
        var table = await TableAsync(Range(0, 10));
        var other = (await DeltaTable.TryOpenAsync(_scratch.Store(), "t", TimeProvider.System, Cancel))!;
        using var session = DuckDbSession.Open(Engine, Cancel);
        var files = await new PredicateDelete(session, table, table.Current).WriteAsync("id < 5", DateTimeOffset.UnixEpoch, Cancel);
        await AppendAsync(other, Range(0, 1));

        var result = await table.CommitAsync(PredicateDelete.Transaction(table.Current, files), Cancel);

        Assert.IsType<CommitResult.Conflicted>(result);
        Committed(await PredicateDelete.RunAsync(table, "id < 5", Engine, Cancel));
        Assert.Equal(Enumerable.Range(5, 5).Select(id => (long)id), Ids(table));
    }

    [Fact]
    public async Task An_append_only_table_refuses_before_anything_is_written()
    {
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), "t", Columns, [],
            new Dictionary<string, string> { ["delta.appendOnly"] = "true" }, TimeProvider.System, Cancel);
        await AppendAsync(table, Range(0, 10));
        var before = Directory.GetFiles(Path.Combine(_scratch.Root, "t"));

        var error = await Assert.ThrowsAsync<PipelineException>(async () => await PredicateDelete.RunAsync(table, "id = 1", Engine, Cancel));

        Assert.Contains("it is append-only (delta.appendOnly)", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, Directory.GetFiles(Path.Combine(_scratch.Root, "t")));
    }

    [Theory]
    [InlineData("ide = 1", "ide")]
    [InlineData("id = ", "syntax error")]
    [InlineData("true); DROP TABLE x; SELECT (1", "only SELECT")]
    // True when rows are counted, not when they are written: what random() does by chance.
    [InlineData("id < 1000 AND starts_with(current_query(), 'SELECT')", "another answer")]
    public async Task A_condition_that_does_not_fit_is_refused_with_its_cause(string predicate, string cause)
    {
        var table = await TableAsync(Range(0, 2_000));

        var error = await Assert.ThrowsAsync<PipelineException>(async () => await PredicateDelete.RunAsync(table, predicate, Engine, Cancel));

        Assert.Equal(FaultKind.Invalid, error.Kind);
        Assert.Contains(predicate, error.Message, StringComparison.Ordinal);
        Assert.Contains(cause, error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(2_000, table.Current.RowCount);
    }

    /// <summary>The oracle is DuckDB's own DELETE over all rows at once.</summary>
    [Fact]
    public async Task Whatever_the_condition_the_rows_are_those_that_a_database_would_keep()
    {
        var value = Gen.Int[0, 12];
        Gen<string> leaf = Gen.OneOf(
            Gen.Select(Any("=", "<", "<=", ">", ">=", "<>"), value, (op, v) => $"id {op} {v}"),
            Gen.Select(Any("=", "<", ">="), value, (op, v) => $"{v} {op} price"),
            Gen.Select(Any("=", "<", ">"), value, (op, v) => $"name {op} 'n{v}'"),
            Gen.Select(Any("=", "<", ">"), value, (op, v) => $"CAST(substr(name, 2) AS INT) {op} {v}"),
            Gen.Select(value, value, (a, b) => $"id BETWEEN {a} AND {b}"),
            Gen.Select(value, value, (a, b) => $"name IN ('n{a}', 'n{b}')"),
            value.Select(v => $"moment >= TIMESTAMPTZ '2026-01-01 00:00:{v:d2}+00'"),
            Any("id IS NULL", "name IS NOT NULL", "id % 2 = 0", "NOT (id < 4)", "ID = 3"));
        var condition = Gen.Select(leaf, leaf, leaf, Gen.Select(Any("AND", "OR"), Any("AND", "OR"), Gen.Int[1, 3], (first, second, size) => (First: first, Second: second, Size: size)), (one, two, three, how) => how.Size switch
        {
            1 => one,
            2 => $"{one} {how.First} {two}",
            _ => $"({one} {how.First} {two}) {how.Second} {three}",
        });
        // Below zero: null.
        var rows = Gen.Select(Gen.Int[-2, 12], Gen.Int[-2, 12], Gen.Int[0, 12], (id, name, second) => string.Create(CultureInfo.InvariantCulture,
            $"({(id < 0 ? "NULL" : $"{id}")}::BIGINT, {(name < 0 ? "NULL" : $"'n{name}'")}::VARCHAR, {second}.5::DECIMAL(10,2), TIMESTAMPTZ '2026-01-01 00:00:{second:d2}.000500+00')"));
        var run = 0;
        await Gen.Select(condition, rows.Array[1, 6].Array[1, 4]).SampleAsync(async given =>
        {
            var (predicate, files) = given;
            var queries = files.Select(file => $"SELECT * FROM (VALUES {string.Join(", ", file)}) AS v(id, name, price, moment)").ToArray();
            var table = await TableAsync(queries, $"t{Interlocked.Increment(ref run)}");

            await PredicateDelete.RunAsync(table, predicate, Engine, Cancel);

            var kept = DuckDbRows.Query(table, table.Current, "SELECT id || '/' || coalesce(name, '') || '/' || moment FROM files", row => row.IsDBNull(0) ? "" : row.GetString(0)).Order(StringComparer.Ordinal);
            Assert.Equal(Expected(queries, predicate), kept);
        }, iter: 60, threads: 1);
    }

    private static Gen<string> Any(params string[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    private static List<string> Expected(string[] queries, string predicate)
    {
        using var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = $"SET TimeZone = 'UTC'; CREATE TABLE t AS {string.Join(" UNION ALL ", queries)}; DELETE FROM t WHERE {predicate}; SELECT id || '/' || coalesce(name, '') || '/' || moment FROM t";
        using var reader = command.ExecuteReader();
        List<string> rows = [];
        while (reader.Read()) rows.Add(reader.IsDBNull(0) ? "" : reader.GetString(0));
        return [.. rows.Order(StringComparer.Ordinal)];
    }

    private static string Range(int from, int to) =>
        $"SELECT i AS id, 'n' || i AS name, i::DECIMAL(10,2) AS price, TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds(i) AS moment FROM range({from}, {to}) r(i)";

    private Task<DeltaTable> TableAsync(params string[] files) => TableAsync(files, "t");

    private async Task<DeltaTable> TableAsync(string[] files, string path)
    {
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), path, Columns, [], TestTables.NoConfiguration, TimeProvider.System, Cancel);
        foreach (var query in files) await AppendAsync(table, query);
        return table;
    }

    private async Task AppendAsync(DeltaTable table, string query)
    {
        using var session = DuckDbSession.Open(Engine, Cancel);
        var files = await ParquetCopy.WriteAsync(session, table, Columns.FieldsList, query, DateTimeOffset.UnixEpoch, Cancel);
        await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Adds = [.. files] });
    }

    private static Snapshot Committed(CommitResult? result) => Assert.IsType<CommitResult.Committed>(result).Snapshot;

    private static IReadOnlyList<long> Ids(DeltaTable table) => DuckDbRows.Query(table, table.Current, "SELECT id FROM files ORDER BY id", row => row.GetInt64(0));

    private static long FirstId(AddFile file)
    {
        using var stats = System.Text.Json.JsonDocument.Parse(file.Stats!);
        return stats.RootElement.GetProperty("minValues").GetProperty("id").GetInt64();
    }
}
