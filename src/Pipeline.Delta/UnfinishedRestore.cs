using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta;

/// <summary>What stands in a lake while it is being brought back from a backup: until that is over it gets no id, and no node works on it.</summary>
public static class UnfinishedRestore
{
    /// <summary>There as long as it lasts, and after it was cut off.</summary>
    public const string Path = "_pipeline/restoring.json";

    /// <returns>Why nobody may work on the lake; null: its restore is over, or there was none.</returns>
    /// <exception cref="PipelineException">The store fails.</exception>
    public static async ValueTask<PipelineException?> FaultOfAsync(IObjectStore store, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(store);
        return await store.TryGetAsync(Path, cancellationToken) is null ? null
            : new PipelineException(FaultKind.Invalid, $"Lake {store.Location}", "it is being restored, or its restore was cut off, so that tables are missing or not whole",
                "Run './pipeline restore' again as it was begun: it goes on, and when it has ended a node may work on the lake.");
    }
}
