using System.Text.Json;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta;

/// <summary>
/// Which tables were made in a lake, and the id that each got: an object a table beside the tables, so that one that is gone, or lies in
/// the place of another, can be told from one that was never made.
/// </summary>
public static class MadeTables
{
    private const string Directory = "_pipeline/made/";
    private const string Extension = ".json";

    /// <summary>The id of each table as it was made last.</summary>
    /// <exception cref="PipelineException">The store fails. What cannot be read there says nothing.</exception>
    public static async ValueTask<IReadOnlyDictionary<TableId, string>> FindAsync(IObjectStore store, CancellationToken cancellationToken)
    {
        var made = new Dictionary<TableId, string>();
        await foreach (var found in store.ListAsync(Directory, startAt: null, cancellationToken))
            if (TryTable(found.Path) is { } table && Parse(await store.TryGetAsync(found.Path, cancellationToken)) is { } id) made[table] = id;
        return made;
    }

    /// <summary>The tables that were made, for one listing: of each it is said after its first version, and not at all where its maker ended in between.</summary>
    /// <exception cref="PipelineException">The store fails.</exception>
    public static async ValueTask<IReadOnlySet<TableId>> ListAsync(IObjectStore store, CancellationToken cancellationToken)
    {
        var made = new HashSet<TableId>();
        await foreach (var found in store.ListAsync(Directory, startAt: null, cancellationToken))
            if (TryTable(found.Path) is { } table) made.Add(table);
        return made;
    }

    /// <summary>Says that a table was made, instead of whatever was said of one of that name.</summary>
    public static ValueTask RecordAsync(IObjectStore store, TableId table, string id, CancellationToken cancellationToken) =>
        store.PutAsync($"{Directory}{table}{Extension}", JsonSerializer.SerializeToUtf8Bytes(new Form(id)), cancellationToken);

    /// <summary>A table is gone on purpose, and not to be looked for.</summary>
    public static ValueTask ForgetAsync(IObjectStore store, TableId table, CancellationToken cancellationToken) => store.DeleteAsync($"{Directory}{table}{Extension}", cancellationToken);

    private static TableId? TryTable(string path)
    {
        if (!path.EndsWith(Extension, StringComparison.Ordinal)) return null;
        try
        {
            return TableId.Parse(path[Directory.Length..^Extension.Length]);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static string? Parse(byte[]? json)
    {
        try
        {
            return json is null ? null : JsonSerializer.Deserialize<Form>(json) is { Id.Length: > 0 } form ? form.Id : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private sealed record Form(string Id);
}
