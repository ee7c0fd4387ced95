using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Table;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Gold;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Exports;

/// <summary>A run that a table has had, as the documents that it is, with what its tables held before and after.</summary>
/// <param name="Documents">One for each dialect; they differ in nothing but their SQL.</param>
internal sealed record PastRun(JobPins Pins, ImmutableArray<JobDocument> Documents, ImmutableArray<PastOutput> Outputs);

/// <summary>A table that a run wrote.</summary>
/// <param name="Before">The files whose rows stay unless the run replaces them: of a run that makes the table anew none.</param>
/// <param name="After">The table with the run; null: it is not there yet, and empty.</param>
internal sealed record PastOutput(JobOutput Output, ImmutableArray<JobFile> Before, Snapshot? After);

/// <summary>Makes the documents of runs again that tables have had.</summary>
internal sealed class PastRuns(OpenTables tables, TransformGraph graph, JobPlanner planner, string root)
{
    private static readonly SqlDialect[] Dialects = [SqlDialect.DuckDb, SqlDialect.Spark];

    /// <summary>The run again; or why it cannot be had.</summary>
    /// <param name="version">The commit of the run in the table.</param>
    /// <exception cref="PipelineException">What is there now is damaged.</exception>
    public async ValueTask<(PastRun? Run, LeftOutReason Reason)> FindAsync(DeltaTable table, long version, JobPins pins, CancellationToken cancellationToken)
    {
        if (pins.RebuiltFrom is not null || (pins.IsAnew == true && pins.Table.Layer == Layer.Silver)) return (null, LeftOutReason.NotKept);
        // What is there now and cannot be read is damage, and thrown here; what was there once may be gone.
        foreach (var input in pins.Inputs)
            if (await tables.TryOpenAsync(input.Table, cancellationToken) is null) return (null, LeftOutReason.NotKept);
        foreach (var target in pins.Targets) await tables.TryOpenAsync(target.Table, cancellationToken);
        if (graph.TrySilver(pins.Table) is { } contract)
        {
            if (contract.Masks) return (null, LeftOutReason.Masked);
            if (pins.Input(contract.From) is null) return (null, LeftOutReason.Redefined);
            if (await tables.TryOpenAsync(TableId.Quarantine(pins.Table.Name), cancellationToken) is null) return (null, LeftOutReason.NotKept);
        }

        if (await TryAgainAsync(table, version, pins, cancellationToken) is not { } run) return (null, LeftOutReason.NotKept);
        if (run.IsRedefined) return (null, LeftOutReason.Redefined);
        return await AreKeptAsync(run.Run!, cancellationToken) ? (run.Run, default) : (null, LeftOutReason.NotKept);
    }

    /// <summary>Null: a version of a table is gone.</summary>
    private async ValueTask<(PastRun? Run, bool IsRedefined)?> TryAgainAsync(DeltaTable table, long version, JobPins pins, CancellationToken cancellationToken)
    {
        try
        {
            var after = await table.AtVersionAsync(version, cancellationToken);
            if (graph.TryGold(pins.Table) is { } node && after.Position(JobPlanner.DefinitionAppId) != JobPlanner.Fingerprint(node.Gold)) return (null, true);
            var specs = new List<JobSpec>();
            foreach (var dialect in Dialects) specs.Add(await planner.ExpandAsOfTodayAsync(pins, dialect, cancellationToken));
            if (!specs[0].Columns.All(column => after.Schema.FieldsLookup[column.Name].Any(field => ColumnType.Format(field.DataType) == column.Type))) return (null, true);
            return (pins.Table.Layer == Layer.Silver ? await SilverAsync(table, after, pins, specs, cancellationToken) : await GoldAsync(table, after, pins, specs, cancellationToken), false);
        }
        catch (PipelineException gone) when (gone.Kind is FaultKind.Missing or FaultKind.Damaged)
        {
            return null;
        }
    }

