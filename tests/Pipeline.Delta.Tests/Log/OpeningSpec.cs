using System.Collections.Immutable;
using Pipeline.Delta.Log;
using Pipeline.Delta.Schemas;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Tests.Storage;

namespace Pipeline.Delta.Tests.Log;

public sealed class OpeningSpec : IDisposable
{
    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task A_checkpoint_and_a_hundred_commits_are_at_most_102_objects()
    {
        var table = await TestTables.OpenAsync(_scratch.Store(), configuration: new Dictionary<string, string> { ["delta.checkpointInterval"] = "50" });
        for (var key = 1; key <= 50; key++) await TestTables.AppendAsync(table, key);
        await table.PendingCheckpoint;
        Directory.CreateDirectory(Path.Combine(_scratch.Root, "kept"));
        CopyCheckpoint("t", "kept");
        for (var key = 51; key <= 150; key++) await TestTables.AppendAsync(table, key);
        await table.PendingCheckpoint;
        RestoreCheckpoint("kept", "t");

        var store = new CountingStore(_scratch.Store());
        var opened = await DeltaTable.TryOpenAsync(store, "t", TimeProvider.System, Cancel);

        Assert.Equal((150L, 150), (opened!.Current.Version, opened.Current.FilesByPath.Count));
        Assert.InRange(store.ObjectsRead.Count, 101, 102);
        Assert.Contains("t/_delta_log/00000000000000000050.checkpoint.parquet", store.ObjectsRead);
    }

    [Fact]
    public async Task Looking_for_news_reads_only_what_is_new()
    {
        var store = new CountingStore(_scratch.Store());
        await TestTables.OpenAsync(_scratch.Store());
        var table = await DeltaTable.TryOpenAsync(store, "t", TimeProvider.System, Cancel);
        var other = await TestTables.OpenAsync(_scratch.Store());
        await TestTables.AppendAsync(other, 1);
        store.ObjectsRead.Clear();

        await table!.RefreshAsync(Cancel);

        Assert.Equal(1, table.Current.Version);
        Assert.Equal(["t/_delta_log/00000000000000000001.json"], store.ObjectsRead);
    }

    /// <summary>What a million files may take in 512 MiB, with as much again for everything else.</summary>
    [Fact]
    public void A_file_takes_268_bytes_at_most()
    {
        const int Files = 50_000, BytesMax = (512 << 20) / 1_000_000 / 2;
        var before = GC.GetTotalMemory(forceFullCollection: true);

        var builder = new SnapshotBuilder("t");
        builder.ApplyCommit(0, DateTimeOffset.UnixEpoch, [ProtocolSupport.Own, new MetadataAction("t", SchemaJson.Write(TestTables.KeyAndText), [], TestTables.NoConfiguration)]);
        for (var start = 0; start < Files; start += 1000)
            builder.ApplyCommit(1, DateTimeOffset.UnixEpoch, [.. Enumerable.Range(start, 1000).Select(MadeUpFile)]);
        var snapshot = builder.Build();
        var bytes = (GC.GetTotalMemory(forceFullCollection: true) - before) / Files;

        TestContext.Current.TestOutputHelper!.WriteLine($"{bytes} bytes a file");
        Assert.Equal(Files, snapshot.FilesByPath.Count);
        Assert.InRange(bytes, 1, BytesMax);
    }

