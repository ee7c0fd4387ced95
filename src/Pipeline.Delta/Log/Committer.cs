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
    private const int AttemptsMax = 200;

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
        var attempts = new CommitAttempts(transaction, start, table, log);
        PipelineException? lastFault = null;
        for (var attempt = 0; attempt < AttemptsMax; attempt++)
        {
            try
            {
                if (await attempts.TryAsync(cancellationToken) is { } result) return result;
            }
            catch (PipelineException e) when (e.Kind == FaultKind.Unreachable)
            {
                // Whatever had been sent may have arrived: the same attempt is made again, under its own id.
                lastFault = e;
            }

            await Backoff.WaitAsync(attempt, cancellationToken);
        }

        throw new PipelineException(FaultKind.Unreachable, $"Table {table.Path}", $"its next version could not be written in {AttemptsMax} attempts",
            lastFault is null ? "Look for too many writers of this table." : lastFault.Message, lastFault);
    }
}

/// <summary>The attempts to write one transaction, from the first to the one that settles it.</summary>
internal sealed class CommitAttempts(Transaction transaction, Snapshot start, DeltaTable table, LogReader log)
{
    /// <summary>Reads that fail on the way to the end of the log; what was read stays read.</summary>
    private const int RefreshesMax = 20;

    private readonly Guid _id = Guid.NewGuid();
    private readonly ConflictCheck _conflicts = new(table, log, transaction, start);
    private Snapshot _snapshot = table.Current;

    /// <summary>Whether <see cref="_snapshot"/> was the newest when this transaction looked last.</summary>
    private bool _isNewest;

    /// <summary>Whether another writer has made the version after <see cref="_snapshot"/>.</summary>
    private bool _hasLost;

    /// <summary>Null when nothing is settled, and another attempt may.</summary>
    /// <exception cref="PipelineException">When it is <see cref="FaultKind.Unreachable"/>, another attempt may be made.</exception>
    public async ValueTask<CommitResult?> TryAsync(CancellationToken cancellationToken)
    {
        // After the pause between attempts, so that what we build on is as new as can be.
        if (_hasLost) await RefreshAsync(cancellationToken);
        while (await _conflicts.FindAsync(_snapshot, cancellationToken) is { } conflict)
        {
            // What we know may be old, and the transaction right: look before refusing.
            if (_isNewest) return conflict;
            await RefreshAsync(cancellationToken);
        }

        var version = _snapshot.Version + 1;
        var actions = TransactionActions.Build(table.Path, transaction, _snapshot, _id, LogTime.Now(table.Time));
        switch (await PutAsync(version, actions, cancellationToken))
        {
            case PutOutcome.Created:
                var builder = new SnapshotBuilder(table.Path, _snapshot);
                builder.ApplyCommit(version, LogTime.Now(table.Time), actions);
                var committed = builder.Build();
                table.Publish(committed);
                return new CommitResult.Committed(committed);
            case PutOutcome.Exists:
                _hasLost = true;
                return null;
            default:
                return null;
        }
    }

    private async ValueTask RefreshAsync(CancellationToken cancellationToken)
    {
        for (var refresh = 1; ; refresh++)
        {
            try
            {
                _snapshot = await table.RefreshAsync(cancellationToken);
                break;
            }
            catch (PipelineException e) when (e.Kind == FaultKind.Unreachable && refresh < RefreshesMax)
            {
                await Backoff.WaitAsync(attempt: 0, cancellationToken);
            }
        }

        _isNewest = true;
        _hasLost = false;
    }

    /// <summary>Ambiguous: nothing is there yet, and what was sent may still arrive.</summary>
    private async ValueTask<PutOutcome> PutAsync(long version, IReadOnlyList<DeltaAction> actions, CancellationToken cancellationToken)
    {
        var path = LogNames.Commit(table.Path, version);
        var outcome = await table.Store.PutIfAbsentAsync(path, ActionWriter.Write(actions), cancellationToken);
        if (outcome == PutOutcome.Created) return outcome;

        // "Exists" may be an earlier attempt of ours whose answer was lost, here or below us in the store's client.
        if (await log.TryReadCommitAsync(version, cancellationToken) is not { } found) return PutOutcome.Ambiguous;
        return found.OfType<CommitInfo>().FirstOrDefault()?.TxnId == _id ? PutOutcome.Created : PutOutcome.Exists;
    }
}

/// <summary>Pauses between attempts: twice as long each time up to a limit, and at random below it, so that writers part.</summary>
internal static class Backoff
{
    private const double MinMilliseconds = 2;
    private const double MaxMilliseconds = 100;

    /// <param name="attempt">From 0.</param>
    public static Task WaitAsync(int attempt, CancellationToken cancellationToken)
    {
        var ceiling = Math.Min(MaxMilliseconds, MinMilliseconds * Math.Pow(2, Math.Min(attempt, 16)));
        return Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.NextDouble() * ceiling), cancellationToken);
    }
}