    private async ValueTask<PastRun> GoldAsync(DeltaTable table, Snapshot after, JobPins pins, List<JobSpec> specs, CancellationToken cancellationToken)
    {
        var before = await BeforeAsync(table, pins.Table, pins, cancellationToken);
        ImmutableArray<JobDocument> documents = [.. specs.Select(spec => GoldSteps.MergeOf(spec, before) is { } merge ? GoldSteps.Merge(spec, root, before, merge) : GoldSteps.Full(spec, root))];
        var isMerge = GoldSteps.MergeOf(specs[0], before) is not null;
        return new PastRun(pins, documents, [new PastOutput(documents[0].Outputs.Single(), isMerge ? JobFiles.Of(before) : [], after)]);
    }

    private async ValueTask<PastRun> SilverAsync(DeltaTable table, Snapshot after, JobPins pins, List<JobSpec> specs, CancellationToken cancellationToken)
    {
        var (quarantineId, deletedId) = (TableId.Quarantine(pins.Table.Name), SilverTables.Deleted(pins.Table));
        var quarantine = (await tables.TryOpenAsync(quarantineId, cancellationToken))!;
        var deletes = await tables.TryOpenAsync(deletedId, cancellationToken);
        var (before, waiting) = (await BeforeAsync(table, pins.Table, pins, cancellationToken), await BeforeAsync(quarantine, quarantineId, pins, cancellationToken));
        // There is such a table from the first delete on.
        var gone = deletes is null || pins.TargetVersion(deletedId) is null ? null : await BeforeAsync(deletes, deletedId, pins, cancellationToken);
        var files = new Dictionary<string, (Snapshot? Before, Snapshot? After)>(StringComparer.Ordinal)
        {
            [pins.Table.ToString()] = (before, after),
            [quarantineId.ToString()] = (waiting, await AfterAsync(quarantine, waiting, pins.Run, cancellationToken)),
            [deletedId.ToString()] = (gone, deletes is null ? null : await AfterAsync(deletes, gone, pins.Run, cancellationToken)),
        };
        ImmutableArray<JobDocument> documents = [.. specs.Select(spec => new SilverSteps(spec, before, waiting, gone) { IsDecided = true }.Document(root, _ => false))];
        return new PastRun(pins, documents, [.. documents[0].Outputs.Select(output => new PastOutput(output, JobFiles.Of(files[output.Name].Before), files[output.Name].After))]);
    }

    /// <summary>A table that did not exist was made, empty, as version 0.</summary>
    private static ValueTask<Snapshot> BeforeAsync(DeltaTable table, TableId id, JobPins pins, CancellationToken cancellationToken) =>
        table.AtVersionAsync(pins.TargetVersion(id) ?? 0, cancellationToken);

    /// <summary>A run that changes nothing in a table beside its own commits nothing to it.</summary>
    private static async ValueTask<Snapshot?> AfterAsync(DeltaTable table, Snapshot? before, long run, CancellationToken cancellationToken) =>
        await RunHistory.FindAsync(table, run, cancellationToken) is { } made ? await table.AtVersionAsync(made.Version, cancellationToken) : before;

    /// <summary>Whether all its files are there still. One that a table has now must be.</summary>
    private async ValueTask<bool> AreKeptAsync(PastRun run, CancellationToken cancellationToken)
    {
        var store = tables.Lake.Store;
        var files = run.Documents[0].Relations.SelectMany(relation => relation.Files.Select(file => (relation.Location, file.Path, file.Size)))
            .Concat(run.Outputs.SelectMany(output => JobFiles.Of(output.After).Select(file => (output.Output.Location, file.Path, file.Size)))).Distinct();
        foreach (var (location, path, size) in files)
        {
            if (TableFilePath.TryBelow(store, location, path) != path) throw TableFilePath.Outside(location, path);
            var found = await store.TryStatAsync($"{location}/{path}", cancellationToken);
            if (found?.Size == size) continue;
            if (found is null && (await tables.TryOpenAsync(TableId.Parse(location), cancellationToken))?.Current.FilesByPath.ContainsKey(path) != true) return false;
            throw new PipelineException(FaultKind.Damaged, $"Table {location}", found is null ? $"file {path} does not exist" : $"file {path} has {Plural.Of(found.Value.Size, "byte")}, its log says {size:#,0}",
                "Restore the file from a backup, or the table to an older version.");
        }

        return true;
    }
}
