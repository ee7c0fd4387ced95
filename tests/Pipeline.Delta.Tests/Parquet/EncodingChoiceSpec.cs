using Apache.Arrow;
using Apache.Arrow.Types;
using DuckDB.NET.Data;
using Pipeline.Delta.Parquet;

namespace Pipeline.Delta.Tests.Parquet;

public sealed class EncodingChoiceSpec : IDisposable
{
    private static readonly Schema Mixed = new(
    [
        new Field("id", Int64Type.Default, nullable: false),
        new Field("name", StringType.Default, nullable: true),
        new Field("status", StringType.Default, nullable: true),
        new Field("shard", Int32Type.Default, nullable: false),
        new Field("note", StringType.Default, nullable: true),
        new Field("score", DoubleType.Default, nullable: true),
        new Field("hash", Int64Type.Default, nullable: false),
        new Field("at", new TimestampType(TimeUnit.Microsecond, "UTC"), nullable: true),
        new Field("price", new Decimal128Type(18, 2), nullable: true),
        new Field("cents", new Decimal128Type(9, 2), nullable: true),
        new Field("huge", new Decimal128Type(38, 0), nullable: true),
        new Field("number", Int32Type.Default, nullable: true),
        new Field("random", Int32Type.Default, nullable: true),
        new Field("day", Date32Type.Default, nullable: true),
    ], null);

    private static readonly string[] Plain = ["name", "score", "hash", "huge", "random"];
    private static readonly string[] Differences = ["id", "at", "price", "cents", "number", "day"];
    private static readonly string[] Repeating = ["status", "shard", "note"];

    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Columns_whose_first_rows_repeat_have_a_dictionary_and_those_that_count_are_written_as_differences()
    {
        var encodings = await EncodingsAsync(await WriteAsync(Rows(0, 20_000)));

        Assert.Equal(Repeating, Named(encodings, "RLE_DICTIONARY"));
        Assert.Equal(Differences, Named(encodings, "DELTA_BINARY_PACKED"));
        Assert.Equal(Plain, Named(encodings, "PLAIN").Except(Repeating));
    }

    [Fact]
    public async Task Rows_in_the_middle_of_a_batch_are_judged_by_themselves()
    {
        var encodings = await EncodingsAsync(await WriteAsync(Rows(0, 20_000).Slice(10_001, 5000)));

        Assert.Equal(Repeating, Named(encodings, "RLE_DICTIONARY"));
        Assert.Equal(Differences, Named(encodings, "DELTA_BINARY_PACKED"));
    }

    [Fact]
    public async Task A_few_rows_tell_nothing()
    {
        var encodings = await EncodingsAsync(await WriteAsync(Rows(0, 500), Rows(500, 20_000)));

        Assert.Equal(Mixed.FieldsList.Select(field => field.Name), Named(encodings, "RLE_DICTIONARY"));
    }

    [Fact]
    public async Task What_the_first_rows_have_misled_about_comes_back_as_it_was()
    {
        var random = new Random(7);
        var columns = new Schema([new Field("n", Int64Type.Default, nullable: true), new Field("i", Int32Type.Default, nullable: true)], null);
        // They count at first; then come the ends of what their types hold, in any order.
        var values = Enumerable.Range(0, 40_000).Select(i => i < 9_000 ? i : random.Next(5) switch { 0 => (long?)null, 1 => long.MinValue, 2 => long.MaxValue, _ => random.NextInt64(long.MinValue, long.MaxValue) }).ToList();
        var ints = values.Select(value => value is { } number ? (int?)unchecked((int)number) : null).ToList();
        var (longs, small) = (new Int64Array.Builder(), new Int32Array.Builder());
        foreach (var value in values) longs.Append(value);
        foreach (var value in ints) small.Append(value);

        var path = await WriteAsync(new RecordBatch(columns, [longs.Build(), small.Build()], values.Count));

        Assert.Equal(["n", "i"], Named(await EncodingsAsync(path), "DELTA_BINARY_PACKED"));
        var read = await QueryAsync($"SELECT n, i FROM read_parquet('{path}', file_row_number = true) ORDER BY file_row_number", row => (row.IsDBNull(0) ? (long?)null : row.GetInt64(0), row.IsDBNull(1) ? (int?)null : row.GetInt32(1)));
        Assert.Equal(values.Zip(ints), read);
    }

    [Fact]
    public async Task Every_column_comes_back_as_it_was_whatever_its_encoding()
    {
        var path = await WriteAsync(Rows(0, 20_000));

        var unlike = await QueryAsync($"""
            SELECT count(*) FROM read_parquet('{path}', file_row_number = true)
            WHERE id <> file_row_number OR name <> 'name ' || id OR epoch_us("at") <> 1700000000000000 + id * 1000 OR price <> (id / 100.0)::DECIMAL(18, 2) OR cents <> (id / 100.0)::DECIMAL(9, 2)
                OR huge <> id::HUGEINT * 1000000000000000000 OR number <> id OR day <> DATE '1970-01-01' + id::INTEGER
            """, row => row.GetInt64(0));
        var hashes = await QueryAsync($"SELECT hash, random FROM read_parquet('{path}', file_row_number = true) ORDER BY file_row_number", row => (row.GetInt64(0), row.GetInt32(1)));

        Assert.Equal([0L], unlike);
        Assert.Equal(Enumerable.Range(0, 20_000).Select(number => (Hash(number), unchecked((int)Hash(number)))), hashes);
    }

