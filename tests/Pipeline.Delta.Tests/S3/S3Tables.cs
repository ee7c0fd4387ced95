using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Tests.S3;

/// <summary>What a table in a bucket holds, read by others than its writers.</summary>
internal static class S3Tables
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Exactly one version and one row for each commit of each writer, and nothing else.</summary>
    public static async Task AssertEveryCommitOnceAsync(S3ObjectStore store, int writers, int commits)
    {
        var table = await TestTables.OpenAsync(store);
        Assert.Equal(writers * commits, table.Current.Version);
        Assert.All(Enumerable.Range(0, writers), writer => Assert.Equal(commits, table.Current.Position($"writer/{writer}")));
        Assert.Equal(Enumerable.Range(0, writers * commits).Select(key => (long)key), await KeysAsync(store, table));
        var versions = 0L;
        await foreach (var (version, actions) in table.ChangesAsync(0, table.Current.Version, Cancel))
        {
            Assert.Equal(++versions, version);
            Assert.Single(actions.OfType<AddFile>());
        }

        Assert.Equal(writers * commits, versions);
    }

    /// <summary>Copies the table's files and lets DuckDB read them.</summary>
    public static async Task<IReadOnlyList<long>> KeysAsync(S3ObjectStore store, DeltaTable table)
    {
        using var scratch = new Scratch();
        var local = await TestTables.OpenAsync(scratch.Store(), Guid.NewGuid().ToString("N"));
        await Parallel.ForEachAsync(table.Current.Files, new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Cancel },
            async (file, cancel) => await scratch.Store().PutAsync($"{local.Path}/{file.Path}", await store.TryGetAsync($"{table.Path}/{file.Path}", cancel), cancel));
        var snapshot = await TestTables.CommittedAsync(local, new Transaction("COPY", Isolation.BlindAppend) { Adds = [.. table.Current.Files] });
        return DuckDbRows.Keys(local, snapshot);
    }
}
