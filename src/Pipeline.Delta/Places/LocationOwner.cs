using System.Text.Json;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Places;

/// <summary>
/// Whose tables a location has, written there before the first of them: two lakes with tables of one name would have one table between them,
/// and a directory that is not mounted, or a bucket that was emptied, would look like a table that was never made.
/// </summary>
public static class LocationOwner
{
    private const string Path = "_pipeline/owner.json";

    /// <summary>Makes it the lake's, unless it is another's.</summary>
    /// <exception cref="PipelineException">The location is another lake's, or fails.</exception>
    public static async ValueTask ClaimAsync(IObjectStore store, string lakeId, CancellationToken cancellationToken)
    {
        await store.PutIfAbsentAsync(Path, JsonSerializer.SerializeToUtf8Bytes(new Form(lakeId)), cancellationToken);
        await RequireAsync(store, lakeId, cancellationToken);
    }

    /// <summary>The lake that it has tables of; null: nobody has made any there.</summary>
    /// <exception cref="PipelineException">The location does not say it, or fails.</exception>
    public static async ValueTask<string?> TryReadAsync(IObjectStore store, CancellationToken cancellationToken)
    {
        if (await store.TryGetAsync(Path, cancellationToken) is not { } there) return null;
        return Parse(there) ?? throw new PipelineException(FaultKind.Damaged, $"Object {Path} in {store.Location}", "it does not say which lake's tables are there", "Restore it from a backup of the location.");
    }

    /// <summary>Of a location that has tables.</summary>
    /// <param name="lakeId">Null: of whatever lake, if only it is there.</param>
    /// <exception cref="PipelineException">The location is another lake's, has lost what it had, or fails.</exception>
    public static async ValueTask RequireAsync(IObjectStore store, string? lakeId, CancellationToken cancellationToken)
    {
        var owner = await TryReadAsync(store, cancellationToken) ?? throw new PipelineException(FaultKind.Missing, $"Location {store.Location}",
            $"its {Path} is not there, which was written before its first table: it is not mounted, or was emptied", "Bring back what it had: its tables stand still until then, and no other does.");
        if (lakeId is not null && owner != lakeId) throw OfAnother(store, owner, lakeId);
    }

    /// <summary>Of a location that may have no table yet.</summary>
    /// <param name="lakeId">Null: the lake has made no table beside it.</param>
    /// <exception cref="PipelineException">The location is another lake's, or fails.</exception>
    public static async ValueTask RequireNoOtherAsync(IObjectStore store, string? lakeId, CancellationToken cancellationToken)
    {
        if (await TryReadAsync(store, cancellationToken) is { } owner && owner != lakeId) throw OfAnother(store, owner, lakeId ?? "one without an id");
    }

    private static PipelineException OfAnother(IObjectStore store, string owner, string lake) =>
        new(FaultKind.Invalid, $"Location {store.Location}", $"it has tables of the lake {owner}, and this is {lake}", "Give each lake locations of its own: pipeline.locations.");

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