    [Fact]
    public async Task The_footer_has_the_bounds_of_numbers_and_times_and_none_of_texts()
    {
        var bounded = await QueryAsync($"SELECT path_in_schema FROM parquet_metadata('{await WriteAsync(Rows(0, 20_000))}') WHERE row_group_id = 0 AND coalesce(stats_min_value, stats_max_value) IS NOT NULL ORDER BY column_id", row => row.GetString(0));

        Assert.Equal(Mixed.FieldsList.Select(field => field.Name).Except(["name", "status", "note"]), bounded);
    }

    /// <summary>One value in two thousand is a note: those there are differ, but the rest are null.</summary>
    private static RecordBatch Rows(int from, int count)
    {
        var numbers = Enumerable.Range(from, count).ToList();
        var notes = new StringArray.Builder();
        foreach (var number in numbers)
            if (number % 2000 == 0) notes.Append($"note {number}");
            else notes.AppendNull();
        return new RecordBatch(Mixed,
        [
            new Int64Array.Builder().AppendRange(numbers.Select(number => (long)number)).Build(),
            new StringArray.Builder().AppendRange(numbers.Select(number => $"name {number}")).Build(),
            new StringArray.Builder().AppendRange(numbers.Select(number => $"status {number % 7}")).Build(),
            new Int32Array.Builder().AppendRange(numbers.Select(number => number % 1000)).Build(),
            notes.Build(),
            new DoubleArray.Builder().AppendRange(numbers.Select(number => number / 7.0)).Build(),
            new Int64Array.Builder().AppendRange(numbers.Select(Hash)).Build(),
            new TimestampArray.Builder(new TimestampType(TimeUnit.Microsecond, "UTC")).AppendRange(numbers.Select(number => DateTimeOffset.UnixEpoch.AddSeconds(1_700_000_000).AddMilliseconds(number))).Build(),
            Decimals(18, 2, numbers.Select(number => number / 100m)),
            Decimals(9, 2, numbers.Select(number => number / 100m)),
            Decimals(38, 0, numbers.Select(number => number * 1_000_000_000_000_000_000m)),
            new Int32Array.Builder().AppendRange(numbers).Build(),
            new Int32Array.Builder().AppendRange(numbers.Select(number => unchecked((int)Hash(number)))).Build(),
            new Date32Array.Builder().AppendRange(numbers.Select(number => DateOnly.FromDayNumber(number + DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber).ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc))).Build(),
        ], count);
    }

    private static Decimal128Array Decimals(int precision, int scale, IEnumerable<decimal> values)
    {
        var builder = new Decimal128Array.Builder(new Decimal128Type(precision, scale));
        foreach (var value in values) builder.Append(value);
        return builder.Build();
    }

    /// <summary>Numbers that lie far from each other.</summary>
    private static long Hash(int number) => unchecked((number ^ (number << 7)) * 0x5851_F42D_4C95_7F2DL + (number * (long)number * 0x1405_7B7E_F767_814FL));

    private static IEnumerable<string> Named(IReadOnlyList<(string Column, string Encodings)> columns, string encoding) =>
        columns.Where(column => column.Encodings.Split(", ").Contains(encoding)).Select(column => column.Column);

    /// <summary>Of the file's first row group, as another reader sees them.</summary>
    private static Task<IReadOnlyList<(string Column, string Encodings)>> EncodingsAsync(string path) =>
        QueryAsync($"SELECT path_in_schema, encodings FROM parquet_metadata('{path}') WHERE row_group_id = 0 ORDER BY column_id", row => (row.GetString(0), row.GetString(1)));

    private static async Task<IReadOnlyList<T>> QueryAsync<T>(string sql, Func<System.Data.Common.DbDataReader, T> read)
    {
        var cancel = TestContext.Current.CancellationToken;
        await using var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await using var reader = await command.ExecuteReaderAsync(cancel);
        List<T> rows = [];
        while (await reader.ReadAsync(cancel)) rows.Add(read(reader));
        return rows;
    }

    private async Task<string> WriteAsync(params IReadOnlyList<RecordBatch> batches)
    {
        var cancel = TestContext.Current.CancellationToken;
        var schema = batches[0].Schema;
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), "t", schema, [], TestTables.NoConfiguration, TimeProvider.System, cancel);
        await using var writer = await table.OpenDataFileAsync(schema, TestTables.NoPartitions, new DataFileOptions(), cancel);
        foreach (var batch in batches) writer.Write(batch);
        return table.Store.LocalPath($"t/{(await writer.CompleteAsync(cancel)).Path}")!;
    }
}
