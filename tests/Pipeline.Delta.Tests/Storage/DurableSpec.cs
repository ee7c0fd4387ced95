using System.Collections.Concurrent;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;
using Pipeline.Testing;

namespace Pipeline.Delta.Tests.Storage;

/// <summary>What is acknowledged survives a loss of power: every name that leads to it was synced, the last one after the bytes.</summary>
public sealed class DurableSpec : IDisposable
{
    private readonly ScratchDirectory _directory = new("durable-");
    private readonly ConcurrentQueue<(DurableKind Kind, string Path)> _synced = new();
    private readonly Action<DurableKind, string>? _before = Durable.Synced;

    public DurableSpec() => Durable.Synced = (kind, path) =>
    {
        // Other tests write too.
        if (path.StartsWith(_directory, StringComparison.Ordinal)) _synced.Enqueue((kind, Path.GetRelativePath(_directory, path)));
    };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        Durable.Synced = _before;
        _directory.Dispose();
    }

    [Fact]
    public async Task An_object_below_new_directories_is_synced_then_its_name_and_theirs_were_before()
    {
        var store = new LocalObjectStore(Path.Combine(_directory, "lake"));

        await store.PutIfAbsentAsync("silver/users/_delta_log/0.json", "{}"u8.ToArray(), Cancel);
        var first = Take();
        await store.PutIfAbsentAsync("silver/users/_delta_log/1.json", "{}"u8.ToArray(), Cancel);
        var second = Take();

        Assert.Equal(["Directory .", "Directory lake", "Directory lake/silver", "Directory lake/silver/users", "File", "Directory lake/silver/users/_delta_log"], first);
        // The directory is there: whether its maker has synced its name is not known, so it is done once.
        Assert.Equal(["Directory lake/silver/users", "File", "Directory lake/silver/users/_delta_log"], second);
        await store.PutIfAbsentAsync("silver/users/_delta_log/2.json", "{}"u8.ToArray(), Cancel);
        Assert.Equal(["File", "Directory lake/silver/users/_delta_log"], Take());
    }

    [Fact]
    public async Task A_data_file_and_its_partition_are_synced_before_the_commit_that_names_it()
    {
        var store = new LocalObjectStore(Path.Combine(_directory, "lake"));
        var schema = new Schema([new Field("id", Int64Type.Default, nullable: true), new Field("day", StringType.Default, nullable: true)], null);
        var table = await DeltaTable.OpenOrCreateAsync(store, "bronze/app/users", schema, ["day"], new Dictionary<string, string>(), TimeProvider.System, Cancel);
        Take();

        await using var writer = await table.OpenDataFileAsync(schema, new Dictionary<string, string?> { ["day"] = "2026-03-02" }, new DataFileOptions(), Cancel);
        writer.Write(new RecordBatch(new Schema([schema.GetFieldByIndex(0)], null), [new Int64Array.Builder().Append(1).Build()], 1));
        await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Adds = [await writer.CompleteAsync(Cancel)] }, Cancel);

        var table0 = "lake/bronze/app/users";
        var synced = Take();
        Assert.Equal([$"Directory {table0}", "File", $"Directory {table0}/day=2026-03-02"], synced[..3]);
        Assert.Equal(["File", $"Directory {table0}/_delta_log"], synced[^2..]);
    }

    private List<string> Take()
    {
        List<string> taken = [.. _synced.Select(one => one.Kind == DurableKind.File ? "File" : $"Directory {one.Path}")];
        _synced.Clear();
        return taken;
    }
}
