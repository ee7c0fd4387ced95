using System.Collections.Immutable;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Transform.Jobs.Rebuild;

/// <summary>How far a rebuild has come, in the lake until it is over.</summary>
/// <param name="Id">What tells it from others, whose half built tables may be of rows of before. Null: one of a release before.</param>
/// <param name="IsFollowing">It was begun because the configuration has changed, and is ended by whoever follows that.</param>
internal sealed record RebuildProgress(TableId Table, ImmutableArray<TableId> All, ImmutableHashSet<TableId> Done, bool IsFollowing = false, string? Id = null)
{
    /// <summary>That of a rebuild that was cut off and had the same tables, or a new one.</summary>
    public static async ValueTask<RebuildProgress> BeginAsync(IObjectStore store, TableId table, IReadOnlyList<TableId> all, bool isFollowing, CancellationToken cancellationToken)
    {
        var kept = await TryFindAsync(store, table, cancellationToken);
        var progress = kept?.All.SequenceEqual(all) == true ? kept : new RebuildProgress(table, [.. all], []);
        if (progress.Id is not null && (!isFollowing || progress.IsFollowing)) return progress;
        // At once: when the first table is made its log shows no change any more.
        progress = progress with { IsFollowing = progress.IsFollowing || isFollowing, Id = progress.Id ?? Guid.NewGuid().ToString("N") };
        await progress.KeepAsync(store, cancellationToken);
        return progress;
    }

    /// <summary>That of a rebuild that goes on, or was cut off; null: there is none.</summary>
    public static async ValueTask<RebuildProgress?> TryFindAsync(IObjectStore store, TableId table, CancellationToken cancellationToken) =>
        await store.TryGetAsync(PathOf(table), cancellationToken) is { } kept ? TryRead(kept) : null;

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
