using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Places;

/// <summary>
/// A lake some of whose tables lie in locations of their own: one store, in which each path is where it would be in the lake. What is below a
/// table goes to that table's store, all else to the lake's. Where a table lies is written in the lake before its first version, and never
/// changes: what the configuration says counts for tables that are not there yet.
/// </summary>
public sealed class PlacedStore : IObjectStore
{
    private static readonly string[] Layers = ["bronze/", "silver/", "gold/"];

    private readonly IObjectStore _home;
    private readonly Func<NamedLocation, IObjectStore> _open;

    private readonly ConcurrentDictionary<string, IObjectStore> _byAddress = new(StringComparer.Ordinal);

    /// <summary>The stores of tables whose place is known and so can no longer change.</summary>
    private readonly ConcurrentDictionary<string, IObjectStore> _byDirectory = new(StringComparer.Ordinal);

    /// <param name="home">The lake itself.</param>
    /// <param name="open">Opens a location's store.</param>
    public PlacedStore(IObjectStore home, TablePlaces places, Func<NamedLocation, IObjectStore> open) => (_home, Places, _open) = (home, places, open);

    public string Location => _home.Location;

    /// <summary>Where tables are made that are not there yet.</summary>
    public TablePlaces Places { get; }

    /// <summary>The lake itself.</summary>
    internal IObjectStore Home => _home;

    /// <summary>The same, telling what any of its stores does not answer, each for itself.</summary>
    internal PlacedStore Watching(WaitWatch waits) => new(new WatchedStore(_home, waits), Places, location => new WatchedStore(_open(location), waits));

    /// <summary>Decides where a table is made, if nobody has yet. Call it before its first version is written.</summary>
    /// <param name="lakeId">Of this lake, whose locations are no other's.</param>
    /// <exception cref="PipelineException">The location is another lake's or in no configuration, the table is in the lake already, or a store fails.</exception>
    public async ValueTask FixAsync(TableId table, string lakeId, CancellationToken cancellationToken)
    {
        var directory = table.ToString();
        if (_byDirectory.TryGetValue(directory, out var known) && known == _home) return;
        var place = await TablePlace.TryReadAsync(_home, directory, cancellationToken);
        if (place is null)
        {
            var chosen = await ChooseAsync(table, cancellationToken);
            if (chosen.IsElsewhere) await ClaimAsync(StoreOf(directory, chosen), chosen.Address!, lakeId, cancellationToken);
            place = await chosen.WriteAsync(_home, directory, cancellationToken);
        }

        var store = StoreOf(directory, place);
        if (place.IsElsewhere)
        {
            await LocationOwner.RequireAsync(store, lakeId, cancellationToken);
            // A node that knows no locations may have made it at the same moment.
            if (await IsInLakeAsync(directory, cancellationToken))
                throw new PipelineException(FaultKind.Invalid, $"Table {directory}", $"it is in the lake {_home.Location} itself, and by _pipeline/places/{directory}.json it lies in {place.Address}",
                    "Give all nodes the same configuration; then delete that object, and the table stays in the lake.");
        }

        _byDirectory[directory] = store;
    }

    /// <summary>Asks whether the location is there of a table that was not found: one that went away under a running node has no table either.</summary>
    /// <exception cref="PipelineException">It has lost what it had, or fails.</exception>
    internal async ValueTask RequireThereAsync(string directory, CancellationToken cancellationToken)
    {
        if (_byDirectory.TryGetValue(directory, out var store) && store != _home) await LocationOwner.RequireAsync(store, lakeId: null, cancellationToken);
    }

    /// <summary>Where a table lies; null: it is not there, and nobody has begun to make it.</summary>
    /// <exception cref="PipelineException">The lake's own store fails, or nobody can read what is there.</exception>
    public async ValueTask<TablePlace?> PlaceOfAsync(TableId table, CancellationToken cancellationToken) => await TablePlace.TryReadAsync(_home, table.ToString(), cancellationToken)
        ?? (await IsInLakeAsync(table.ToString(), cancellationToken) ? TablePlace.InLake : null);

    /// <summary>A location's store.</summary>
    public IObjectStore StoreOf(NamedLocation location) => _byAddress.GetOrAdd(location.Address, _ => _open(location));

    /// <summary>Tables that lie elsewhere, in the order of paths; those too whose place nobody can read.</summary>
    /// <exception cref="PipelineException">The lake's own store fails.</exception>
    internal async ValueTask<IReadOnlyList<string>> ElsewhereAsync(CancellationToken cancellationToken)
    {
        var elsewhere = new List<string>();
        foreach (var directory in await TablePlace.DirectoriesAsync(_home, cancellationToken))
        {
            try
            {
                if (!_byDirectory.TryGetValue(directory, out var known) && await TablePlace.TryReadAsync(_home, directory, cancellationToken) is { IsElsewhere: false }) _byDirectory[directory] = known = _home;
                if (known != _home) elsewhere.Add(directory);
            }
            catch (PipelineException e) when (e.Kind == FaultKind.Damaged)
            {
                elsewhere.Add(directory);
            }
        }

        return elsewhere;
    }

