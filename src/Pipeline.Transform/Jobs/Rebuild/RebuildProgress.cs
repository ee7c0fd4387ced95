using System.Collections.Immutable;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Transform.Jobs.Rebuild;

/// <summary>How far a rebuild has come, in the lake until it is over.</summary>
/// <param name="Building">The fingerprint of what is being built of the next Silver table; null: nothing yet.</param>
internal sealed record RebuildProgress(TableId Table, ImmutableArray<TableId> All, ImmutableHashSet<TableId> Done, string? Building = null)
{
    /// <summary>That of a rebuild that was cut off and had the same tables, or a new one.</summary>
    public static async ValueTask<RebuildProgress> BeginAsync(IObjectStore store, TableId table, IReadOnlyList<TableId> all, CancellationToken cancellationToken)
    {
        if (await store.TryGetAsync(PathOf(table), cancellationToken) is { } kept && TryRead(kept) is { } progress && progress.All.SequenceEqual(all)) return progress;
        return new RebuildProgress(table, [.. all], []);
    }

    public ValueTask KeepAsync(IObjectStore store, CancellationToken cancellationToken) => store.PutAsync(PathOf(Table), JsonSerializer.SerializeToUtf8Bytes(this, Json.Options), cancellationToken);

    public ValueTask EndAsync(IObjectStore store, CancellationToken cancellationToken) => store.DeleteAsync(PathOf(Table), cancellationToken);

    private static string PathOf(TableId table) => $"_pipeline/rebuild-{table.ToString().Replace('/', '.')}.json";

    /// <summary>One that cannot be read is begun anew.</summary>
    private static RebuildProgress? TryRead(byte[] utf8)
    {
        try
        {
            return JsonSerializer.Deserialize<RebuildProgress>(utf8, Json.Options);
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            return null;
        }
    }
}
