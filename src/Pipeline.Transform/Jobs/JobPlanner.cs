using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Places;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs.Rebuild;
using Pipeline.Transform.Jobs.Remote;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Jobs;

/// <summary>
/// Finds out from the tables' logs what a run of a table has to do. Everything it needs is in the lake: the versions that
/// a table was made from are txns in its log, beside the number of its last run.
/// </summary>
/// <param name="remote">Engines elsewhere; null: there are none.</param>
public sealed class JobPlanner(OpenTables tables, TransformGraph graph, TransformOptions options, TimeProvider time, RemoteRuns? remote = null)
{
    /// <summary>The <c>txn</c> of a Silver table that was made again: its first run, before which <c>_quality</c> tells of another table.</summary>
    public const string FirstRunAppId = "first-run";

    /// <summary>The <c>txn</c> of a Silver table that says by what rules all rows of its quarantine were judged: <see cref="ContractFingerprint.OfJudging"/>.</summary>
    public const string JudgingAppId = "judging";

    /// <summary>The <c>txn</c> of a Silver table that counts how often somebody has asked for its quarantine to be judged again.</summary>
    public const string RedrivesAppId = "redrives";

    /// <summary>The fingerprint of what a Gold table was made with: <see cref="Fingerprint"/>.</summary>
    public const string DefinitionAppId = "definition";

    /// <summary>
    /// The next run of a table; null when it reflects its inputs. A Silver run that was cut off between the commits of
    /// its tables comes back with its own pins, to be finished.
    /// </summary>
    public ValueTask<JobPins?> PlanAsync(TableId table, CancellationToken cancellationToken) => PlanAsync(table, options.RunRowsMax, cancellationToken);

    /// <inheritdoc cref="PlanAsync(TableId, CancellationToken)"/>
    /// <param name="rowsMax">Bronze rows of the run, at least one commit.</param>
    public async ValueTask<JobPins?> PlanAsync(TableId table, long rowsMax, CancellationToken cancellationToken)
    {
        var pins = graph.TrySilver(table) is { } contract ? await PlanSilverAsync(contract, rowsMax, redrives: false, cancellationToken)
            : graph.TryGold(table) is { } node ? await PlanGoldAsync(node, isWhole: false, cancellationToken)
            : throw new ArgumentException($"{table} is not a table of the graph.", nameof(table));
        // Whoever has forgotten that it is executed takes part in that: nothing is computed twice.
        return pins is not null && remote is not null && await remote.UnderWayAsync(pins, cancellationToken) is { } underWay ? underWay : pins;
    }

    /// <summary>
    /// A run of a Silver table that judges all rows of its quarantine again, or the first of several; null: there are none. One that was cut off comes back first.
    /// </summary>
    internal ValueTask<JobPins?> PlanRedriveAsync(SilverContract contract, CancellationToken cancellationToken) => PlanSilverAsync(contract, options.RunRowsMax, redrives: true, cancellationToken);

    /// <summary>
    /// The Bronze table of which a Silver table can no longer read what it has not read: it has asked for nothing for longer than versions
    /// are kept, and commits or files have gone since. Null: there is none.
    /// </summary>
    /// <exception cref="PipelineException">A log cannot be read.</exception>
    public async ValueTask<TableId?> DroppedByAsync(TableId table, CancellationToken cancellationToken)
    {
        if (graph.TrySilver(table) is not { } contract || await tables.TryOpenAsync(table, cancellationToken) is not { } silver || await tables.TryOpenAsync(contract.From, cancellationToken) is not { } bronze) return null;
        if (!Delta.Log.Retentions.HasPassed(bronze.Current, silver.Current.CommittedAt, time.GetUtcNow())) return null;
        // One of another table of that name, or of a later version than there is, is told by the run.
        return Reflected.Of(silver.Current, contract.From, bronze.Current.Metadata.Id) is { } after && after < bronze.Current.Version && await BronzeRange.IsGoneAsync(bronze, after, cancellationToken) ? contract.From : null;
    }

