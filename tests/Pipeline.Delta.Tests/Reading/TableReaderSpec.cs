using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Reading;

namespace Pipeline.Delta.Tests.Reading;

public sealed class TableReaderSpec : IDisposable
{
    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Batches_end_with_their_row_group_so_that_memory_does_not_follow_the_size_of_rows()
    {
        var table = await TestTables.OpenAsync(_scratch.Store());
        await using var writer = await table.OpenDataFileAsync(TestTables.KeyAndText, TestTables.NoPartitions, new DataFileOptions(RowGroupBytesMax: 1), Cancel);
        foreach (var keys in (long[][])[[1, 2], [3], [4, 5, 6]]) writer.Write(TestTables.Rows(keys));
        var snapshot = await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Adds = [await writer.CompleteAsync(Cancel)] });

        var batches = new List<string>();
        await foreach (var batch in TableReader.ReadAsync(table, snapshot, new ReadOptions(), Cancel))
            using (batch) batches.Add(string.Join(',', ((Int64Array)batch.Column("key")).Values.ToArray()));

        Assert.Equal(["1,2", "3", "4,5,6"], batches);
    }

    [Fact]
    public async Task Files_that_cannot_have_a_value_in_a_column_are_known_by_their_statistics()
    {
        var extra = new Field("extra", StringType.Default, nullable: true);
        var schema = new Schema([.. TestTables.KeyAndText.FieldsList, extra], null);
        var table = await TestTables.OpenAsync(_scratch.Store());
        await TestTables.AppendAsync(table, 1);
        var allNull = await WriteAsync(table, schema, null, null);
        var some = await WriteAsync(table, schema, null, "x");
        var unknown = await WriteAsync(table, schema, null, null) with { Stats = null };
        var snapshot = await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Adds = [allNull, some, unknown], Schema = schema });

        Assert.Equal(new[] { some.Path, unknown.Path }.Order(StringComparer.Ordinal), snapshot.FilesWith("extra").Select(file => file.Path).Order(StringComparer.Ordinal));
        Assert.Equal(4, snapshot.FilesWith("key").Count());
        Assert.Empty(snapshot.FilesWith("nobody"));
    }

    private static async Task<AddFile> WriteAsync(DeltaTable table, Schema schema, params string?[] values)
    {
        using var rows = TestTables.Rows([.. values.Select((_, i) => (long)i)]);
        return await TestTables.WriteFileAsync(table, new RecordBatch(schema, [.. rows.Arrays, new StringArray.Builder().AppendRange(values!).Build()], values.Length));
    }
}