    public ValueTask<IObjectStore> StoreOfAsync(string path, CancellationToken cancellationToken) => OfAsync(path, cancellationToken);

    public string LocationOf(string path) => Known(path).Location;

    public string? LocalPath(string path) => Known(path).LocalPath(path);

    public async ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) =>
        await (await OfAsync(path, cancellationToken)).PutIfAbsentAsync(path, content, cancellationToken);

    public async ValueTask PutAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) =>
        await (await OfAsync(path, cancellationToken)).PutAsync(path, content, cancellationToken);

    public async ValueTask<ObjectUpload> OpenUploadAsync(string path, CancellationToken cancellationToken) =>
        await (await OfAsync(path, cancellationToken)).OpenUploadAsync(path, cancellationToken);

    public async ValueTask<byte[]?> TryGetAsync(string path, CancellationToken cancellationToken) =>
        await (await OfAsync(path, cancellationToken)).TryGetAsync(path, cancellationToken);

    public async ValueTask<ObjectInfo?> TryStatAsync(string path, CancellationToken cancellationToken) =>
        await (await OfAsync(path, cancellationToken)).TryStatAsync(path, cancellationToken);

    public async ValueTask<byte[]> GetRangeAsync(string path, long offset, int length, CancellationToken cancellationToken) =>
        await (await OfAsync(path, cancellationToken)).GetRangeAsync(path, offset, length, cancellationToken);

    public async ValueTask DeleteAsync(string path, CancellationToken cancellationToken) =>
        await (await OfAsync(path, cancellationToken)).DeleteAsync(path, cancellationToken);

    public async ValueTask AbandonAsync(UnfinishedUpload upload, CancellationToken cancellationToken) =>
        await (await OfAsync(upload.Path, cancellationToken)).AbandonAsync(upload, cancellationToken);

    /// <summary>A table's paths stand together in the order of all paths, so that each location is listed where its tables come.</summary>
    public async IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, string? startAt, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (own, placed) = await PlacedBelowAsync(prefix, cancellationToken);
        await using var rest = own.ListAsync(prefix, startAt, cancellationToken).GetAsyncEnumerator(cancellationToken);
        var isMore = await rest.MoveNextAsync();
        foreach (var (directory, store) in placed)
        {
            // '0' follows '/': the first path that is not below the directory.
            if (startAt is not null && string.CompareOrdinal(startAt, directory + "0") >= 0) continue;
            for (; isMore && string.CompareOrdinal(rest.Current.Path, directory + "/") < 0; isMore = await rest.MoveNextAsync()) yield return rest.Current;
            // What the lake itself has there is not of the table.
            while (isMore && rest.Current.Path.StartsWith(directory + "/", StringComparison.Ordinal)) isMore = await rest.MoveNextAsync();
            await foreach (var found in store.ListAsync(directory + "/", startAt, cancellationToken)) yield return found;
        }

        for (; isMore; isMore = await rest.MoveNextAsync()) yield return rest.Current;
    }

    public async IAsyncEnumerable<UnfinishedUpload> ListUnfinishedAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (own, placed) = await PlacedBelowAsync(prefix, cancellationToken);
        await foreach (var found in own.ListUnfinishedAsync(prefix, cancellationToken))
            if (!placed.Exists(table => found.Path.StartsWith(table.Directory + "/", StringComparison.Ordinal))) yield return found;
        foreach (var (directory, store) in placed)
            await foreach (var found in store.ListUnfinishedAsync(directory + "/", cancellationToken)) yield return found;
    }

    /// <summary>The table that a path is below, or is the directory of; null: it is of none.</summary>
    internal static string? TableOf(string path)
    {
        if (Array.Find(Layers, layer => path.StartsWith(layer, StringComparison.Ordinal)) is not { } layer) return null;
        var end = path.IndexOf('/', layer.Length);
        if (layer == "bronze/" && end >= 0) end = path.IndexOf('/', end + 1);
        else if (layer == "bronze/") return null;
        return end < 0 ? path : path[..end];
    }

    /// <summary>The store that a prefix is asked of, and the tables below it that lie elsewhere, in the order of paths.</summary>
    private async ValueTask<(IObjectStore Store, List<(string Directory, IObjectStore Store)> Placed)> PlacedBelowAsync(string prefix, CancellationToken cancellationToken)
    {
        if (TableOf(prefix) is { } table && prefix.Length > table.Length) return (await OfAsync(prefix, cancellationToken), []);
        var placed = new List<(string, IObjectStore)>();
        if (!Array.Exists(Layers, layer => layer.StartsWith(prefix, StringComparison.Ordinal) || prefix.StartsWith(layer, StringComparison.Ordinal))) return (_home, placed);
        foreach (var directory in await TablePlace.DirectoriesAsync(_home, cancellationToken))
            if (directory.StartsWith(prefix, StringComparison.Ordinal) && await OfAsync(directory + "/", cancellationToken) is var store && store != _home) placed.Add((directory, store));
        return (_home, placed);
    }

    /// <summary>Of a table that was asked for before, or whose place a directory tells at once.</summary>
    private IObjectStore Known(string path)
    {
        if (TableOf(path) is not { } table) return _home;
        if (_byDirectory.TryGetValue(table, out var store)) return store;
        if (_home.LocalPath($"{table}/_delta_log") is { } log)
        {
            var read = TablePlace.TryReadAsync(_home, table, CancellationToken.None);
            if (read.IsCompleted && read.Result is { } place) return StoreOf(table, place);
            if (Directory.Exists(log)) return _home;
        }

        return TableNames.BesideOf(table) is { } beside ? Known(beside) : _home;
    }

    private ValueTask<IObjectStore> OfAsync(string path, CancellationToken cancellationToken)
    {
        RequireStraight(path);
        if (TableOf(path) is not { } table) return new(_home);
        return _byDirectory.TryGetValue(table, out var store) ? new(store) : LookUpAsync(table, cancellationToken);
    }

    private async ValueTask<IObjectStore> LookUpAsync(string directory, CancellationToken cancellationToken)
    {
        if (await TablePlace.TryReadAsync(_home, directory, cancellationToken) is { } place)
        {
            var store = StoreOf(directory, place);
            if (place.IsElsewhere) await LocationOwner.RequireAsync(store, lakeId: null, cancellationToken);
            return _byDirectory[directory] = store;
        }

        if (await IsInLakeAsync(directory, cancellationToken)) return _byDirectory[directory] = _home;
        // One that is not there yet may be made elsewhere: it is looked up again. What stands beside a table has files before it has a log.
        return TableNames.BesideOf(directory) is { } beside ? await OfAsync(beside + "/", cancellationToken) : _home;
    }

    /// <summary>A location becomes the lake's with its first table. Where others lie already it must be theirs still: made the lake's anew, an empty place would pass for theirs.</summary>
    private async ValueTask ClaimAsync(IObjectStore store, string address, string lakeId, CancellationToken cancellationToken)
    {
        if (_byDirectory.Values.Contains(store) || await IsInUseAsync(address, cancellationToken)) await LocationOwner.RequireAsync(store, lakeId, cancellationToken);
        else await LocationOwner.ClaimAsync(store, lakeId, cancellationToken);
    }

    /// <summary>Whether a table lies in a location, by what the lake says of its tables.</summary>
    private async ValueTask<bool> IsInUseAsync(string address, CancellationToken cancellationToken)
    {
        foreach (var directory in await TablePlace.DirectoriesAsync(_home, cancellationToken))
        {
            try
            {
                if ((await TablePlace.TryReadAsync(_home, directory, cancellationToken))?.Address == address) return true;
            }
            catch (PipelineException e) when (e.Kind == FaultKind.Damaged)
            {
                // One that nobody can read stops its own table alone.
            }
        }

        return false;
    }

    /// <summary>Whether the lake itself has a log of it.</summary>
    private async ValueTask<bool> IsInLakeAsync(string directory, CancellationToken cancellationToken)
    {
        await foreach (var _ in _home.ListAsync($"{directory}/_delta_log/", startAt: null, cancellationToken)) return true;
        return false;
    }

    /// <summary>What stands beside a table, or is built for it, is made where the table is.</summary>
    private async ValueTask<TablePlace> ChooseAsync(TableId table, CancellationToken cancellationToken)
    {
        for (var beside = TableNames.BesideOf(table); beside is not null; beside = TableNames.BesideOf(beside))
        {
            if (await TablePlace.TryReadAsync(_home, beside.ToString(), cancellationToken) is { } its) return its;
            if (await IsInLakeAsync(beside.ToString(), cancellationToken)) return TablePlace.InLake;
        }

        return Places.Of(table) is { } location ? new TablePlace(location.Name, location.Address) : TablePlace.InLake;
    }

    /// <summary>The configuration says which places there are: an object of the lake alone leads nowhere else.</summary>
    private IObjectStore StoreOf(string directory, TablePlace place)
    {
        if (place.Address is not { } address) return _home;
        var location = Places.Locations.Values.FirstOrDefault(location => location.Address == address)
            ?? throw TablePlace.Unknown(directory, place);
        return StoreOf(location);
    }

    /// <summary>Names that go up or stand still would be another table's paths.</summary>
    private void RequireStraight(string path)
    {
        if (!path.Contains("..", StringComparison.Ordinal) && !path.Contains("./", StringComparison.Ordinal) && !path.Contains("//", StringComparison.Ordinal)) return;
        if (path.Split('/')[..^1].Contains("") || path.Split('/').Any(part => part is "." or ".."))
            throw new PipelineException(FaultKind.Invalid, $"Lake {_home.Location}", $"the path {path.ReplaceLineEndings(" ")} leads out of it", "Look who has written it: a table's log, or the configuration.");
    }
}
