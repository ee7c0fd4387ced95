using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Log;

/// <summary>
/// Writes transactions as the next version. One at a time in this process; other processes race, and the loser looks at
/// what the winners did before it tries again.
/// </summary>
internal sealed class Committer(DeltaTable table, LogReader log)
{
    /// <summary>Races lost, or answers lost, before a commit is given up.</summary>
    private const int AttemptsMax = 100;

    private static readonly TimeSpan BackoffMin = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan BackoffMax = TimeSpan.FromMilliseconds(250);

    private readonly SemaphoreSlim _committing = new(1, 1);

    public async ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken)
    {
        var start = table.Current;
        await _committing.WaitAsync(cancellationToken);
        try
        {
            return await CommitAsync(transaction, start, cancellationToken);
        }
        finally
        {
            _committing.Release();
        }
    }

    private async ValueTask<CommitResult> CommitAsync(Transaction transaction, Snapshot start, CancellationToken cancellationToken)
    {
        var id = Guid.NewGuid();
        var conflicts = new ConflictCheck(table, log, transaction, start);
        var snapshot = table.Current;
        var isNewest = false;
        for (var attempt = 0; attempt < AttemptsMax; attempt++)
        {
            if (await conflicts.FindAsync(snapshot, cancellationToken) is { } conflict)
            {
                // What we know may be old, and the transaction right: look before refusing.
                var newest = isNewest ? snapshot : await table.RefreshAsync(cancellationToken);
                isNewest = true;
                if (newest.Version == snapshot.Version) return conflict;
                snapshot = newest;
                continue;
            }

            var actions = TransactionActions.Build(table.Path, transaction, snapshot, id, LogTime.Now(table.Time));
            switch (await PutAsync(snapshot.Version + 1, id, actions, cancellationToken))
            {
                case PutOutcome.Created:
                    var builder = new SnapshotBuilder(table.Path, snapshot);
                    builder.ApplyCommit(snapshot.Version + 1, LogTime.Now(table.Time), actions);
                    var committed = builder.Build();
                    table.Publish(committed);
                    return new CommitResult.Committed(committed);
                case PutOutcome.Exists:
                    await BackOffAsync(attempt, cancellationToken);
                    var next = await table.RefreshAsync(cancellationToken);
                    if (next.Version == snapshot.Version)
                        throw new PipelineException(FaultKind.Unreachable, log.Name(LogNames.Commit(table.Path, snapshot.Version + 1)),
                            "the store says that it exists, and it cannot be read", "Try again; check the store's consistency if it stays so.");
                    snapshot = next;
                    isNewest = true;
                    break;
                default:
                    await BackOffAsync(attempt, cancellationToken);
                    break;
            }
        }

        throw new PipelineException(FaultKind.Unreachable, $"Table {table.Path}", $"its next version could not be written in {AttemptsMax} attempts",
            "Look for too many writers of this table, or for a store that does not answer.");
    }

    /// <summary>Ambiguous: nothing is there yet; the same attempt may be made again.</summary>
    private async ValueTask<PutOutcome> PutAsync(long version, Guid id, IReadOnlyList<DeltaAction> actions, CancellationToken cancellationToken)
    {
        var path = LogNames.Commit(table.Path, version);
        var outcome = await table.Store.PutIfAbsentAsync(path, ActionWriter.Write(actions), cancellationToken);
        if (outcome == PutOutcome.Created) return outcome;

        // "Exists" may be an earlier attempt of ours whose answer was lost, here or below us in the store's client.
        if (await log.TryReadCommitAsync(version, cancellationToken) is not { } found) return outcome;
        return found.OfType<CommitInfo>().FirstOrDefault()?.TxnId == id ? PutOutcome.Created : PutOutcome.Exists;
    }

    private async ValueTask BackOffAsync(int attempt, CancellationToken cancellationToken)
    {
        var ceiling = Math.Min(BackoffMax.TotalMilliseconds, BackoffMin.TotalMilliseconds * Math.Pow(2, Math.Min(attempt, 16)));
        await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.NextDouble() * ceiling), table.Time, cancellationToken);
    }
}
