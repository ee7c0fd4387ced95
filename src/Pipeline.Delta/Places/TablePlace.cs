using System.Text.Json;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Places;

/// <summary>Where a table was made: an object a table in the lake, written once, before the table's first version. A table without one is in the lake itself.</summary>
/// <param name="Location">The name that its location had then; <see cref="TablePlaces.Lake"/>: the lake itself.</param>
/// <param name="Address">Of its location; null: the lake itself.</param>
public sealed record TablePlace(string Location, string? Address)
{
    public static readonly TablePlace InLake = new(TablePlaces.Lake, Address: null);

    private const string Directory = "_pipeline/places/";
    private const string Extension = ".json";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    /// <summary>Whether the table lies beside the lake.</summary>
    public bool IsElsewhere => Address is not null;

    /// <summary>Whether a lake whose locations nobody knows may have tables elsewhere: of a directory it can be said without asking long, of a bucket by its configuration alone.</summary>
    public static bool MayBeAny(IObjectStore home) => home.LocalPath(Directory) is { } local && System.IO.Directory.Exists(local);

    /// <summary>Directories of the tables whose place is written, in the order of paths.</summary>
    /// <exception cref="PipelineException">The store fails.</exception>
    public static async ValueTask<IReadOnlyList<string>> DirectoriesAsync(IObjectStore home, CancellationToken cancellationToken)
    {
        var directories = new List<string>();
        await foreach (var found in home.ListAsync(Directory, startAt: null, cancellationToken))
            if (found.Path.EndsWith(Extension, StringComparison.Ordinal) && found.Path[Directory.Length..^Extension.Length] is var directory && directory.Split('/') is ["bronze", _, _] or ["silver" or "gold", _])
                directories.Add(directory);
        directories.Sort((a, b) => string.CompareOrdinal(a + "/", b + "/"));
        return directories;
    }

    /// <summary>Null: none is written.</summary>
    /// <param name="directory">The table's.</param>
    /// <exception cref="PipelineException">The store fails, or nobody can read what is there.</exception>
    public static async ValueTask<TablePlace?> TryReadAsync(IObjectStore home, string directory, CancellationToken cancellationToken)
    {
        if (await home.TryGetAsync(PathOf(directory), cancellationToken) is not { } utf8) return null;
        try
        {
            if (JsonSerializer.Deserialize<TablePlace>(utf8, Json) is { Location: { Length: > 0 } name } place && place.IsElsewhere == (name != TablePlaces.Lake)) return place;
        }
        catch (JsonException)
        {
            // Told below.
        }

        throw new PipelineException(FaultKind.Damaged, $"Object {PathOf(directory)} in {home.Location}", $"it does not say where table {directory} lies", "Restore it from a backup of the bucket.");
    }

    /// <summary>For those who know no locations, before they say that a table is not there, and when they have made one.</summary>
    /// <exception cref="PipelineException">It is made elsewhere, or the store fails.</exception>
    internal static async ValueTask RequireNoneAsync(IObjectStore home, string directory, CancellationToken cancellationToken)
    {
        if (await TryReadAsync(home, directory, cancellationToken) is { IsElsewhere: true } place) throw Unknown(directory, place);
    }

    internal static PipelineException Unknown(string directory, TablePlace place) => new(FaultKind.Invalid, $"Table {directory}", $"it lies in {place.Address}, and no location of the configuration has this address",
        $"Give the configuration pipeline.locations.{place.Location}.location = \"{place.Address}\", and name its file with --config.");

    /// <summary>Writes it unless one is there, and says which counts.</summary>
    /// <exception cref="PipelineException">The store fails.</exception>
    internal async ValueTask<TablePlace> WriteAsync(IObjectStore home, string directory, CancellationToken cancellationToken)
    {
        await home.PutIfAbsentAsync(PathOf(directory), JsonSerializer.SerializeToUtf8Bytes(this, Json), cancellationToken);
        // Whether it became ours or another's, what is there now counts.
        return await TryReadAsync(home, directory, cancellationToken)
            ?? throw new PipelineException(FaultKind.Unreachable, $"Object {PathOf(directory)} in {home.Location}", "it was written and cannot be read yet", "Look whether something deletes objects there.");
    }

    private static string PathOf(string directory) => $"{Directory}{directory}{Extension}";
}
