using System.Text;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Places;
using Pipeline.Delta.Storage;
using Pipeline.Operations.Inspection;

namespace Pipeline.Operations.Backups;

/// <param name="Number">Which backup; null: the newest.</param>
public sealed record RestoreLakeRequest(int? Number = null);

/// <param name="At">When the backup was begun: what came after that comes from the sources, as far as they still have it.</param>
public sealed record RestoreLakeResult(int Number, DateTimeOffset At, IReadOnlyList<CopiedTable> Tables);

/// <summary>Brings a lake back from a place of backups into an empty location, in which no node runs. Cut off, it goes on when it is called again.</summary>
public static class RestoreLake
{
    /// <param name="onCopied">Told of each table that is done.</param>
    /// <exception cref="PipelineException">The location is not empty, there is no such backup, it lacks something, or something has written to a table that is not whole yet.</exception>
    public static async Task<RestoreLakeResult> RunAsync(RestoreLakeRequest request, Lake lake, IObjectStore place, TimeProvider time, Action<CopiedTable> onCopied, CancellationToken cancellationToken)
    {
        var number = request.Number ?? ((await BackupManifest.NumbersAsync(place, cancellationToken)) is [var newest, ..] ? newest
            : throw new PipelineException(FaultKind.Missing, $"Backups in {place.Location}", "there are none", "Name the place that './pipeline backup --to' was given."));
        var backup = await BackupManifest.ReadAsync(place, number, cancellationToken);
        await RequireEmptyAsync(lake, backup, cancellationToken);
        await lake.Store.PutAsync(UnfinishedRestore.Path, JsonSerializer.SerializeToUtf8Bytes(backup.At), cancellationToken);
        var copied = new List<CopiedTable>();
        foreach (var table in backup.Tables)
        {
            // It is made where the configuration says now.
            if (lake.Store is PlacedStore placed) await placed.FixAsync(table.Table, backup.Lake, cancellationToken);
            copied.Add(await CopyAsync(table, place, lake.Store, time, cancellationToken));
            await MadeTables.RecordAsync(lake.Store, table.Table, table.Id, cancellationToken);
            onCopied(copied[^1]);
        }

        foreach (var (path, text) in backup.Objects) await lake.Store.PutAsync(path, Encoding.UTF8.GetBytes(text), cancellationToken);
        await lake.Store.DeleteAsync(UnfinishedRestore.Path, cancellationToken);
        return new RestoreLakeResult(number, backup.At, copied);
    }

    private static async Task RequireEmptyAsync(Lake lake, BackupManifest backup, CancellationToken cancellationToken)
    {
        if (await lake.Store.TryGetAsync(UnfinishedRestore.Path, cancellationToken) is { } begun)
        {
            if (JsonSerializer.Deserialize<DateTimeOffset>(begun) == backup.At) return;
            throw NotEmpty("another backup was begun to be restored there");
        }

        if (await LakeInventory.TablesAsync(lake, cancellationToken).AnyAsync(cancellationToken)) throw NotEmpty("it has tables");
        if (lake.Store is PlacedStore placed) await RequireUnusedAsync(placed, backup, cancellationToken);

        PipelineException NotEmpty(string cause) => new(FaultKind.Invalid, $"Lake {lake.Store.Location}", cause, "Empty it, or restore into another location: nothing is restored over what is there.");
    }

    /// <summary>The lake that was backed up may still be there, with tables of the same names and the same id: what is in its locations is its own.</summary>
    private static async Task RequireUnusedAsync(PlacedStore store, BackupManifest backup, CancellationToken cancellationToken)
    {
        foreach (var location in backup.Tables.Select(table => store.Places.Of(table.Table)).OfType<NamedLocation>().Distinct())
        {
            if (await LocationOwner.TryReadAsync(store.StoreOf(location), cancellationToken) is { } owner)
                throw new PipelineException(FaultKind.Invalid, $"Location {location.Name} ({location.Address})", $"it has tables of the lake {owner}, and nothing is restored over what is there",
                    "Name other locations for the restored lake: pipeline.locations, in the file of --config.");
        }
    }

    /// <summary>Where a restore goes on: a table that was written to meanwhile has a log of its own, and two logs are no table.</summary>
    private static async Task RequireOursAsync(BackedUpTable table, IReadOnlyList<ObjectInfo> log, IObjectStore place, IObjectStore to, CancellationToken cancellationToken)
    {
        var name = table.Table.ToString();
        var commits = (await new BackedUpFiles(to, name).LogAsync(long.MaxValue, cancellationToken)).Select(one => one.Path).Where(path => path.EndsWith(".json", StringComparison.Ordinal)).ToList();
        if (commits is not [.., var last]) return;
        var other = commits.Find(path => log.All(one => one.Path != path));
        var (ours, theirs) = (await to.TryGetAsync($"{name}/{last}", cancellationToken), await place.TryGetAsync($"{table.Directory}/{last}", cancellationToken));
        if (other is null && ours.AsSpan().SequenceEqual(theirs)) return;
        throw new PipelineException(FaultKind.Invalid, $"Table {name} in {to.LocationOf(name)}", $"its {other ?? last} is not the backup's: something has written to it before its restore was over",
            "Stop what writes there, empty the location, and run './pipeline restore' again.");
    }

    private static async Task<CopiedTable> CopyAsync(BackedUpTable table, IObjectStore place, IObjectStore to, TimeProvider time, CancellationToken cancellationToken)
    {
        var (there, name) = (new BackedUpFiles(place, table.Directory), table.Table.ToString());
        var (kept, done) = (await there.AllAsync(cancellationToken), await new BackedUpFiles(to, name).AllAsync(cancellationToken));
        var made = await DeltaTable.TryOpenAsync(place, table.Directory, time, cancellationToken)
            ?? throw new PipelineException(FaultKind.Missing, $"Table {table.Directory} in {place.Location}", "the backup names it, and it is not there", "Use the backup before it.");
        var log = await there.LogAsync(table.Version, cancellationToken);
        await RequireOursAsync(table, log, place, to, cancellationToken);
        var files = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (path, file) in await BackedUpFiles.FilesAsync(made, table.Version, cancellationToken))
        {
            if (!kept.TryGetValue(path, out var size) || size != file.Size)
                throw new PipelineException(FaultKind.Damaged, $"Object {table.Directory}/{path} in {place.Location}", kept.ContainsKey(path) ? $"it has {Plural.Of(size, "byte")}, and the table's log says {Plural.Of(file.Size, "byte")}" : "the table's log names it, and it is not there", "Use the backup before it.");
            files.Add(path);
        }

        foreach (var one in log)
            files.UnionWith((await BackedUpFiles.AddedByAsync(made, one.Path, cancellationToken)).Select(add => add.Path).Where(kept.ContainsKey));
        files.UnionWith(kept.Keys.Where(path => path.StartsWith("_statements/", StringComparison.Ordinal)));
        var (objects, bytes) = (0, 0L);
        // The log last: a table that is there has all its files.
        foreach (var path in files.Concat(log.Select(one => one.Path)))
        {
            if (done.TryGetValue(path, out var size) && size == kept[path]) continue;
            bytes += await there.CopyAsync(path, to, name, cancellationToken);
            objects++;
        }

        return new CopiedTable(table.Table, table.Version, objects, bytes);
    }
}
