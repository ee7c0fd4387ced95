using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.DuckDb;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Jobs.Rebuild;

/// <summary>
/// The run that puts what was built beside a Silver table in its place: one commit gives the table all new rows and takes all old ones
/// away, its quarantine and its deletes follow, and the quality row says that it is over. Cut off, it is finished as every run is.
/// </summary>
internal sealed class RebuildSwitch(OpenTables tables, JobCommits commits, JobPins pins, DataFileOptions dataFiles)
{
    private RebuildCopies _copies = null!;

    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        var built = pins.RebuiltFrom!;
        var (before, snapshot, quality) = await SwitchTableAsync(built, cancellationToken);
        await SwitchAsync(TableId.Quarantine(pins.Table.Name), TableId.Quarantine(built.Name), cancellationToken);
        await SwitchAsync(SilverTables.Deleted(pins.Table), SilverTables.Deleted(built), cancellationToken);
        await SilverRun.CommitQualityAsync(tables, commits, pins, quality, dataFiles, cancellationToken);
        return new JobResult(pins.Table, pins.Run, snapshot.Version, snapshot.RowCount, quality, default).WithNews(before, snapshot);
    }

    private async ValueTask<(Snapshot Before, Snapshot Snapshot, RunQuality Quality)> SwitchTableAsync(TableId builtId, CancellationToken cancellationToken)
    {
        var built = await BuiltAsync(builtId, cancellationToken) ?? throw new PipelineException(FaultKind.Damaged, $"Table {pins.Table}", $"what was rebuilt for it in {builtId} is gone", $"Run './pipeline rebuild {pins.Table}' again.");
        var target = await commits.OpenAsync(pins.Table, built.Schema.FieldsList, everyRun: true, cancellationToken);
        _copies = new RebuildCopies(tables.Lake.Store, target.Before.Position(JobPlanner.FirstRunAppId));
        if (target.IsDone)
        {
            var (version, _, info) = await RunHistory.FindAsync(target.Table, pins.Run, cancellationToken)
                ?? throw new JobSupersededException($"{pins.Id} is over and its commit is no longer in the log.");
            return (target.Before, await target.Table.AtVersionAsync(version, cancellationToken), RunQuality.FromJson(info.OperationMetrics![RunQuality.Metric]));
        }

        var quality = await QualityAsync(builtId, cancellationToken);
        var reflected = Reflected.AllOf(built).Where(read => read.Id is not null).Select(read => Reflected.AppId(read.Table, read.Id!)).ToHashSet(StringComparer.Ordinal);
        var moves = built.Txns.Values.Where(txn => reflected.Contains(txn.AppId) || SourceEnd.Is(txn.AppId) || txn.AppId == JobPlanner.JudgingAppId).Select(txn => new TxnMove(txn.AppId, target.Before.Position(txn.AppId), txn.Version))
            .Concat(target.Before.Position(JobPlanner.RedrivesAppId) is { } redrives and > 0 ? [new TxnMove(JobPlanner.RedrivesAppId, redrives, 0)] : [])
            .Append(new TxnMove(JobPlanner.FirstRunAppId, target.Before.Position(JobPlanner.FirstRunAppId), pins.Run))
            .Append(new TxnMove(ContractShape.RunAppId, target.Before.Position(ContractShape.RunAppId), pins.Run)).Where(move => move.From != move.To);
        return (target.Before, await CommitAsync(target, builtId, built, moves, ImmutableDictionary<string, string>.Empty.Add(RunQuality.Metric, quality.ToJson()), cancellationToken), quality);
    }

    private async ValueTask SwitchAsync(TableId id, TableId builtId, CancellationToken cancellationToken)
    {
        var built = await BuiltAsync(builtId, cancellationToken);
        if (built is null && await tables.TryOpenAsync(id, cancellationToken) is null) return;
        var target = await commits.OpenAsync(id, built?.Schema.FieldsList ?? [], everyRun: false, cancellationToken);
        if (target.IsDone || (!target.Before.Files.Any() && built?.Files.Any() != true)) return;
        await CommitAsync(target, builtId, built, [], ImmutableDictionary<string, string>.Empty, cancellationToken);
    }

    /// <summary>As of the version that is pinned; null: it holds nothing, and is not there.</summary>
    private async ValueTask<Snapshot?> BuiltAsync(TableId id, CancellationToken cancellationToken)
    {
        if (pins.Input(id) is not { } pinned || await tables.TryOpenAsync(id, cancellationToken) is not { } table) return null;
        if (pinned.Id is { } built && built != table.Current.Metadata.Id)
            throw new PipelineException(FaultKind.Damaged, $"Table {pins.Table}", $"what was rebuilt for it in {id} was made anew since", $"Run './pipeline rebuild {pins.Table}' again.");
        return await table.AtVersionAsync(pinned.Version, cancellationToken);
    }

    private async ValueTask<Snapshot> CommitAsync(JobTarget target, TableId builtId, Snapshot? built, IEnumerable<TxnMove> moves, ImmutableDictionary<string, string> metrics, CancellationToken cancellationToken)
    {
        var adds = new List<AddFile>();
        foreach (var file in built?.Files ?? [])
            adds.Add(file with { Path = await _copies.EnsureAsync(target.Id, builtId, built!.Metadata.Id, file, cancellationToken), ModifiedAt = commits.Now, DataChange = true });
        var files = target.Replaced(new MergeFiles(adds, [], built?.RowCount ?? 0), commits.Now);
        return await commits.CommitAsync(target, files, moves, "REBUILD", metrics.Add("numRowsAdded", $"{built?.RowCount ?? 0}"), built?.Schema, cancellationToken, replacesSchema: true, properties: PropertiesOf(built, target.Before));
    }

    /// <summary>What the table's log says of its rows is true of others from now on.</summary>
    private static ImmutableDictionary<string, string?> PropertiesOf(Snapshot? built, Snapshot before)
    {
        var properties = ImmutableDictionary<string, string?>.Empty;
        if (built?.Metadata.Configuration.GetValueOrDefault(ContractShape.Property) is { } contract) properties = properties.Add(ContractShape.Property, contract);
        foreach (var name in (string[])[UnreadFields.Property, MassQuarantine.Property])
        {
            var value = built?.Metadata.Configuration.GetValueOrDefault(name);
            if (value != before.Metadata.Configuration.GetValueOrDefault(name)) properties = properties.Add(name, value);
        }

        var added = AddedColumns.Of(before).And(AddedColumns.Of(built)).ToJson();
        return added == before.Metadata.Configuration.GetValueOrDefault(AddedColumns.Property) ? properties : properties.Add(AddedColumns.Property, added);
    }

    /// <summary>Of all runs that have built it, as if they had been one.</summary>
    private async ValueTask<RunQuality> QualityAsync(TableId builtId, CancellationToken cancellationToken)
    {
        var table = (await tables.TryOpenAsync(builtId, cancellationToken))!;
        RunQuality? sum = null;
        await foreach (var (version, _, info) in RunHistory.AllAsync(table, cancellationToken))
        {
            if (version > pins.Input(builtId)!.Version || info.OperationMetrics?.GetValueOrDefault(RunQuality.Metric) is not { } json) continue;
            var run = RunQuality.FromJson(json);
            sum = sum is null ? run : sum.And(run);
        }

        return sum ?? throw new PipelineException(FaultKind.Damaged, $"Table {builtId}", "its log does not say what its runs have done", $"Run './pipeline rebuild {pins.Table}' again.");
    }
}
