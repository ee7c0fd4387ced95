using System.Globalization;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Tests.Storage;

namespace Pipeline.Delta.Tests.Log;

/// <summary>One of several processes that append to a table: a row, a file and a step of its own position in each commit.</summary>
internal static class AppendingProcess
{
    /// <summary>The store is faulty and no commit waits for it: this process does.</summary>
    private static readonly RetryPolicy StoreFaults = new() { BackoffMin = TimeSpan.FromMilliseconds(1), BackoffMax = TimeSpan.FromMilliseconds(20) };

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
            var transaction = new Transaction("WRITE", Isolation.BlindAppend)
            {
                Adds = [await file.CompleteAsync(CancellationToken.None)],
                Moves = [new TxnMove($"writer/{writer}", i == 0 ? null : i, i + 1)],
            };
            if (await StoreFaults.RunAsync(TimeProvider.System, _ => CommitAsync(table, transaction), CancellationToken.None) is not { } refusal) continue;
            await Console.Error.WriteLineAsync($"writer {writer}, commit {i}: {refusal}");
            return 1;
        }

        await table.PendingCheckpoint;
        return table.CheckpointFailure is null ? 0 : 2;
    }

    /// <summary>Null when it is committed, now or by an attempt whose answer was lost: the position tells.</summary>
    private static async ValueTask<CommitResult?> CommitAsync(DeltaTable table, Transaction transaction)
    {
        var move = transaction.Moves[0];
        var snapshot = await table.RefreshAsync(CancellationToken.None);
        if (snapshot.Position(move.AppId) == move.To) return null;
        return await table.CommitAsync(transaction, CancellationToken.None) is var result and not CommitResult.Committed ? result : null;
    }
}
