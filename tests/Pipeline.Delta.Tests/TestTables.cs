using System.Collections.Immutable;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;
using Pipeline.Testing;

namespace Pipeline.Delta.Tests;

/// <summary>A directory that goes with the test.</summary>
internal sealed class Scratch : IDisposable
{
    private readonly ScratchDirectory _directory = new("delta-");

    public string Root => _directory;

    public LocalObjectStore Store() => new(Root);

    public void Dispose() => _directory.Dispose();
}

/// <summary>Small tables of a key and a text.</summary>
internal static class TestTables
{
    public static readonly ImmutableDictionary<string, string> NoConfiguration = ImmutableDictionary<string, string>.Empty;
    public static readonly ImmutableDictionary<string, string?> NoPartitions = ImmutableDictionary<string, string?>.Empty;

    public static readonly Schema KeyAndText = new(
    [
        new Field("key", Int64Type.Default, nullable: false),
        new Field("text", StringType.Default, nullable: true),
    ], null);

    public static RecordBatch Rows(params IReadOnlyList<long> keys) => new(KeyAndText,
        [new Int64Array.Builder().AppendRange(keys).Build(), new StringArray.Builder().AppendRange(keys.Select(key => $"row {key}")).Build()], keys.Count);

    public static ValueTask<DeltaTable> OpenAsync(IObjectStore store, string path = "t", TimeProvider? time = null,
        IReadOnlyDictionary<string, string>? configuration = null) =>
        DeltaTable.OpenOrCreateAsync(store, path, KeyAndText, [], configuration ?? NoConfiguration, time ?? TimeProvider.System,
            TestContext.Current.CancellationToken);

    public static async Task<AddFile> WriteFileAsync(DeltaTable table, RecordBatch rows, DataFileOptions? options = null)
    {
        await using var writer = await table.OpenDataFileAsync(rows.Schema, NoPartitions, options ?? new DataFileOptions(), TestContext.Current.CancellationToken);
        writer.Write(rows);
        return await writer.CompleteAsync(TestContext.Current.CancellationToken);
    }

    public static async Task<Snapshot> AppendAsync(DeltaTable table, params IReadOnlyList<long> keys)
    {
        var file = await WriteFileAsync(table, Rows(keys));
        return await CommittedAsync(table, new Transaction("WRITE", Isolation.BlindAppend) { Adds = [file] });
    }

    public static async Task<Snapshot> CommittedAsync(DeltaTable table, Transaction transaction) =>
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(transaction, TestContext.Current.CancellationToken)).Snapshot;

    public static RemoveFile Remove(AddFile file, bool dataChange = true) =>
        new(file.Path, DateTimeOffset.UnixEpoch.AddYears(60), dataChange, file.PartitionValues, file.Size);
}