    /// <summary>The whole process, the .NET runtime and the native Parquet reader included. Takes a minute.</summary>
    [Fact]
    public async Task A_process_opens_a_million_files_in_512_MiB()
    {
        if (Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") is null) Assert.Skip("Only with --nightly.");
        const int Files = 1_000_000, FilesInCommit = 50_000;
        var table = await TestTables.OpenAsync(_scratch.Store());
        var builder = new SnapshotBuilder("t", table.Current);
        for (var start = 0; start < Files; start += FilesInCommit)
            builder.ApplyCommit(1 + (start / FilesInCommit), DateTimeOffset.UnixEpoch, [.. Enumerable.Range(start, FilesInCommit).Select(MadeUpFile)]);
        await CheckpointWriter.WriteAsync(table.Store, "t", builder.Build(), DateTimeOffset.UnixEpoch, Cancel);

        // The share of a container's memory that .NET takes for the heap by itself.
        var answer = (await ChildProcess.StartAsync(OpeningProcess.Arguments(_scratch.Root), heapBytesMax: (512L << 20) / 4 * 3)).Split(' ');

        TestContext.Current.TestOutputHelper!.WriteLine($"peak {long.Parse(answer[2]) >> 10} MiB, heap {long.Parse(answer[3]) >> 20} MiB");
        Assert.Equal((Files, Files * 10L), (int.Parse(answer[0]), long.Parse(answer[1])));
        Assert.InRange(long.Parse(answer[2]), 0, 512 * 1024);
    }

    [Fact]
    public void Changes_between_versions_share_and_count_their_files()
    {
        var index = FileIndex.Empty;
        var model = new Dictionary<string, AddFile>(StringComparer.Ordinal);
        var random = new Random(7);
        for (var round = 0; round < 60; round++)
        {
            var builder = index.ToBuilder();
            for (var i = 0; i < 400; i++)
            {
                var file = MadeUpFile(random.Next(6000));
                if (random.Next(3) > 0)
                {
                    builder.Add(file);
                    model[file.Path] = file;
                }
                else
                {
                    Assert.Equal(model.Remove(file.Path), builder.Remove(file.Path));
                }
            }

            index = builder.Build();
            Assert.Equal(model.Count, index.Count);
            Assert.Equal(model.Count * 10L, index.RowCount);
        }

        Assert.Equal(model.Keys.Order(StringComparer.Ordinal), index.Keys.Order(StringComparer.Ordinal));
        Assert.All(model.Values, file => Assert.Equal((file.Size, file.Stats), (index[file.Path].Size, index[file.Path].Stats)));
        Assert.False(index.ContainsKey("nowhere"));
    }

    /// <summary>Names and statistics of a real table's: eight columns, a day's partition.</summary>
    private static AddFile MadeUpFile(int number)
    {
        var day = $"2026-{1 + (number % 12):D2}-{1 + (number % 28):D2}";
        var id = new Guid(number, 7, 11, 1, 2, 3, 4, 5, 6, (byte)number, (byte)(number >> 8));
        var stats = $$$"""{"numRecords":10,"minValues":{"order_id":{{{number * 10L}}},"customer_id":{{{number % 9973}}},"email":"customer{{{number}}}@example.com","order_date":"{{{day}}}T00:00:00.000Z","total_amount":{{{number % 1000}}}.25,"status":"cancelled","_position":{{{number * 1000L}}},"_ingested_at":"{{{day}}}T11:12:13.456Z"},"maxValues":{"order_id":{{{(number * 10L) + 9}}},"customer_id":{{{(number % 9973) + 50}}},"email":"zcustomer{{{number}}}@example.com","order_date":"{{{day}}}T23:59:59.999Z","total_amount":{{{(number % 1000) + 999}}}.75,"status":"shipped","_position":{{{(number * 1000L) + 999}}},"_ingested_at":"{{{day}}}T11:12:14.567Z"},"nullCount":{"order_id":0,"customer_id":0,"email":3,"order_date":0,"total_amount":0,"status":0,"_position":0,"_ingested_at":0}}""";
        return new AddFile($"ingest_date={day}/part-00000-{id}.c000.snappy.parquet", ImmutableDictionary<string, string?>.Empty.Add("_ingest_date", day),
            100_000 + number, DateTimeOffset.FromUnixTimeSeconds(1_700_000_000 + number), DataChange: true, stats);
    }

    private void CopyCheckpoint(string from, string to)
    {
        foreach (var file in Directory.GetFiles(Path.Combine(_scratch.Root, from, "_delta_log"), "*checkpoint*"))
            File.Copy(file, Path.Combine(_scratch.Root, to, Path.GetFileName(file)));
    }

    private void RestoreCheckpoint(string from, string to)
    {
        foreach (var file in Directory.GetFiles(Path.Combine(_scratch.Root, to, "_delta_log"), "*checkpoint*")) File.Delete(file);
        foreach (var file in Directory.GetFiles(Path.Combine(_scratch.Root, from)))
            File.Copy(file, Path.Combine(_scratch.Root, to, "_delta_log", Path.GetFileName(file)));
    }

    /// <summary>Notes which objects are read, and gives DuckDB and the native reader no way around it.</summary>
    private sealed class CountingStore(IObjectStore inner) : StoreDecorator(inner)
    {
        public HashSet<string> ObjectsRead { get; } = new(StringComparer.Ordinal);

        public override string? LocalPath(string path) => null;

        public override async ValueTask<byte[]?> TryGetAsync(string path, CancellationToken cancellationToken)
        {
            var content = await Inner.TryGetAsync(path, cancellationToken);
            if (content is not null) ObjectsRead.Add(path);
            return content;
        }

        public override ValueTask<byte[]> GetRangeAsync(string path, long offset, int length, CancellationToken cancellationToken)
        {
            ObjectsRead.Add(path);
            return Inner.GetRangeAsync(path, offset, length, cancellationToken);
        }
    }
}
