using System.Collections.Immutable;
using System.Text.Json;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Delta.Log;
using Pipeline.Delta.Maintenance;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Reading;
using Pipeline.Delta.Schemas;

namespace Pipeline.Delta.Tests.Log;

/// <summary>What tables are like for those readers that take directories and bounds at their word.</summary>
public sealed class OtherReadersSpec : IDisposable
{
    private const string StatisticsColumns = "delta.dataSkippingStatsColumns";

    private static readonly Field Personal = new("email", StringType.Default, nullable: true, TableColumns.WithoutStatistics);
    private static readonly Field Key = new("key", Int64Type.Default, nullable: false);

    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task A_partitions_directory_is_its_columns_name_to_the_letter_and_old_directories_stay_part_of_the_table()
    {
        var schema = new Schema([.. TestTables.KeyAndText.FieldsList, new Field("_day", Date32Type.Default, nullable: true)], null);
        var table = await DeltaTable.OpenOrCreateAsync(_scratch.Store(), "t", schema, ["_day"], TestTables.NoConfiguration, TimeProvider.System, TestContext.Current.CancellationToken);
        var (older, newer) = (await WriteAsync(1, "2026-03-01"), await WriteAsync(2, "2026-03-02"));
        // As releases before wrote it.
        var moved = older with { Path = older.Path[1..] };
        Directory.CreateDirectory(Path.GetDirectoryName(At(moved.Path))!);
        File.Move(At(older.Path), At(moved.Path));
        await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Adds = [moved, newer] });
        string[] orphans = ["_day=2026-03-02/part-orphan.parquet", "day=2026-03-01/part-orphan.parquet", "_day=2026-03-09/part-orphan.parquet"];
        string[] others = ["_delta_index/x.parquet", "_days=1/x.parquet"];
        foreach (var path in orphans.Concat(others))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(At(path))!);
            File.Copy(At(newer.Path), At(path));
            File.SetLastWriteTimeUtc(At(path), TimeProvider.System.GetUtcNow().UtcDateTime.AddDays(-30));
        }

        var vacuumed = await Vacuum.RunAsync(table, new VacuumOptions(), TestContext.Current.CancellationToken);

        Assert.StartsWith("_day=2026-03-02/part-", newer.Path, StringComparison.Ordinal);
        Assert.Equal(orphans.Order(StringComparer.Ordinal), vacuumed.Paths.Order(StringComparer.Ordinal));
        Assert.All(others, path => Assert.True(File.Exists(At(path))));
        var rows = new List<(long, int)>();
        await foreach (var batch in TableReader.ReadAsync(table, table.Current, new ReadOptions(), TestContext.Current.CancellationToken))
            using (batch)
                for (var i = 0; i < batch.Length; i++) rows.Add((((Int64Array)batch.Column("key")).GetValue(i)!.Value, ((Date32Array)batch.Column("_day")).GetDateOnly(i)!.Value.Day));
        Assert.Equal([(1, 1), (2, 2)], rows.Order());

        async Task<AddFile> WriteAsync(long key, string day)
        {
            await using var writer = await table.OpenDataFileAsync(TestTables.KeyAndText, ImmutableDictionary<string, string?>.Empty.Add("_day", day), new DataFileOptions(), TestContext.Current.CancellationToken);
            writer.Write(TestTables.Rows(key));
            return await writer.CompleteAsync(TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task Columns_that_may_have_no_bounds_are_kept_out_of_the_statistics()
    {
        Field[] fields = [Key, Personal, new Field("raw", BinaryType.Default, nullable: true), new Field("head-commit", BooleanType.Default, nullable: true), new Field("items", new ListType(StringType.Default), nullable: true)];
        var table = await OpenAsync(fields);
        using var rows = new RecordBatch(new Schema(fields, null),
        [
            new Int64Array.Builder().Append(7).Build(), new StringArray.Builder().Append("a@b").Build(), new BinaryArray.Builder().Append(Enumerable.Repeat((byte)1, 3)).Build(),
            new BooleanArray.Builder().Append(true).Build(), new ListArray.Builder(StringType.Default).AppendNull().Build(),
        ], 1);

        var stats = (await TestTables.WriteFileAsync(table, rows)).Stats!;

        Assert.Equal("key,`head-commit`", table.Current.Metadata.Configuration[StatisticsColumns]);
        Assert.Equal("""{"numRecords":1,"minValues":{"key":7,"head-commit":true},"maxValues":{"key":7,"head-commit":true},"nullCount":{"key":0,"head-commit":0}}""", stats);
    }

    [Fact]
    public async Task The_list_goes_with_the_columns_and_a_list_of_somebody_else_stays()
    {
        var plain = await OpenAsync([Key]);
        var (learned, configured) = (await OpenAsync([Key], "learned"), await OpenAsync([Key, Personal], "configured", ImmutableDictionary<string, string>.Empty.Add(StatisticsColumns, "email")));
        var more = new Field("n", Int64Type.Default, nullable: true);

        var schema = new Schema([Key, Personal, more], null);
        var after = await TestTables.CommittedAsync(learned, new Transaction("WRITE", Isolation.BlindAppend) { Schema = schema });
        var again = await TestTables.CommittedAsync(learned, new Transaction("WRITE", Isolation.BlindAppend) { Schema = new Schema([.. schema.FieldsList, new Field("m", Int64Type.Default, nullable: true)], null) });
        var replaced = await TestTables.CommittedAsync(learned, new Transaction("OVERWRITE", Isolation.ReadTable) { Schema = new Schema([Key, more], null), ReplacesSchema = true, ReadVersion = again.Version });
        var theirs = await TestTables.CommittedAsync(configured, new Transaction("WRITE", Isolation.BlindAppend) { Schema = schema });

        Assert.DoesNotContain(StatisticsColumns, plain.Current.Metadata.Configuration.Keys);
        Assert.Equal("key,n", after.Metadata.Configuration[StatisticsColumns]);
        Assert.Equal("key,n,m", again.Metadata.Configuration[StatisticsColumns]);
        Assert.DoesNotContain(StatisticsColumns, replaced.Metadata.Configuration.Keys);
        Assert.Equal("email", theirs.Metadata.Configuration[StatisticsColumns]);
    }

    [Fact]
    public async Task A_file_without_a_count_for_a_column_that_has_none_may_have_values()
    {
        var table = await OpenAsync([Key, Personal]);
        using var rows = new RecordBatch(new Schema([Key, Personal], null), [new Int64Array.Builder().Append(7).Build(), new StringArray.Builder().Append("a@b").Build()], 1);
        var file = await TestTables.WriteFileAsync(table, rows);

        var snapshot = await TestTables.CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Adds = [file] });

        Assert.Equal([file.Path], snapshot.FilesWith("email").Select(found => found.Path));
        Assert.False(JsonDocument.Parse(file.Stats!).RootElement.GetProperty("nullCount").TryGetProperty("email", out _));
    }

    private string At(string path) => Path.Combine(_scratch.Root, "t", path);

    private ValueTask<DeltaTable> OpenAsync(Field[] fields, string path = "t", IReadOnlyDictionary<string, string>? configuration = null) =>
        DeltaTable.OpenOrCreateAsync(_scratch.Store(), path, new Schema(fields, null), [], configuration ?? TestTables.NoConfiguration, TimeProvider.System, TestContext.Current.CancellationToken);
}
