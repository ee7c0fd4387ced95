using Apache.Arrow;
using Apache.Arrow.Types;
using DuckDB.NET.Data;
using Pipeline.Delta.Parquet;

namespace Pipeline.Delta.Tests.Parquet;

/// <summary>Columns of integers that count are written as what they differ by, and read back by others to the bit.</summary>
public sealed class DifferencesSpec : IDisposable
{
    private const int Rows = 50_000;

    private static readonly Schema Counters = new([new Field("position", Int64Type.Default, nullable: true), new Field("name", StringType.Default, nullable: true)], null);

    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task A_column_that_counts_takes_less_than_a_byte_a_value_and_a_text_that_is_named_with_it_stays_as_it_is()
    {
        var values = Enumerable.Range(0, Rows).Select(i => (long?)(1_700_000_000_000_000 + (i * 1_000L))).ToList();

        var plain = await WriteAsync(values, differences: []);
        var counted = await WriteAsync(values, differences: ["position", "name"]);

        Assert.Equal("DELTA_BINARY_PACKED", counted.Encodings);
        Assert.InRange(counted.Bytes, 1, Rows);
        Assert.True(plain.Bytes > 4 * counted.Bytes, $"{plain.Bytes} bytes plainly, {counted.Bytes} as differences");
        Assert.Equal(values, counted.Values);
    }

    [Fact]
    public async Task Values_of_any_distance_and_nulls_come_back()
    {
        var random = new Random(5);
        long[] ends = [long.MinValue, long.MaxValue, -1, 0, 1, long.MinValue + 1, long.MaxValue - 1];
        var values = Enumerable.Range(0, Rows).Select(_ => random.Next(4) switch
        {
            0 => (long?)null,
            1 => ends[random.Next(ends.Length)],
            2 => random.NextInt64(long.MinValue, long.MaxValue),
            _ => random.Next(1_000),
        }).ToList();

        var counted = await WriteAsync(values, differences: ["position"]);

        Assert.Equal(values, counted.Values);
    }

    /// <summary>As another reader sees the first column.</summary>
    private async Task<(string Encodings, long Bytes, IReadOnlyList<long?> Values)> WriteAsync(IReadOnlyList<long?> values, IReadOnlyCollection<string> differences)
    {
        var cancel = TestContext.Current.CancellationToken;
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), $"t{differences.Count}", Counters, [], TestTables.NoConfiguration, TimeProvider.System, cancel);
        await using var writer = await table.OpenDataFileAsync(Counters, TestTables.NoPartitions, new DataFileOptions(NoDictionary: ["position"], Differences: differences), cancel);
        var numbers = new Int64Array.Builder();
        foreach (var value in values) numbers.Append(value);
        var written = new RecordBatch(Counters, [numbers.Build(), new StringArray.Builder().AppendRange(values.Select(_ => "same")).Build()], values.Count);
        // The first rows are too few to tell.
        writer.Write(written.Slice(0, 500));
        writer.Write(written.Slice(500, values.Count - 500));
        var path = table.Store.LocalPath($"{table.Path}/{(await writer.CompleteAsync(cancel)).Path}");

        await using var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        await using var metadata = connection.CreateCommand();
        metadata.CommandText = $"SELECT string_agg(DISTINCT replace(replace(encodings, 'RLE, ', ''), ', RLE', ''), ';'), sum(total_compressed_size)::BIGINT FROM parquet_metadata('{path}') WHERE path_in_schema = 'position'";
        await using var told = await metadata.ExecuteReaderAsync(cancel);
        Assert.True(await told.ReadAsync(cancel));
        await using var query = connection.CreateCommand();
        query.CommandText = $"SELECT position FROM read_parquet('{path}', file_row_number = true) ORDER BY file_row_number";
        await using var rows = await query.ExecuteReaderAsync(cancel);
        var read = new List<long?>();
        while (await rows.ReadAsync(cancel)) read.Add(await rows.IsDBNullAsync(0, cancel) ? null : rows.GetInt64(0));
        return (told.GetString(0), told.GetInt64(1), read);
    }
}
