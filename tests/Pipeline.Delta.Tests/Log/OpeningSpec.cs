using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Table;
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
        // The commit that it stands on says whether the log is still the one that was read.
        Assert.Equal(["t/_delta_log/00000000000000000000.json", "t/_delta_log/00000000000000000001.json"], store.ObjectsRead.Order(StringComparer.Ordinal));
    }

    /// <summary>What a million files may take in 512 MiB, with as much again for everything else.</summary>
    [Fact]
    public async Task A_file_takes_268_bytes_at_most()
    {
        const int Files = 50_000, BytesMax = (512 << 20) / 1_000_000 / 2;

        // In a process of its own: other tests would count.
        var bytes = long.Parse(await ChildProcess.StartAsync(OpeningProcess.IndexArguments(Files))) / Files;

        TestContext.Current.TestOutputHelper!.WriteLine($"{bytes} bytes a file");
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
            builder.ApplyCommit(1 + (start / FilesInCommit), DateTimeOffset.UnixEpoch, [.. Enumerable.Range(start, FilesInCommit).Select(OpeningProcess.MadeUpFile)]);
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
                var file = OpeningProcess.MadeUpFile(random.Next(6000));
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
            Assert.Equal(index.Values.Sum(file => file.Size), index.Bytes);
        }

        Assert.Equal(model.Keys.Order(StringComparer.Ordinal), index.Keys.Order(StringComparer.Ordinal));
        Assert.All(model.Values, file => Assert.Equal((file.Size, file.Stats), (index[file.Path].Size, index[file.Path].Stats)));
        Assert.False(index.ContainsKey("nowhere"));
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
