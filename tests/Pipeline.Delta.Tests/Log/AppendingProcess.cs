using System.Globalization;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Tests.Storage;

namespace Pipeline.Delta.Tests.Log;

/// <summary>One of several processes that append to a table: a row, a file and a step of its own position in each commit.</summary>
internal static class AppendingProcess
{
    public static string[] Arguments(string root, int writer, int commits, double faults) =>
        ["append", root, $"{writer}", $"{commits}", faults.ToString(CultureInfo.InvariantCulture)];

    /// <summary>Each key is written once: writer × commits + the number of the commit.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var (writer, commits, faults) = (int.Parse(args[1]), int.Parse(args[2]), double.Parse(args[3], CultureInfo.InvariantCulture));
        var store = new FaultyStore(new LocalObjectStore(args[0]), seed: writer);
        var table = await DeltaTable.TryOpenAsync(store, "t", TimeProvider.System, CancellationToken.None)
            ?? throw new InvalidOperationException("The parent makes the table.");
        store.Share = faults;
        return await AppendAsync(table, writer, commits);
    }

    /// <summary>Returns the process's exit code.</summary>
    public static async Task<int> AppendAsync(DeltaTable table, int writer, int commits)
    {
        for (var i = 0; i < commits; i++)
        {
            await using var file = await table.OpenDataFileAsync(TestTables.KeyAndText, TestTables.NoPartitions, new DataFileOptions(), CancellationToken.None);
            file.Write(TestTables.Rows((writer * commits) + i));
            var result = await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend)
            {
                Adds = [await file.CompleteAsync(CancellationToken.None)],
                Moves = [new TxnMove($"writer/{writer}", i == 0 ? null : i, i + 1)],
            }, CancellationToken.None);
            if (result is CommitResult.Committed) continue;
            await Console.Error.WriteLineAsync($"writer {writer}, commit {i}: {result}");
            return 1;
        }

        await table.PendingCheckpoint;
        return table.CheckpointFailure is null ? 0 : 2;
    }
}
