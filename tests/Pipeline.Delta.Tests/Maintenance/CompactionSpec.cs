using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Delta.Log;
using Pipeline.Delta.Maintenance;
using Pipeline.Delta.Parquet;

namespace Pipeline.Delta.Tests.Maintenance;

public sealed class CompactionSpec : IDisposable
{
    private static readonly CompactionOptions Options = new(new DataFileOptions());

    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Small_files_become_one_with_the_same_rows()
    {
        var table = await TestTables.OpenAsync(_scratch.Store());
        for (var key = 1; key <= 12; key++) await TestTables.AppendAsync(table, key);

        var result = await Compaction.RunAsync(table, Options, Cancel);
        var again = await Compaction.RunAsync(table, Options, Cancel);

        Assert.Equal((12, 1, 0, 13L), (result.FilesRemoved, result.FilesAdded, result.BinsSkipped, result.Version));
        Assert.Equal((0, 13L), (again.FilesRemoved, again.Version));
        Assert.Equal(Enumerable.Range(1, 12).Select(key => (long)key), DuckDbRows.Keys(table, table.Current));
        Assert.Equal(12, Assert.Single(table.Current.Files).RowCount);
        await foreach (var (_, actions) in table.ChangesAsync(12, 13, Cancel))
        {
            Assert.All(actions.OfType<AddFile>(), file => Assert.False(file.DataChange));
            Assert.All(actions.OfType<RemoveFile>(), file => Assert.False(file.DataChange));
        }
    }

    [Fact]
    public async Task Bins_end_at_the_target_and_stay_inside_of_partitions()
    {
        var schema = new Schema([TestTables.KeyAndText.GetFieldByName("key"), new Field("day", Date32Type.Default, nullable: false)], null);
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), "t", schema, ["day"], TestTables.NoConfiguration, TimeProvider.System, Cancel);
        List<AddFile> files = [];
        foreach (var day in (string[])["2026-01-01", "2026-01-02"])
        {
            for (var i = 0; i < 5; i++)
            {
                await using var writer = await table.OpenDataFileAsync(schema, new Dictionary<string, string?> { ["day"] = day }, new DataFileOptions(), Cancel);
                writer.Write(new RecordBatch(new Schema([schema.FieldsList[0]], null), [new Int64Array.Builder().Append(i).Build()], 1));
                files.Add(await writer.CompleteAsync(Cancel));
            }
        }

        await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Adds = [.. files] });
        var result = await Compaction.RunAsync(table, Options with { TargetBytes = files[0].Size * 2 }, Cancel);

        // Of five files of equal size two pairs fit; the fifth has nobody to go with.
        Assert.Equal((8, 4), (result.FilesRemoved, result.FilesAdded));
        Assert.Equal([("2026-01-01", 5L), ("2026-01-02", 5L)], table.Current.Files.GroupBy(file => file.PartitionValues["day"]!)
            .Select(day => (day.Key, day.Sum(file => file.RowCount!.Value))).Order());
        Assert.All(table.Current.Files, file => Assert.StartsWith($"day={file.PartitionValues["day"]}/", file.Path, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Appends_beside_it_stay()
    {
        var table = await TestTables.OpenAsync(_scratch.Store());
        var other = await TestTables.OpenAsync(_scratch.Store());
        for (var key = 1; key <= 4; key++) await TestTables.AppendAsync(table, key);
        var old = table.Current;
        var added = await TestTables.WriteFileAsync(table, TestTables.Rows(1, 2, 3, 4));

        await TestTables.AppendAsync(other, 5);
        var version = await RearrangeCommit.TryAsync(table, old, "OPTIMIZE", [.. old.Files], [added], TestTables.NoConfiguration, Cancel);

        Assert.Equal(6, version);
        Assert.Equal([1, 2, 3, 4, 5], DuckDbRows.Keys(table, table.Current));
    }

    [Fact]
    public async Task A_bin_whose_file_was_removed_meanwhile_is_given_up()
    {
        var table = await TestTables.OpenAsync(_scratch.Store());
        var other = await TestTables.OpenAsync(_scratch.Store());
        for (var key = 1; key <= 2; key++) await TestTables.AppendAsync(table, key);
        var old = table.Current;
        var added = await TestTables.WriteFileAsync(table, TestTables.Rows(1, 2));
        await other.RefreshAsync(Cancel);

        await TestTables.CommittedAsync(other, new Transaction("DELETE", Isolation.ReadTable)
        {
            ReadVersion = 2,
            Removes = [TestTables.Remove(other.Current.Files.Single(file => file.Stats!.Contains("\"key\":1,", StringComparison.Ordinal)))],
        });
        var version = await RearrangeCommit.TryAsync(table, old, "OPTIMIZE", [.. old.Files], [added], TestTables.NoConfiguration, Cancel);

        Assert.Null(version);
        Assert.Equal([2], DuckDbRows.Keys(table, table.Current));
        Assert.False(File.Exists(table.Store.LocalPath($"t/{added.Path}")));
    }

    [Fact]
    public async Task Columns_marked_in_the_table_stay_without_statistics()
    {
        var personal = new Field("text", StringType.Default, nullable: true,
            new Dictionary<string, string> { [Schemas.TableColumns.StatisticsKey] = Schemas.TableColumns.NoStatistics });
        var schema = new Schema([TestTables.KeyAndText.GetFieldByName("key"), personal], null);
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), "t", schema, [], TestTables.NoConfiguration, TimeProvider.System, Cancel);
        await TestTables.AppendAsync(table, 1);
        await TestTables.AppendAsync(table, 2);

        await Compaction.RunAsync(table, Options, Cancel);

        Assert.Equal("""{"numRecords":2,"minValues":{"key":1},"maxValues":{"key":2},"nullCount":{"key":0}}""", Assert.Single(table.Current.Files).Stats);
    }
}
