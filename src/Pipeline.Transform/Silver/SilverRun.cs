using System.Collections.Immutable;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.DuckDb;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Silver;

/// <summary>
/// One run of a Silver table: an engine makes the rows of the table, its quarantine and its deletes, and they are committed
/// here, with one quality row.
/// </summary>
/// <remarks>
/// These are commits to several tables, in a fixed order: the table first, which decides the race between two attempts
/// and carries the run's pins; then quarantine and deletes; the quality row last, which says that the run is over. A run
/// that was cut off is repeated with its own pins: a table that has its commit is skipped, the others are computed from
/// the versions before the run, so that the outcome is as if nothing had happened.
/// </remarks>
internal sealed class SilverRun(OpenTables tables, JobExecution execution, JobCommits commits, JobSpec spec, DataFileOptions dataFiles)
{
    private readonly IReadOnlyList<Field> _columns = [.. spec.Columns.Select(column => column.ToField())];
    private readonly IReadOnlyList<Field> _quarantineColumns = [.. spec.Silver!.Quarantine.Select(column => column.ToField())];

    private JobPins Pins => spec.Pins;

    private bool IsAnew => Pins.IsAnew == true;

    private TableId DeletedId => SilverTables.Deleted(spec.Table);

    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        var silver = await commits.OpenAsync(spec.Table, _columns, everyRun: true, cancellationToken);
        // Whoever else has the same run has come to its end.
        if (silver.IsDone && (await tables.TryOpenAsync(QualityTable.Id, cancellationToken))?.Current.Position(spec.Table) >= Pins.Run)
        {
            var (over, told) = await MadeAsync(silver, cancellationToken);
            return ResultOf(silver, over, told, isBehind: false);
        }