    /// <summary>
    /// What a run computes; the same for the same pins: its statements are those that it was planned with, whatever is configured by now.
    /// They are in the lake before anything of the run is.
    /// </summary>
    /// <param name="dialect">Of the engine that shall run it.</param>
    /// <exception cref="JobSupersededException">It was planned with other statements, and nobody has begun it: plan again.</exception>
    public async ValueTask<JobSpec> ExpandAsync(JobPins pins, SqlDialect dialect, CancellationToken cancellationToken) => pins.RebuiltFrom is not null
        ? RebuildPins.Spec(pins)
        : await SpecAsync(await StatementsAsync(pins, dialect, cancellationToken), pins, dialect, cancellationToken);

    /// <summary>The same with today's contract.</summary>
    public async ValueTask<JobSpec> ExpandAsOfTodayAsync(JobPins pins, SqlDialect dialect, CancellationToken cancellationToken) =>
        await SpecAsync(await OfTodayAsync(pins, dialect, cancellationToken), pins, dialect, cancellationToken);

    private async ValueTask<JobStatements> StatementsAsync(JobPins pins, SqlDialect dialect, CancellationToken cancellationToken)
    {
        if (pins.Statements is not { } id || dialect != DialectOf(pins)) return await OfTodayAsync(pins, dialect, cancellationToken);
        var (store, path) = (tables.Lake.Store, JobStatements.PathOf(pins.Table, id));
        var kept = await store.TryGetAsync(path, cancellationToken);
        var today = kept is null ? await OfTodayAsync(pins, dialect, cancellationToken) : null;
        var isBegun = today is not null && today.Id != id && await IsBegunAsync(pins, cancellationToken);
        switch (StatementsChoice.Of(id, kept is not null, today?.Id, isBegun))
        {
            case StatementsSource.Kept:
                return JobStatements.Read($"Object {store.LocationOf(path)}/{path}", id, kept);
            case StatementsSource.OfToday:
                // Those of a first run come before the table, and lie where it will.
                if (store is PlacedStore placed && await tables.TryOpenAsync(pins.Table, cancellationToken) is null) await placed.FixAsync(pins.Table, await tables.Lake.IdAsync(cancellationToken), cancellationToken);
                // Whoever was faster has written the same.
                await store.PutIfAbsentAsync(path, today!.ToUtf8(), cancellationToken);
                return today;
            case StatementsSource.Lost:
                throw new PipelineException(FaultKind.Damaged, $"Object {store.LocationOf(path)}/{path}", $"run {pins.Id} has not finished, and its statements are gone", $"Restore the object, or run './pipeline rebuild {pins.Table}'.");
            default:
                throw new JobSupersededException($"{pins.Id} was planned with other statements than this node makes.");
        }
    }

    /// <summary>Planned by two who did not know of each other, a run's number may stand for two runs: the other one is not this.</summary>
    private async ValueTask<bool> IsBegunAsync(JobPins pins, CancellationToken cancellationToken) =>
        await tables.TryOpenAsync(pins.Table, cancellationToken) is { } table && table.Current.Position(JobPins.RunAppId) == pins.Run
        && await RunHistory.FindAsync(table, pins.Run, cancellationToken) is { } made && pins.IsSame(made.Pins);

    /// <summary>Engines elsewhere are Spark's.</summary>
    private static SqlDialect DialectOf(JobPins pins) => pins.IsElsewhere ? SqlDialect.Spark : SqlDialect.DuckDb;

    /// <summary>The run with the name of its statements. What is wrong with them says the run.</summary>
    private async ValueTask<JobPins> StatedAsync(JobPins pins, CancellationToken cancellationToken)
    {
        try
        {
            return pins with { Statements = (await OfTodayAsync(pins, DialectOf(pins), cancellationToken)).Id };
        }
        catch (PipelineException e) when (!e.IsTransient)
        {
            return pins;
        }
    }

    private async ValueTask<JobStatements> OfTodayAsync(JobPins pins, SqlDialect dialect, CancellationToken cancellationToken) => graph.TrySilver(pins.Table) is { } contract
        ? await OfSilverAsync(await ExtendedAsync(await options.KeyedAsync(contract, cancellationToken), pins, cancellationToken), pins, dialect, cancellationToken)
        : OfGold(graph.TryGold(pins.Table)!, pins, dialect);

