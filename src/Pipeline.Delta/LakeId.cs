using System.Text.Json;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta;

/// <summary>
/// What tells one lake from another, whatever its location is called: written once, by the first node that asks, and never
/// changed.
/// </summary>
internal static class LakeId
{
    internal const string Path = "_pipeline/lake.json";

    /// <summary>Null: nobody has asked for it yet.</summary>
    /// <exception cref="PipelineException">The store fails, or what is there is no id.</exception>
    public static async ValueTask<string?> TryReadAsync(IObjectStore store, CancellationToken cancellationToken) =>
        await store.TryGetAsync(Path, cancellationToken) is { } there ? Parse(store, there) : null;

    /// <exception cref="PipelineException">The store fails, what is there is no id, or the lake is being restored.</exception>
    public static async ValueTask<string> OfAsync(IObjectStore store, CancellationToken cancellationToken)
    {
        if (await TryReadAsync(store, cancellationToken) is { } there) return there;
        // A restore brings the id last.
        if (await UnfinishedRestore.FaultOfAsync(store, cancellationToken) is { } unfinished) throw unfinished;
        var id = Guid.NewGuid().ToString();
        // Whether it became ours or another's, what is there now counts.
        await store.PutIfAbsentAsync(Path, JsonSerializer.SerializeToUtf8Bytes(new Form(id)), cancellationToken);
        return await TryReadAsync(store, cancellationToken)
            ?? throw new PipelineException(FaultKind.Unreachable, $"Object {Path} in {store.Location}", "it was written and cannot be read yet", "Look whether something deletes objects there.");
    }

    private static string Parse(IObjectStore store, byte[] json)
    {
        try
        {
            if (JsonSerializer.Deserialize<Form>(json) is { Id.Length: > 0 } form) return form.Id;
        }
        catch (JsonException)
        {
            // Told below.
        }

        throw new PipelineException(FaultKind.Damaged, $"Object {Path} in {store.Location}", "it does not say which lake this is",
            "Restore it; where there is no copy, stop all nodes and delete it: the next one gives the lake a new id.");
    }

    private sealed record Form(string Id);
}
