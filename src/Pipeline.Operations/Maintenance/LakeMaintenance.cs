using System.Text.Json;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Operations.Maintenance;

/// <summary>When a lake was last cared for, and what that has done: kept in the lake, so that whichever node does it next goes on from there.</summary>
/// <param name="CompactedAt">When small files were last put together.</param>
/// <param name="VacuumedAt">When what nobody needs was last deleted; null: never.</param>
/// <param name="FilesPutTogether">By that compaction.</param>
/// <param name="FilesDeleted">By that vacuum.</param>
public sealed record LakeMaintenance(DateTimeOffset CompactedAt, DateTimeOffset? VacuumedAt, long FilesPutTogether, long FilesDeleted, long BytesDeleted)
{
    public const string Path = "_pipeline/maintenance.json";

    /// <summary>Null: it never was, or what is there says nothing: it is cared for then.</summary>
    /// <exception cref="PipelineException">The store fails.</exception>
    public static async ValueTask<LakeMaintenance?> TryReadAsync(IObjectStore store, CancellationToken cancellationToken)
    {
        if (await store.TryGetAsync(Path, cancellationToken) is not { } content) return null;
        try
        {
            return JsonSerializer.Deserialize<LakeMaintenance>(content, JsonSerializerOptions.Web);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public ValueTask WriteAsync(IObjectStore store, CancellationToken cancellationToken) => store.PutAsync(Path, JsonSerializer.SerializeToUtf8Bytes(this, JsonSerializerOptions.Web), cancellationToken);
}