    /// <summary>With the columns that had come by themselves before the run.</summary>
    private async ValueTask<SilverContract> ExtendedAsync(SilverContract contract, JobPins pins, CancellationToken cancellationToken) =>
        contract.Fields == FieldsPolicy.Add && !contract.Table.IsBeingBuilt && pins.TargetVersion(contract.Table) is { } version && await tables.TryOpenAsync(contract.Table, cancellationToken) is { } table
            ? AddedColumns.Of(await table.AtVersionAsync(version, cancellationToken)).Extend(contract) : contract;

    private StatedInput Stated(TableId input, JobPins pins) => new(input, pins.Input(input) is null ? JobColumn.Of(graph.ColumnsOf(input)) : []);

    private async ValueTask<JobPins?> PlanSilverAsync(SilverContract contract, long rowsMax, bool redrives, CancellationToken cancellationToken)
    {
        contract = await options.KeyedAsync(contract, cancellationToken);
        var bronze = await tables.TryOpenAsync(contract.From, cancellationToken);
        if (bronze is null) return null;

        var silver = await tables.TryOpenAsync(contract.Table, cancellationToken);
        if (silver is not null && await RunHistory.UnfinishedAsync(tables, contract.Table, silver, cancellationToken) is { } unfinished) return unfinished;
        // What is built for a table's place has the columns that this one had when it was begun.
        if (!contract.Table.IsBeingBuilt) contract = AddedColumns.Of(silver?.Current).Extend(contract);

        if (await DroppedByAsync(contract.Table, cancellationToken) is { } from)
            throw new PipelineException(FaultKind.Missing, $"Table {contract.Table}", $"what has come to {from} since it was read last can no longer be read: it has asked for nothing for longer than versions are kept",
                $"A node that runs makes it from the whole table by itself; './pipeline rebuild {contract.Table}' does so now.");

        var quarantine = await tables.TryOpenAsync(TableId.Quarantine(contract.Table.Name), cancellationToken);
        var inputs = await InputsAsync(contract.Table, silver, cancellationToken);
        var lastRun = silver?.Current.Position(JobPins.RunAppId) ?? await RunHistory.LastOfAsync(tables, contract.Table, cancellationToken);
        var isNew = Advanced(inputs[0]);
        var mayRelease = quarantine?.Current.RowCount != 0 && quarantine is not null && inputs.Exists(Advanced);
        var redriven = (silver?.Current.Position(RedrivesAppId) ?? 0) + (redrives ? 1 : 0);
        // Rows that were judged by other rules than today's: those who wait for a parent alone are among them.
        var judgesAgain = silver is not null && quarantine?.Current.RowCount is > 0 && silver.Current.Position(JudgingAppId) != ContractFingerprint.OfJudging(contract, redriven);
        if (redrives ? !judgesAgain : !isNew && !mayRelease && !judgesAgain) return null;

        var bytes = EngineRule.Weighs(contract.Engine, options) ? await BronzeRange.BytesAsync(bronze, inputs[0].After, inputs[0].Version, cancellationToken) : 0;
        var engine = contract.Masks ? new EngineChoice(EngineKind.Duckdb, options.SparkEngines.IsEmpty ? null : EngineRule.OfMasks) : EngineRule.Choose(contract.Engine, bytes, options);
        rowsMax = RowsMax(engine.Engine, rowsMax);
        var (upTo, rows) = await BronzeRange.EndAsync(bronze, inputs[0].After, inputs[0].Version, rowsMax, engine.Engine.IsSpark() ? long.MaxValue : options.RunBytesMax, cancellationToken);
        var read = await bronze.AtVersionAsync(upTo, cancellationToken);
        inputs[0] = inputs[0] with { Version = upTo, Commit = await CommitOfAsync(bronze, read, cancellationToken) };
        var deleted = await tables.TryOpenAsync(SilverTables.Deleted(contract.Table), cancellationToken);
        return await StatedAsync(new JobPins
        {
            Table = contract.Table,
            Run = lastRun + 1,
            IsAnew = lastRun > 0 && silver?.Current.Position(JobPins.RunAppId) is null ? true : null,
            RequestedAt = time.GetUtcNow(),
            Engine = engine.Engine.NameOf(),
            EngineWhy = engine.Why,
            Rows = rows,
            JudgesAgain = judgesAgain ? true : null,
            Redrives = redriven > 0 ? redriven : null,
            BronzeAhead = contract.Stops && bronze.Current.Version > upTo ? bronze.Current.Version : null,
            HeldRowsMax = quarantine?.Current.RowCount is { } waiting ? Math.Min(waiting, rowsMax) : null,
            HeldBytesMax = quarantine?.Current.RowCount is null ? null : HeldBytesMax(rowsMax),
            ReflectsUntil = read.CommittedAt,
            Inputs = [.. inputs],
            Targets =
            [
                new PinnedTarget(contract.Table, silver?.Current.Version),
                new PinnedTarget(TableId.Quarantine(contract.Table.Name), quarantine?.Current.Version),
                new PinnedTarget(SilverTables.Deleted(contract.Table), deleted?.Current.Version),
            ],
        }, cancellationToken);
    }

