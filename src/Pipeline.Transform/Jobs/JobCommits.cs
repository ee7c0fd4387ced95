using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.DuckDb;
using Pipeline.Delta.Schemas;

namespace Pipeline.Transform.Jobs;

/// <summary>A table that a job writes, as the job finds it.</summary>
/// <param name="Before">What the job's result is computed from: the table before this run.</param>
/// <param name="IsDone">This run has committed here already, in an attempt that was cut off later.</param>
internal sealed record JobTarget(TableId Id, DeltaTable Table, Snapshot Before, bool IsDone)
{
    /// <summary>The same where nothing that the table held counts any more.</summary>
    public MergeFiles Replaced(MergeFiles files, DateTimeOffset now) =>
        new(files.Adds, [.. Before.Files.Select(file => CheckedOutput.Remove(file, now))], files.RowsAdded - (Before.RowCount ?? 0));
}

/// <summary>
/// The commits of one job. A table takes a run once: the commit moves the table's run number from the run before, so
/// the second of two attempts is refused by the table itself.
/// </summary>
internal sealed class JobCommits(OpenTables tables, JobSpec spec, TimeProvider time, Action<TableId>? beforeCommit, Func<CancellationToken, ValueTask>? mayCommit = null)
{
    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>
    /// Opens a target. Tables that every run commits to must be at the run before; others (quarantine, deletes) may have
    /// slept for longer.
    /// </summary>
    public async ValueTask<JobTarget> OpenAsync(TableId id, IEnumerable<Apache.Arrow.Field> columns, bool everyRun, CancellationToken cancellationToken)
    {
        var table = await tables.OpenOrCreateAsync(id, columns, cancellationToken);
        var current = table.Current;
        var run = current.Position(JobPins.RunAppId) ?? 0;
        if (run > spec.Pins.Run || (everyRun && run < spec.Pins.Run - 1 && !(spec.Pins.IsAnew == true && run == 0)))
            throw new JobSupersededException($"{spec.Pins.Id} was planned on run {spec.Pins.Run - 1}, but {id} is at run {run}.");
        if (run < spec.Pins.Run) return new JobTarget(id, table, current, IsDone: false);

        // Planned by two who did not know of each other, a run's number may stand for two runs.
        if (await RunHistory.FindAsync(table, run, cancellationToken) is { } made && !made.Pins.IsSame(spec.Pins))
            throw new JobSupersededException($"{spec.Pins.Id} was planned on other versions than the run {run} that {id} has.");

        // A table that did not exist was made, empty, as version 0.
        var before = await table.AtVersionAsync(spec.Pins.TargetVersion(id) ?? 0, cancellationToken);
        return new JobTarget(id, table, before, IsDone: true);
    }

    /// <summary>The first of a table's columns that would have another type; null: none. Their files hold the old one, and the protocol has no widening.</summary>
    public static (Apache.Arrow.Field Present, Apache.Arrow.Field Wanted)? Retyped(Snapshot table, IEnumerable<Apache.Arrow.Field> columns)
    {
        foreach (var wanted in columns)
            if (table.Schema.FieldsLookup[wanted.Name].FirstOrDefault() is { } present && LakeType.Name(present.DataType) != LakeType.Name(wanted.DataType)) return (present, wanted);
        return null;
    }

    /// <summary>Before anything is computed or written: files of two types in one column are read by nobody.</summary>
    /// <exception cref="PipelineException">A column has another type in the table.</exception>
    public void RequireTypes(JobTarget target, IEnumerable<Apache.Arrow.Field> columns)
    {
        if (target.IsDone || Retyped(target.Before, columns) is not var (present, wanted)) return;
        throw new PipelineException(FaultKind.Invalid, $"Table {spec.Table}", $"column {present.Name} of {target.Id} is {LakeType.Name(present.DataType)} in the lake, and is to be {LakeType.Name(wanted.DataType)}",
            $"Run './pipeline rebuild {spec.Table}', which makes it anew beside what is there, give the column its type back, or give the new one another name.");
    }

    /// <summary>What the run has read of tables, as the table remembers it.</summary>
    public static IEnumerable<TxnMove> Reads(IEnumerable<PinnedInput> inputs, Snapshot before) => inputs
        .Select(input => new TxnMove(input.AppId, before.Position(input.AppId), input.Version)).Where(move => move.From != move.To);

    /// <summary>Commits a run to one of its tables.</summary>
    /// <param name="moves">Beside the run number.</param>
    /// <param name="properties">Of the table, that change with it; null: none.</param>
    public async ValueTask<Snapshot> CommitAsync(JobTarget target, MergeFiles files, IEnumerable<TxnMove> moves, string operation,
        ImmutableDictionary<string, string> metrics, Apache.Arrow.Schema? schema, CancellationToken cancellationToken, bool replacesSchema = false, ImmutableDictionary<string, string?>? properties = null)
    {
        if (target.Table.Current.Metadata.Id != target.Before.Metadata.Id) throw new JobSupersededException($"{spec.Pins.Id} was computed for {target.Id} as it was before it was made anew.");
        var run = new TxnMove(JobPins.RunAppId, target.Before.Position(JobPins.RunAppId), spec.Pins.Run);
        return await CommitAsync(target.Id, target.Table, new Transaction(operation, Isolation.ReadTable)
        {
            // What others committed while the run was computed is looked at too.
            ReadVersion = target.Before.Version,
            Adds = [.. files.Adds],
            Removes = [.. files.Removes],
            Moves = [run, .. moves],
            Schema = schema,
            ReplacesSchema = replacesSchema,
            Parameters = ImmutableDictionary<string, string>.Empty.Add(JobPins.Parameter, spec.Pins.ToJson()),
            Metrics = metrics,
            Words = target.Id == spec.Table ? spec.Words : null,
            Properties = properties ?? ImmutableDictionary<string, string?>.Empty,
        }, cancellationToken);
    }

    public async ValueTask<Snapshot> CommitAsync(TableId id, DeltaTable table, Transaction transaction, CancellationToken cancellationToken)
    {
        beforeCommit?.Invoke(id);
        if (mayCommit is not null) await mayCommit(cancellationToken);
        return await table.CommitAsync(transaction, cancellationToken) switch
        {
            CommitResult.Committed committed => committed.Snapshot,
            CommitResult.Refused refused => throw new JobSupersededException(
                $"{spec.Pins.Id} was refused by {id}: {refused.AppId} is at {refused.Actual}, expected {refused.Expected}."),
            CommitResult.Conflicted conflicted => throw new JobSupersededException($"{spec.Pins.Id} met another writer in {id}: {conflicted.Reason}."),
            var other => throw new InvalidOperationException($"Unknown commit result {other}."),
        };
    }

    /// <summary>The schema to evolve to when the table lacks columns, or does not know yet that they are personal; null when it has them all.</summary>
    public static Apache.Arrow.Schema? Evolved(Snapshot table, IReadOnlyList<Apache.Arrow.Field> columns) =>
        columns.All(column => table.Schema.FieldsLookup[column.Name].Any(known => !TableColumns.HasStatistics(known) || TableColumns.HasStatistics(column)))
            ? null
            : new Apache.Arrow.Schema(columns, null);
}
