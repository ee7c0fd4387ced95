using System.Text.Json;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Places;

/// <summary>
/// Whose tables a location has, written there before the first of them: two lakes with tables of one name would have one table between them,
/// and a directory that is not mounted, or a bucket that was emptied, would look like a table that was never made.
/// </summary>
internal static class LocationOwner
{
    private const string Path = "_pipeline/owner.json";

    /// <summary>Makes it the lake's, unless it is another's.</summary>
    /// <exception cref="PipelineException">The location is another lake's, or fails.</exception>
    public static async ValueTask ClaimAsync(IObjectStore store, string lakeId, CancellationToken cancellationToken)
    {
        await store.PutIfAbsentAsync(Path, JsonSerializer.SerializeToUtf8Bytes(new Form(lakeId)), cancellationToken);
        await RequireAsync(store, lakeId, cancellationToken);
    }

    /// <param name="lakeId">Null: of whatever lake, if only it is there.</param>
    /// <exception cref="PipelineException">The location is another lake's, has lost what it had, or fails.</exception>
    public static async ValueTask RequireAsync(IObjectStore store, string? lakeId, CancellationToken cancellationToken)
    {
        var there = await store.TryGetAsync(Path, cancellationToken) ?? throw new PipelineException(FaultKind.Unreachable, $"Location {store.Location}",
            $"its {Path} is not there, which was written before its first table: it is not mounted, or was emptied", "Bring back what it had: its tables stand still until then, and no other does.");
        if (Parse(there) is not { } owner)
            throw new PipelineException(FaultKind.Damaged, $"Object {Path} in {store.Location}", "it does not say which lake's tables are there", "Restore it from a backup of the location.");
        if (lakeId is not null && owner != lakeId)
            throw new PipelineException(FaultKind.Invalid, $"Location {store.Location}", $"it has tables of the lake {owner}, and this is {lakeId}", "Give each lake locations of its own: pipeline.locations.");
    }

    private static string? Parse(byte[] json)
    {
        try
        {
            return JsonSerializer.Deserialize<Form>(json) is { Lake.Length: > 0 } form ? form.Lake : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private sealed record Form(string Lake);
}
