using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Table;

namespace Pipeline.Delta;

/// <summary>The commits of a table one by one, for those who look at a log that may be damaged: each can be read or not for itself.</summary>
/// <param name="directory">The table's, below the store's root.</param>
public sealed class TableLog(IObjectStore store, string directory)
{
    private readonly LogReader _log = new(store, directory, NullLogger.Instance);

    /// <summary>The versions whose commits are there, in order.</summary>
    /// <exception cref="PipelineException">The store fails, or a directory is in a commit's place.</exception>
    public async ValueTask<IReadOnlyList<long>> CommitsAsync(CancellationToken cancellationToken) =>
        [.. (await _log.ListAsync(0, cancellationToken)).Commits.Select(commit => commit.Version)];

    /// <summary>What a commit did; null: it is not there.</summary>
    /// <exception cref="PipelineException">It is damaged, or the store fails.</exception>
    public ValueTask<IReadOnlyList<DeltaAction>?> TryReadAsync(long version, CancellationToken cancellationToken) => _log.TryReadCommitAsync(version, cancellationToken);
}
