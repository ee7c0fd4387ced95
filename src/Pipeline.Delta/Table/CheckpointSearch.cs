using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Table;

/// <summary>
/// Finds the newest checkpoint that can be read. One that cannot is passed over: the commits, and older checkpoints, say the
/// same.
/// </summary>
internal sealed class CheckpointSearch(IObjectStore store, string directory, long? upTo)
{
    private readonly HashSet<string> _damaged = new(StringComparer.Ordinal);

    /// <summary>What was wrong with the newest one.</summary>
    public PipelineException? Damage { get; private set; }

    /// <summary>The version of the newest one that is damaged: a table that ends before it is not whole.</summary>
    public long DamagedVersion { get; private set; } = -1;

    /// <summary>What a checkpoint of the listing says; null when there is none that can be read.</summary>
    public async ValueTask<SnapshotBuilder?> ReadAsync(LogListing log, CancellationToken cancellationToken)
    {
        foreach (var parts in log.Checkpoints(upTo))
        {
            if (parts.Any(part => _damaged.Contains(part.Path))) continue;
            var builder = new SnapshotBuilder(directory);
            try
            {
                foreach (var part in parts) await CheckpointReader.ReadAsync(store, part, builder, cancellationToken);
                if (builder.IsComplete) return builder;
                throw ParquetSource.Damaged(store, parts[0].Path, $"the checkpoint of version {parts[0].Version}", "it has no protocol or no metadata");
            }
            catch (PipelineException e) when (CanBeDoneWithout(e))
            {
                _damaged.UnionWith(parts.Select(part => part.Path));
                if (Damage is not null) continue;
                (Damage, DamagedVersion) = (e, parts[0].Version);
            }
        }

        return null;
    }

    /// <summary>
    /// Whether what failed is this object alone: damaged, gone, or not for us to read, as one that another user has written.
    /// Where all is refused, the commits are next to say so. A store that is away is waited for.
    /// </summary>
    public static bool CanBeDoneWithout(PipelineException fault) => fault.Kind is FaultKind.Damaged or FaultKind.Missing or FaultKind.NotAuthorised;
}
