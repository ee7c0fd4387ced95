using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Table;

/// <summary>
/// Writes transactions as the next version. One at a time in this process; other processes race, and the loser looks at
/// what the winners did before it tries again. Only lost races are tried again here: a store that is away is waited for by
/// whoever wants the commit.
/// </summary>
internal sealed class Committer(TableHandle table)
{
    /// <summary>Short and all chance: writers that met once shall not meet again.</summary>
    private static readonly RetryPolicy Races = new()
    {
        BackoffMin = TimeSpan.FromMilliseconds(2), BackoffMax = TimeSpan.FromMilliseconds(100), Jitter = 1, AttemptsMax = 200,
    };

    private readonly SemaphoreSlim _committing = new(1, 1);

    public async ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken)
    {
        var start = table.Current;
        await _committing.WaitAsync(cancellationToken);
        try
        {
            var attempts = new CommitAttempts(transaction, start, table);
            return await Races.RunAsync(table.Time, attempts.TryAsync, cancellationToken, isAgain: result => result is null, isTransient: _ => false)
                ?? throw new PipelineException(FaultKind.Unreachable, $"Table {table.Path}",
                    $"its next version could not be written: other writers came first {Races.AttemptsMax} times", "Look for too many writers of this table.");
        }
        finally
        {
            _committing.Release();
        }
    }
}

/// <summary>The attempts to write one transaction, from the first to the one that settles it.</summary>
internal sealed class CommitAttempts(Transaction transaction, Snapshot start, TableHandle table)
{
    /// <summary>
    /// A write whose answer was lost, which no layer below may repeat: only its id tells whether it arrived. Within the time
    /// that the store gives a single request.
    /// </summary>
    private static readonly RetryPolicy LostAnswers = new()
    {
        BackoffMin = TimeSpan.FromMilliseconds(20), BackoffMax = TimeSpan.FromSeconds(1), AttemptsMax = 8, TimeMax = TimeSpan.FromSeconds(10),
    };

    private readonly Guid _id = Guid.NewGuid();
    private readonly ConflictCheck _conflicts = new(table.Path, table.Log.TryReadEffectAsync, transaction, start);
    private Snapshot _snapshot = table.Current;

    /// <summary>Whether <see cref="_snapshot"/> was the newest when this transaction looked last.</summary>
    private bool _isNewest;

    /// <summary>Whether another writer has made the version after <see cref="_snapshot"/>.</summary>
    private bool _hasLost;

    /// <summary>Null when another writer has made the version: another attempt may make the next one.</summary>
    /// <exception cref="PipelineException">After <see cref="FaultKind.Unreachable"/> the commit may have happened.</exception>
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

        // A writer that slept longer than the log is kept finds the number behind its version free again: nobody is refused there.
        if (!await table.Log.IsKeptAsync(_snapshot, cancellationToken))
        {
            _hasLost = true;
            return null;
        }

        var version = _snapshot.Version + 1;
        var actions = TransactionActions.Build(table.Path, transaction, _snapshot, _id, LogTime.Now(table.Time));
        switch (await PutAsync(version, actions, cancellationToken))
        {
            case PutOutcome.Created when !await table.Log.IsKeptAsync(_snapshot, cancellationToken):
                return await SettleAsync(cancellationToken);
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
                throw new PipelineException(FaultKind.Unreachable, $"Table {table.Path}", $"version {version} could not be written: the store answers no write",
                    $"Check {table.Store.Location}.") { Dependency = $"Lake {table.Store.Location}" };
        }
    }

    /// <summary>
    /// The log was cleaned up around the write: whether before it, so that it went where nobody reads, or after, the table says
    /// if it still has one of the files.
    /// </summary>
    private async ValueTask<CommitResult> SettleAsync(CancellationToken cancellationToken)
    {
        await RefreshAsync(cancellationToken);
        if (transaction.Adds.Any(add => _snapshot.FilesByPath.ContainsKey(add.Path))) return new CommitResult.Committed(_snapshot);
        throw new PipelineException(FaultKind.Unreachable, $"Table {table.Path}",
            $"its log was cleaned up while version {_snapshot.Version + 1} was written", "Nothing to do: it is looked up where the table stands.");
    }

    private async ValueTask RefreshAsync(CancellationToken cancellationToken)
    {
        _snapshot = await table.RefreshAsync(cancellationToken);
        _isNewest = true;
        _hasLost = false;
    }

    /// <summary>Ambiguous: whatever had been sent may still arrive.</summary>
    private Task<PutOutcome> PutAsync(long version, IReadOnlyList<DeltaAction> actions, CancellationToken cancellationToken) =>
        LostAnswers.RunAsync(table.Time, cancel => PutOnceAsync(version, actions, cancel), cancellationToken,
            isAgain: outcome => outcome == PutOutcome.Ambiguous, isTransient: _ => false);

    private async ValueTask<PutOutcome> PutOnceAsync(long version, IReadOnlyList<DeltaAction> actions, CancellationToken cancellationToken)
    {
        try
        {
            var outcome = await table.Store.PutIfAbsentAsync(LogNames.Commit(table.Path, version), ActionWriter.Write(actions), cancellationToken);
            if (outcome == PutOutcome.Created) return outcome;
        }
        catch (PipelineException e) when (e.Kind == FaultKind.Unreachable)
        {
            // It may have arrived all the same.
        }

        // "Exists" may be an earlier attempt of ours whose answer was lost, here or below us in the store's client.
        if (await table.Log.TryReadCommitAsync(version, cancellationToken) is not { } found) return PutOutcome.Ambiguous;
        return found.OfType<CommitInfo>().FirstOrDefault()?.TxnId == _id ? PutOutcome.Created : PutOutcome.Exists;
    }
}
