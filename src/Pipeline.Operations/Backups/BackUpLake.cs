using System.Collections.Immutable;
using System.Text;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Operations.Inspection;
using Pipeline.Operations.Verification;

namespace Pipeline.Operations.Backups;

/// <param name="Objects">That were copied of it: the rest was there.</param>
public sealed record CopiedTable(TableId Table, long Version, int Objects, long Bytes);

/// <param name="Number">Of the backup in its place.</param>
/// <param name="Failed">Tables that cannot be read, and what was made of them: the backup has them as the one before.</param>
public sealed record BackUpLakeResult(int Number, IReadOnlyList<CopiedTable> Tables, IReadOnlyList<FailedTable> Failed);

/// <summary>
/// Copies a lake into a place of backups while it is written: of each table the objects that are not there yet, then which version of each
/// table belongs to this backup. Nothing in the place is changed or deleted, so that earlier backups stay.
/// </summary>
public static class BackUpLake
{
    private const string IdPath = "_pipeline/lake.json";

    /// <param name="onCopied">Told of each table that is done.</param>
    /// <exception cref="PipelineException">One of the places fails, or the backups are another lake's.</exception>
    public static async Task<BackUpLakeResult> RunAsync(Lake lake, IObjectStore place, TimeProvider time, Action<CopiedTable> onCopied, CancellationToken cancellationToken)
    {
        var (id, at) = (await lake.IdAsync(cancellationToken), time.GetUtcNow());
        var before = (await BackupManifest.NumbersAsync(place, cancellationToken)) is [var newest, ..] ? await BackupManifest.ReadAsync(place, newest, cancellationToken) : null;
        if (before is not null && before.Lake != id)
            throw new PipelineException(FaultKind.Invalid, $"Backups in {place.Location}", $"they are of lake {before.Lake}, and this is lake {id}", "Give each lake a place of its own.");

        // What the lake shall hold, before what it holds: a table that comes meanwhile is not missed.
        var objects = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var path in (string[])[IdPath, LakeTables.Path])
            if (await lake.Store.TryGetAsync(path, cancellationToken) is { } utf8) objects[path] = Encoding.UTF8.GetString(utf8);
        var failed = new List<FailedTable>();
        var (copied, tables) = (new List<CopiedTable>(), new List<BackedUpTable>());
        var cut = await BackupCut.OfAsync(lake, failed.Add, cancellationToken);
        foreach (var table in cut)
        {
            if (table.Version < 0)
            {
                // A table that is new comes with the next backup.
                if (before?.Tables.Any(one => one.Table == table.Id) == true) failed.Add(HeldBack(table.Id, FaultKind.Invalid, "none of its versions belongs to what else is in this backup", "Back up again when its next run is over."));
                continue;
            }

            var (done, failure) = await LakeInventory.TryAsync(table.Id, () => CopyAsync(lake, table, place, cancellationToken));
            if (failure is not null)
            {
                failed.Add(failure);
                continue;
            }

            copied.Add(done!);
            onCopied(done!);
        }

        // What goes with a table that stays as the backup before has it stays so too, and then what goes with that.
        for (var i = 0; i < failed.Count; i++)
        {
            var (lost, fault) = failed[i];
            failed.AddRange(cut.Where(table => table.BelongsTo.Contains(lost) && !failed.Exists(one => one.Table == table.Id))
                .Select(table => HeldBack(table.Id, fault.Kind, $"its version belongs to one of {lost}, which cannot be backed up", $"Mend {lost}, and back up again.")).ToList());
        }

        copied.RemoveAll(table => failed.Exists(one => one.Table == table.Table));
        tables.AddRange(cut.Where(table => copied.Exists(one => one.Table == table.Id)).Select(table => new BackedUpTable(table.Id, table.Table.Current.Metadata.Id, table.Version)));
        tables.AddRange(before?.Tables.Where(table => failed.Exists(one => one.Table == table.Table)) ?? []);
        var number = await new BackupManifest(BackupManifest.CurrentFormat, id, at, [.. tables], objects.ToImmutable()).WriteAsync(place, cancellationToken);
        return new BackUpLakeResult(number, copied, failed);
    }

    private static FailedTable HeldBack(TableId table, FaultKind kind, string cause, string nextStep) =>
        new(table, new Fault(kind, $"Table {table}", cause, $"{nextStep} Until then it stays as the backup before has it."));

    private static async Task<CopiedTable> CopyAsync(Lake lake, CutTable table, IObjectStore place, CancellationToken cancellationToken)
    {
        var to = new BackedUpTable(table.Id, table.Table.Current.Metadata.Id, table.Version).Directory;
        var (here, there) = (new BackedUpFiles(lake.Store, table.Id.ToString()), await new BackedUpFiles(place, to).AllAsync(cancellationToken));
        var log = await here.LogAsync(table.Version, cancellationToken);
        await RequireSameAsync(lake.Store, table.Id, log, place, to, there, cancellationToken);
        var (objects, bytes) = (0, 0L);
        var files = (await BackedUpFiles.FilesAsync(table.Table, table.Version, cancellationToken)).Keys.ToHashSet(StringComparer.Ordinal);
        foreach (var path in files) await CopyNewAsync(path);
        var fresh = log.Where(one => !there.ContainsKey(one.Path)).Select(one => one.Path).ToList();
        // What was put together since is read by tables that have yet to come there.
        foreach (var path in fresh)
            foreach (var add in await BackedUpFiles.AddedByAsync(table.Table, path, cancellationToken))
                if (files.Add(add.Path) && await lake.Store.TryStatAsync($"{table.Id}/{add.Path}", cancellationToken) is not null) await CopyNewAsync(add.Path);
        await foreach (var statements in lake.Store.ListAsync($"{table.Id}/_statements/", startAt: null, cancellationToken))
            if (!statements.Path.EndsWith('/')) await CopyNewAsync(statements.Path[(table.Id.ToString().Length + 1)..]);
        foreach (var path in fresh) await CopyNewAsync(path);
        return new CopiedTable(table.Id, table.Version, objects, bytes);

        async Task CopyNewAsync(string path)
        {
            if (there.ContainsKey(path)) return;
            bytes += await here.CopyAsync(path, place, to, cancellationToken);
            objects++;
        }
    }

    /// <summary>A table that was restored from an older copy has gone on another way than its backup.</summary>
    private static async Task RequireSameAsync(IObjectStore store, TableId table, IReadOnlyList<ObjectInfo> log, IObjectStore place, string to, Dictionary<string, long> there, CancellationToken cancellationToken)
    {
        if (log.LastOrDefault(one => one.Path.EndsWith(".json", StringComparison.Ordinal) && there.ContainsKey(one.Path)) is not { Path: { } path }) return;
        var (ours, theirs) = (await store.TryGetAsync($"{table}/{path}", cancellationToken), await place.TryGetAsync($"{to}/{path}", cancellationToken));
        if (ours is not null && theirs is not null && !ours.AsSpan().SequenceEqual(theirs))
            throw new PipelineException(FaultKind.Damaged, $"Table {table}", $"its {path} is another than in its backup in {place.Location}: it was restored from an older copy since", "Back this lake up to a place of its own from now on.");
    }
}
