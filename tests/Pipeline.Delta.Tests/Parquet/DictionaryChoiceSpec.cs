using Apache.Arrow;
using Apache.Arrow.Types;
using DuckDB.NET.Data;
using Pipeline.Delta.Parquet;

namespace Pipeline.Delta.Tests.Parquet;

public sealed class DictionaryChoiceSpec : IDisposable
{
    private static readonly Schema Mixed = new(
    [
        new Field("id", Int64Type.Default, nullable: false),
        new Field("name", StringType.Default, nullable: true),
        new Field("status", StringType.Default, nullable: true),
        new Field("shard", Int32Type.Default, nullable: false),
        new Field("note", StringType.Default, nullable: true),
        new Field("score", DoubleType.Default, nullable: true),
    ], null);

    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Columns_whose_first_rows_differ_have_no_dictionary_and_others_keep_theirs()
    {
        var withDictionary = await WriteAsync(Rows(0, 20_000));

        Assert.Equal(["status", "shard", "note"], withDictionary);
    }

    [Fact]
    public async Task Rows_in_the_middle_of_a_batch_are_judged_by_themselves()
    {
        var withDictionary = await WriteAsync(Rows(0, 20_000).Slice(10_001, 5000));

        Assert.Equal(["status", "shard", "note"], withDictionary);
    }

    [Fact]
    public async Task A_few_rows_tell_nothing()
    {
        var withDictionary = await WriteAsync(Rows(0, 500), Rows(500, 20_000));

        Assert.Equal(Mixed.FieldsList.Select(field => field.Name), withDictionary);
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
        ], count);
    }

    /// <summary>The columns of the file's first row group that have a dictionary, as another reader sees it.</summary>
    private async Task<IReadOnlyList<string>> WriteAsync(params IReadOnlyList<RecordBatch> batches)
    {
        var cancel = TestContext.Current.CancellationToken;
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), "t", Mixed, [], TestTables.NoConfiguration, TimeProvider.System, cancel);
        await using var writer = await table.OpenDataFileAsync(Mixed, TestTables.NoPartitions, new DataFileOptions(), cancel);
        foreach (var batch in batches) writer.Write(batch);
        var file = await writer.CompleteAsync(cancel);

        await using var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        await using var command = connection.CreateCommand();
        command.CommandText = $"SELECT path_in_schema FROM parquet_metadata('{table.Store.LocalPath($"t/{file.Path}")}') "
            + "WHERE row_group_id = 0 AND dictionary_page_offset IS NOT NULL ORDER BY column_id";
        await using var reader = await command.ExecuteReaderAsync(cancel);
        List<string> names = [];
        while (await reader.ReadAsync(cancel)) names.Add(reader.GetString(0));
        return names;
    }
}