    /// <summary>What is configured bounds the memory of a run in process: Spark reads all, unless a run had to be made smaller.</summary>
    private long RowsMax(EngineKind engine, long rowsMax) => !engine.IsSpark() ? Math.Min(rowsMax, options.RunRowsMax) : rowsMax == options.RunRowsMax ? long.MaxValue : rowsMax;

    /// <summary>A thirty-second of a job's memory: a row stands in it many times while its documents are read and it is typed, checked and written. Less, in proportion, where less fits.</summary>
    private long HeldBytesMax(long rowsMax) =>
        Math.Max(1, (long)(options.MemoryBytesMax / options.JobsMax / 32 * Math.Min(1, (double)rowsMax / options.RunRowsMax)));

    /// <summary>A run that makes a Gold table whole, whatever it reflects; null: no input is there.</summary>
    internal async ValueTask<JobPins?> PlanWholeAsync(TableId table, CancellationToken cancellationToken) => await PlanGoldAsync(graph.TryGold(table)!, isWhole: true, cancellationToken);

    private async ValueTask<JobPins?> PlanGoldAsync(GoldNode node, bool isWhole, CancellationToken cancellationToken)
    {
        var gold = await tables.TryOpenAsync(node.Table, cancellationToken);
        var run = gold?.Current.Position(JobPins.RunAppId) ?? 0;
        var inputs = await InputsAsync(node.Table, gold, cancellationToken);
        if (node.Inputs.Count > 0 && inputs.Count == 0) return null;
        if (!isWhole && run > 0 && !inputs.Exists(Advanced) && GoldShape.Of(node.Gold).ChangesSince(gold!.Current, Fingerprint(node.Gold)).Count == 0) return null;
        var engine = EngineRule.Choose(node.Gold.Engine, EngineRule.Weighs(node.Gold.Engine, options) ? await BytesAsync(inputs, cancellationToken) : 0, options);
        return await StatedAsync(new JobPins
        {
            Table = node.Table,
            Run = run + 1,
            RequestedAt = time.GetUtcNow(),
            Engine = engine.Engine.NameOf(),
            EngineWhy = engine.Why,
            IsAnew = isWhole ? true : null,
            Inputs = [.. inputs],
            Targets = [new PinnedTarget(node.Table, gold?.Current.Version)],
        }, cancellationToken);
    }

    /// <summary>A query reads its inputs whole.</summary>
    private async ValueTask<long> BytesAsync(IEnumerable<PinnedInput> inputs, CancellationToken cancellationToken)
    {
        var bytes = 0L;
        foreach (var input in inputs)
            if (await tables.TryOpenAsync(input.Table, cancellationToken) is { } table) bytes += table.Current.Files.Sum(file => file.Size);
        return bytes;
    }

    private static bool Advanced(PinnedInput input) => input.After is not { } after || input.Version > after;

