using Pipeline.Core;
using Pipeline.Delta.Log;

namespace Pipeline.Delta.Table;

/// <summary>
/// Whether a transaction may become the version after a snapshot. Positions and removed files are compared with the
/// snapshot itself, which holds the effect of every winner; what winners did to rows is read from their commits.
/// </summary>
/// <param name="table">Its path, for errors.</param>
/// <param name="effectOf">What the commit of a version did; null: it is not in the log any more.</param>
internal sealed class ConflictCheck(string table, Func<long, CancellationToken, ValueTask<CommitEffect?>> effectOf, Transaction transaction, Snapshot start)
{
    private readonly long _readVersion = transaction.ReadVersion ?? start.Version;

    /// <summary>The last version whose commit has been looked at.</summary>
    private long _checkedVersion = transaction.ReadVersion ?? start.Version;

    /// <summary>Null when there is none.</summary>
    /// <exception cref="PipelineException">No version of this table allows the transaction.</exception>
    public async ValueTask<CommitResult?> FindAsync(Snapshot snapshot, CancellationToken cancellationToken)
    {
        CheckAllowed(snapshot);
        if (transaction.Isolation == Isolation.ReadTable && snapshot.Metadata.Id != start.Metadata.Id) return new CommitResult.Conflicted("the table was made anew", snapshot);
        foreach (var (split, epoch) in transaction.Epochs)
        {
            var actual = snapshot.Histories.EpochOf(split);
            if (actual != epoch) return new CommitResult.Refused(SplitHistory.AppIdOf(split, epoch), Expected: null, Actual: null, snapshot);
        }

        foreach (var move in transaction.Moves)
        {
            var actual = snapshot.Position(move.AppId);
            if (actual != move.From) return new CommitResult.Refused(move.AppId, move.From, actual, snapshot);
        }

        foreach (var (appId, at) in transaction.Expected)
        {
            var actual = snapshot.Position(appId);
            if (actual != at) return new CommitResult.Refused(appId, at, actual, snapshot);
        }

        foreach (var remove in transaction.Removes)
        {
            if (!snapshot.FilesByPath.ContainsKey(remove.Path))
                return new CommitResult.Conflicted($"file {remove.Path} was removed by another commit", snapshot);
        }

        while (_checkedVersion < snapshot.Version)
        {
            var version = _checkedVersion + 1;
            if (await LookAtAsync(version, cancellationToken) is { } reason) return new CommitResult.Conflicted(reason, snapshot);
            _checkedVersion = version;
        }

        return null;
    }

    private void CheckAllowed(Snapshot snapshot)
    {
        ProtocolSupport.CheckWritable(table, snapshot);
        if (transaction.Removes.Any(remove => remove.DataChange)) ProtocolSupport.CheckRowsMayGo(table, snapshot);
    }

    /// <summary>Why the commit of a version is in the way; null when it is not.</summary>
    private async ValueTask<string?> LookAtAsync(long version, CancellationToken cancellationToken)
    {
        if (await effectOf(version, cancellationToken) is not { } effect)
            return $"version {version} is not in the table's log any more, and the commit has read version {_readVersion}";
        if (effect.ChangesProtocol) return $"version {version} changed the protocol";
        if (effect.Metadata is { } metadata && !Tolerates(metadata)) return $"version {version} changed the schema or the table's properties";
        if (transaction.Isolation != Isolation.ReadTable) return null;
        if (effect.AddsRows) return $"version {version} added rows";
        return effect.RemovesRows ? $"version {version} removed rows" : null;
    }

    /// <summary>Appended rows that say which columns they have fit a table that gained other ones and is partitioned as it was.</summary>
    private bool Tolerates(MetadataAction metadata) =>
        transaction.Isolation == Isolation.BlindAppend && transaction.Schema is not null
        && metadata.PartitionColumns.SequenceEqual(start.Metadata.PartitionColumns);
}
