using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Reading;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Tests.Parquet;
using Pipeline.Testing;

namespace Pipeline.Delta.Tests.Reading;

/// <summary>
/// Tables that an earlier build of ours wrote and that lie beside the tests: what is in somebody's lake stays readable.
/// GOLDEN=update writes them anew.
/// </summary>
public sealed class StoredTableSpec
{
    private static readonly Schema Partitioned = new([.. AllTypes.Schema.FieldsList, new Field("day", Date32Type.Default, nullable: true)], null);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_stored_table_reads_as_on_the_day_it_was_written()
    {
        if (Golden.IsUpdate) await WriteAsync(Golden.PathOf("table"));

        var table = await DeltaTable.TryOpenAsync(new LocalObjectStore(Golden.PathOf("table")), "all_types", TimeProvider.System, Cancel);

        Golden.Verify("table.txt", await DescribeAsync(table!));
    }

    private static async Task<string> DescribeAsync(DeltaTable table)
    {
        List<string> lines = [$"version {table.Current.Version}, position {table.Current.Position("split/0")}, rows {table.Current.RowCount}"];
        List<string> rows = [];
        await foreach (var batch in TableReader.ReadAsync(table, table.Current, new ReadOptions(), Cancel)) rows.AddRange(ArrowText.Of(batch).Split('\n'));
        return string.Join('\n', [.. lines, .. rows.Order(StringComparer.Ordinal), .. table.Current.Files.Select(file => file.Stats!).Order(StringComparer.Ordinal)]) + "\n";
    }

    /// <summary>Six versions: a checkpoint of the fourth, a removed file, two partitions and none.</summary>
    private static async Task WriteAsync(string directory)
    {
        ScratchDirectory.Delete(directory);
        var table = await DeltaTable.OpenOrCreateAsync(new LocalObjectStore(directory), "all_types", Partitioned, ["day"],
            new Dictionary<string, string> { ["delta.checkpointInterval"] = "4" }, TimeProvider.System, Cancel);
        string?[] days = ["2026-01-01", null, "0001-01-01", "2026-01-01", "9999-12-31"];
        for (var i = 0; i < days.Length; i++)
        {
            await using var writer = await table.OpenDataFileAsync(AllTypes.Schema, new Dictionary<string, string?> { ["day"] = days[i] }, new DataFileOptions(), Cancel);
            writer.Write(AllTypes.Batch());
            await TestTables.CommittedAsync(table, new Transaction("WRITE", i == 3 ? Isolation.ReadTable : Isolation.BlindAppend)
            {
                ReadVersion = i == 3 ? table.Current.Version : null,
                Adds = [await writer.CompleteAsync(Cancel)],
                Removes = i == 3 ? [TestTables.Remove(table.Current.Files.First(file => file.PartitionValues["day"] is null))] : [],
                Moves = [new TxnMove("split/0", i == 0 ? null : i * 10, (i + 1) * 10)],
            });
            await table.PendingCheckpoint;
        }
    }
}