    /// <summary>The inputs that exist, with the version that the table's last run has read.</summary>
    /// <exception cref="PipelineException">A Bronze table is not the one any more of which the table has read a part.</exception>
    private async ValueTask<List<PinnedInput>> InputsAsync(TableId table, DeltaTable? made, CancellationToken cancellationToken)
    {
        var inputs = new List<PinnedInput>();
        foreach (var id in graph.InputsOf(table))
        {
            if (await tables.TryOpenAsync(id, cancellationToken) is not { } input) continue;
            var (current, after) = (input.Current, made is null ? null : Reflected.Of(made.Current, id, input.Current.Metadata.Id));
            if (id.Layer == Layer.Bronze && made is not null) await RequireHistoryAsync(table, made, id, input, after, cancellationToken);
            // What is read as a whole may be another table, or an older one.
            inputs.Add(new PinnedInput(id, after <= current.Version ? after : null, current.Version) { Id = current.Metadata.Id });
        }

        return inputs;
    }

    /// <summary>Only what comes after the version that was read is read: it must be of the same table, and that version the same.</summary>
    private async ValueTask RequireHistoryAsync(TableId table, DeltaTable made, TableId id, DeltaTable input, long? after, CancellationToken cancellationToken)
    {
        if (Reflected.IsOfAnother(made.Current, id, input.Current.Metadata.Id)) throw Other($"it was made from another table of the name {id}, which was made anew since");
        if (after > input.Current.Version) throw Other($"it was made from version {after} of {id}, which is now at version {input.Current.Version}: it was made anew, or restored from an older copy");
        if (after is not { } version || made.Current.Position(JobPins.RunAppId) is not { } run) return;
        var then = (await RunHistory.FindAsync(made, run, cancellationToken))?.Pins.Input(id);
        if (then?.Commit is not { } commit || then.Version != version || await input.TryReadCommitAsync(version, cancellationToken) is not { } actions) return;
        if (actions.OfType<Delta.Log.CommitInfo>().FirstOrDefault()?.Id is { } other && other != commit)
            throw Other($"it was made from version {version} of {id}, which is another one now: it was restored from an older copy, and rows have come since");

        PipelineException Other(string cause) => new(FaultKind.Damaged, $"Table {table}", cause, $"Look what {id} holds; then run './pipeline rebuild {table} --with-dependents'.");
    }

    private static async ValueTask<Guid?> CommitOfAsync(DeltaTable table, Delta.Log.Snapshot version, CancellationToken cancellationToken) =>
        version.CommitId ?? (await table.TryReadCommitAsync(version.Version, cancellationToken))?.OfType<Delta.Log.CommitInfo>().FirstOrDefault()?.Id;

    private async ValueTask<JobStatements> OfSilverAsync(SilverContract contract, JobPins pins, SqlDialect dialect, CancellationToken cancellationToken)
    {
        var bronze = (await tables.TryOpenAsync(contract.From, cancellationToken))!;
        var snapshot = await bronze.AtVersionAsync(pins.Input(contract.From)!.Version, cancellationToken);
        var epoch = SourceEnd.SnapshotOf(snapshot);
        var checking = new SilverSql(contract, snapshot.Schema, dialect, epoch is not null);
        var aheadEpoch = pins.BronzeAhead is { } ahead ? SourceEnd.SnapshotOf(await bronze.AtVersionAsync(ahead, cancellationToken)) : null;
        return new JobStatements
        {
            Format = JobStatements.CurrentFormat,
            Dialect = dialect.Engine,
            Kind = JobKind.Silver,
            Inputs = [Stated(contract.From, pins), .. contract.References.Select(reference => reference.Table).Distinct().Select(parent => Stated(parent, pins))],
            Columns = JobColumn.Of(checking.SilverFields),
            Key = [.. contract.Key],
            Silver = new SilverStatements(checking.Checked, new LatestSql(contract, snapshot.Schema, dialect, epoch is not null).Query, JobColumn.Of(SilverTables.QuarantineColumns(contract)),
                Rules(contract).ToImmutableSortedDictionary(rule => rule, contract.DimensionOf, StringComparer.Ordinal), checking.Apart, checking.Releasable, checking.Truncates, checking.IsTruncated, epoch,
                checking.Settled, ContractFingerprint.OfJudging(contract, pins.Redrives ?? 0), contract.Masks ? true : null, ContractShape.Of(contract).ToJson(), checking.Lacking,
                UnreadFieldsSql.Of(contract, SilverSql.BronzeFields(snapshot.Schema), BronzeShape.Of(snapshot.Schema).Document, dialect),
                options.QuarantinePercentMaxOf(contract), contract.Stops ? checking.Mended(aheadEpoch) : null, contract.Fields == FieldsPolicy.Add ? true : null),
            TimelyWithin = options.LagMax,
            Words = graph.WordsOf(contract.Table),
        };
    }

