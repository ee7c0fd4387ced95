using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Tests.Maintenance;

/// <summary>Has a data file and an object of the log half written, says so, and goes on until it is killed.</summary>
internal static class WritingProcess
{
    public const string Verb = "write";

    public static async Task<int> RunAsync(string[] args)
    {
        var store = new LocalObjectStore(args[0]);
        var table = await DeltaTable.TryOpenAsync(store, "t", TimeProvider.System, CancellationToken.None)
            ?? throw new InvalidOperationException("The parent makes the table.");
        await using var file = await table.OpenDataFileAsync(TestTables.KeyAndText, TestTables.NoPartitions, new DataFileOptions(), CancellationToken.None);
        file.Write(TestTables.Rows(7));
        await using var checkpoint = await store.OpenUploadAsync("t/_delta_log/00000000000000000010.checkpoint.parquet", CancellationToken.None);
        await checkpoint.Content.WriteAsync(new byte[200_000], CancellationToken.None);
        Console.WriteLine("writing");
        await Task.Delay(Timeout.Infinite, CancellationToken.None);
        return 0;
    }
}