        var quarantine = await commits.OpenAsync(TableId.Quarantine(spec.Table.Name), _quarantineColumns, everyRun: false, cancellationToken);
        var deletes = await tables.TryOpenAsync(DeletedId, cancellationToken) is null ? null : await commits.OpenAsync(DeletedId, _columns, everyRun: false, cancellationToken);
        commits.RequireTypes(silver, _columns);
        commits.RequireTypes(quarantine, _quarantineColumns);
        if (deletes is not null) commits.RequireTypes(deletes, _columns);
        var targets = new[] { silver, quarantine, deletes }.OfType<JobTarget>().ToDictionary(target => target.Id);
        var pins = targets.Values.Select(target => target.Table.Pin(target.Before)).ToList();
        try
        {
            var steps = new SilverSteps(spec, silver.Before, IsAnew ? null : quarantine.Before, IsAnew ? null : deletes?.Before) { IsDecided = silver.IsDone };
            var answer = await AnswerAsync(steps, targets, cancellationToken);
            var result = await CommitAsync(steps, answer, silver, quarantine, deletes, cancellationToken);
            await execution.TidyAsync(cancellationToken);
            return result;
        }
        finally
        {
            foreach (var pin in pins) pin.Dispose();
        }
    }

    /// <summary>Where rows stop the run it is executed once more, with what Bronze has behind it: as long as none does, that is not looked at.</summary>
    private async Task<CheckedAnswer> AnswerAsync(SilverSteps steps, Dictionary<TableId, JobTarget> targets, CancellationToken cancellationToken)
    {
        try
        {
            return await ExecuteAsync([]);
        }
        catch (PipelineException stop) when (stop.IsRuleBroken && spec.Silver!.Mended is not null && Pins.BronzeAhead is not null)
        {
            var read = Pins.Inputs[0];
            var ahead = await BronzeRange.AheadAsync((await tables.TryOpenAsync(read.Table, cancellationToken))!, read.Version, Pins.BronzeAhead.Value, cancellationToken);
            if (ahead.IsEmpty) throw;
            return await ExecuteAsync(ahead);
        }

        Task<CheckedAnswer> ExecuteAsync(ImmutableArray<JobFile> ahead)
        {
            var document = steps.Document(execution.Store.Location, id => targets.GetValueOrDefault(id)?.IsDone == true, ahead);
            return execution.RunAsync(document, document.Outputs.ToDictionary(output => output.Name, output => targets.GetValueOrDefault(TableId.Parse(output.Name))?.Table.Current), cancellationToken);
        }
    }

    private async ValueTask<JobResult> CommitAsync(SilverSteps steps, CheckedAnswer answer, JobTarget silver, JobTarget quarantine, JobTarget? deletes, CancellationToken cancellationToken)
    {
        // Everything is looked at before anything is committed.
        var isBehind = answer.Long(SilverSteps.BehindFigures) > 0;
        var waiting = quarantine.IsDone ? null : steps.Quarantine.Files(answer, commits.Now);
        var gone = deletes is { IsDone: true } ? null : steps.Deleted.Files(answer, commits.Now);
        if (IsAnew) (waiting, gone) = (waiting is null ? null : quarantine.Replaced(waiting, commits.Now), gone is null || deletes is null ? gone : deletes.Replaced(gone, commits.Now));

        var (snapshot, quality) = await CommitTableAsync(steps, answer, silver, IsAnew ? 0 : quarantine.Before.RowCount, isBehind, cancellationToken);
        // Nothing changes, nothing is committed.
        if (waiting is { } rows && rows.Adds.Count + rows.Removes.Count > 0)
            await commits.CommitAsync(quarantine, rows, [], "MERGE", Rows(rows), JobCommits.Evolved(quarantine.Before, _quarantineColumns), cancellationToken);
        if (gone is { } keys && keys.Adds.Count + keys.Removes.Count > 0)
        {
            var target = deletes ?? await commits.OpenAsync(DeletedId, _columns, everyRun: false, cancellationToken);
            await commits.CommitAsync(target, keys, [], "MERGE", Rows(keys), JobCommits.Evolved(target.Before, _columns), cancellationToken);
        }

        await CommitQualityAsync(tables, commits, Pins, quality, dataFiles, cancellationToken);
        return ResultOf(silver, snapshot, quality, isBehind);
    }

    private JobResult ResultOf(JobTarget silver, Snapshot made, RunQuality quality, bool isBehind) =>
        new JobResult(Pins.Table, Pins.Run, made.Version, made.RowCount, quality, default, isBehind, Fields: UnreadFields.Of(made).Since(UnreadFields.Of(silver.Before))).WithNews(silver.Before, made);

    /// <summary>What the run has made of the table, which has its commit.</summary>
    private async ValueTask<(Snapshot Snapshot, RunQuality Quality)> MadeAsync(JobTarget silver, CancellationToken cancellationToken)
    {
        var (version, _, info) = await RunHistory.FindAsync(silver.Table, Pins.Run, cancellationToken)
            ?? throw new JobSupersededException($"{Pins.Id} is over and its commit is no longer in the log.");
        return (await silver.Table.AtVersionAsync(version, cancellationToken), RunQuality.FromJson(info.OperationMetrics![RunQuality.Metric]));
    }

    private async ValueTask<(Snapshot Snapshot, RunQuality Quality)> CommitTableAsync(SilverSteps steps, CheckedAnswer answer, JobTarget silver, long? quarantined, bool isBehind,
        CancellationToken cancellationToken)
    {
        if (silver.IsDone) return await MadeAsync(silver, cancellationToken);
        var files = steps.Table.Files(answer, commits.Now);
        var quality = QualityMeasures.Of(spec, answer, steps.Table);
        // Parents whose children have not all left the quarantine are news for the next run too.
        var read = isBehind || Pins.JudgesAgain == true ? Pins.Inputs.Take(1) : Pins.Inputs;
        var moves = JobCommits.Reads(read, silver.Before).Concat(steps.Moves(answer)).Concat(Judged(silver.Before, isBehind));
        if (IsByContract(silver.Before)) moves = moves.Append(new TxnMove(ContractShape.RunAppId, silver.Before.Position(ContractShape.RunAppId), Pins.Run));
        if (IsAnew) moves = moves.Append(new TxnMove(JobPlanner.FirstRunAppId, silver.Before.Position(JobPlanner.FirstRunAppId), Pins.Run));
        var metrics = Rows(files).Add(RunQuality.Metric, quality.ToJson()).AddRange(answer.Metrics);
        return (await commits.CommitAsync(silver, files, moves, "MERGE", metrics, JobCommits.Evolved(silver.Before, _columns), cancellationToken, properties: Properties(steps, answer, quality, quarantined, silver.Before)), quality);
    }

    /// <summary>What the table's log says otherwise from now on.</summary>
    private ImmutableDictionary<string, string?> Properties(SilverSteps steps, CheckedAnswer answer, RunQuality quality, long? quarantined, Snapshot before)
    {
        var properties = ImmutableDictionary<string, string?>.Empty;
        if (MadeBy(before) is { } contract) properties = properties.Add(ContractShape.Property, contract);
        if (spec.Silver!.QuarantinePercentMax is not null)
            properties = With(properties, before, MassQuarantine.Property, QualityMeasures.MassOf(spec, answer, quality, IsAnew ? null : MassQuarantine.Of(before), quarantined)?.ToJson());
        if (spec.Silver.AddsFields == true && steps.AddedAfter(answer, quality) is var (added, unread))
            return With(With(properties, before, AddedColumns.Property, added), before, UnreadFields.Property, unread);
        return spec.Silver.Fields is null ? properties : With(properties, before, UnreadFields.Property, steps.FieldsAfter(answer));
    }

    private static ImmutableDictionary<string, string?> With(ImmutableDictionary<string, string?> properties, Snapshot before, string name, string? value) =>
        value == before.Metadata.Configuration.GetValueOrDefault(name) ? properties : properties.Add(name, value);

    /// <summary>The contract, once all rows are as it says; null: that is said already, or rows are there that would be others.</summary>
    private string? MadeBy(Snapshot before)
    {
        var said = before.Metadata.Configuration.GetValueOrDefault(ContractShape.Property);
        if (spec.Silver!.Contract is not { } contract || contract == said) return null;
        return IsFirst(before) || ContractShape.TryRead(contract)!.ChangesSince(said).All(change => change.Meaning < ChangeMeaning.FillColumns) ? contract : null;
    }

    private bool IsFirst(Snapshot before) => IsAnew || before.Position(JobPins.RunAppId) is null;

    /// <summary>Whether all runs up to this one are by what the property says, or are behind it by what it is compared with.</summary>
    private bool IsByContract(Snapshot before) => spec.Silver!.Contract is not null && (IsFirst(before) || !ContractShape.IsLeftBehind(before));

    /// <summary>By what rules all rows of the quarantine have been judged.</summary>
    private IEnumerable<TxnMove> Judged(Snapshot before, bool isBehind)
    {
        if (spec.Silver!.Judging is { } judging && !(isBehind && Pins.JudgesAgain == true)) yield return new TxnMove(JobPlanner.JudgingAppId, before.Position(JobPlanner.JudgingAppId), judging);
        if (Pins.Redrives is { } redrives && redrives != before.Position(JobPlanner.RedrivesAppId)) yield return new TxnMove(JobPlanner.RedrivesAppId, before.Position(JobPlanner.RedrivesAppId), redrives);
    }

    /// <summary>The last commit of a run.</summary>
    public static async ValueTask CommitQualityAsync(OpenTables tables, JobCommits commits, JobPins pins, RunQuality quality, DataFileOptions dataFiles, CancellationToken cancellationToken)
    {
        var table = await tables.OpenOrCreateAsync(QualityTable.Id, QualityTable.Columns, cancellationToken);
        var last = table.Current.Position(pins.Table);
        if (last >= pins.Run) return;
        using var row = QualityTable.Row(pins, quality);
        await using var writer = await table.OpenDataFileAsync(row.Schema, ImmutableDictionary<string, string?>.Empty, dataFiles, cancellationToken);
        writer.Write(row);
        await commits.CommitAsync(QualityTable.Id, table, new Transaction("WRITE", Isolation.BlindAppend)
        {
            Adds = [await writer.CompleteAsync(cancellationToken)],
            Moves = [new TxnMove(pins.Table, last, pins.Run)],
            Schema = JobCommits.Evolved(table.Current, QualityTable.Columns),
        }, cancellationToken);
    }

    private static ImmutableDictionary<string, string> Rows(MergeFiles files) =>
        ImmutableDictionary<string, string>.Empty.Add("numFilesAdded", files.Adds.Count.ToString()).Add("numFilesRemoved", files.Removes.Count.ToString())
            .Add("numRowsAdded", files.RowsAdded.ToString());
}