    /// <summary>Statements over the files of pinned versions.</summary>
    private async ValueTask<JobSpec> SpecAsync(JobStatements statements, JobPins pins, SqlDialect dialect, CancellationToken cancellationToken)
    {
        var inputs = new List<JobInput>();
        foreach (var input in statements.Inputs)
            inputs.Add(statements.Kind == JobKind.Silver && inputs.Count == 0 ? await BronzeAsync(pins.Input(input.Table)!, cancellationToken) : await InputAsync(input, pins, cancellationToken));
        return new JobSpec
        {
            Pins = pins,
            Kind = statements.Kind,
            Dialect = dialect,
            Inputs = [.. inputs],
            Columns = statements.Columns,
            Key = statements.Key,
            Sql = statements.Sql,
            Definition = statements.Definition,
            Contract = statements.Contract,
            Silver = statements.Silver,
            TimelyWithin = statements.TimelyWithin,
            Words = statements.Words,
        };
    }

    private async ValueTask<JobInput> BronzeAsync(PinnedInput pinned, CancellationToken cancellationToken)
    {
        var bronze = (await tables.TryOpenAsync(pinned.Table, cancellationToken))!;
        var snapshot = await bronze.AtVersionAsync(pinned.Version, cancellationToken);
        var files = pinned.After is { } after ? await BronzeRange.FilesAsync(bronze, after, pinned.Version, cancellationToken) : JobFiles.Of(snapshot);
        return new JobInput(pinned.Table, JobColumn.Of(SilverSql.BronzeFields(snapshot.Schema)), files);
    }

    private static IEnumerable<string> Rules(SilverContract contract) =>
        contract.Columns.SelectMany(column => new[] { SilverContract.RequiredRule(column.Name), SilverContract.TypeRule(column.Name) })
            .Append(SilverContract.MalformedJsonRule).Concat(contract.Rules.SelectMany(rule => new[] { rule.Name, SilverContract.ErrorRule(rule.Name) })).Concat(contract.References.Select(reference => reference.Name));

    private JobStatements OfGold(GoldNode node, JobPins pins, SqlDialect dialect) => new()
    {
        Format = JobStatements.CurrentFormat,
        Dialect = dialect.Engine,
        Kind = node.Gold.Materialization == Materialization.Merge ? JobKind.Merge : JobKind.Full,
        Inputs = [.. node.Inputs.Select(input => Stated(input, pins))],
        Columns = JobColumn.Of(node.Columns),
        Key = [.. node.Gold.Key],
        Sql = dialect.Render(node.Gold.Sql),
        Definition = Fingerprint(node.Gold),
        Words = graph.WordsOf(node.Table),
        Contract = GoldShape.Of(node.Gold).ToJson(),
    };

    /// <summary>A whole table at its pinned version; empty when it did not exist.</summary>
    private async ValueTask<JobInput> InputAsync(StatedInput input, JobPins pins, CancellationToken cancellationToken)
    {
        if (pins.Input(input.Table) is not { } pinned) return new JobInput(input.Table, input.Columns, []);
        var table = (await tables.TryOpenAsync(input.Table, cancellationToken))!;
        var snapshot = await table.AtVersionAsync(pinned.Version, cancellationToken);
        return new JobInput(pinned.Table, JobColumn.Of(snapshot.Schema.FieldsList), JobFiles.Of(snapshot));
    }

    /// <summary>Of everything that says what the table holds.</summary>
    public static long Fingerprint(GoldTable gold) =>
        BitConverter.ToInt64(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\0',
            [gold.Sql, gold.Materialization.ToString(), string.Join(',', gold.Key), .. gold.Personal.Order(StringComparer.Ordinal)])))) & long.MaxValue;
}
