using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Graph;
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
        var pins = graph.TrySilver(table) is { } contract ? await PlanSilverAsync(contract, rowsMax, cancellationToken)
            : graph.TryGold(table) is { } node ? await PlanGoldAsync(node, cancellationToken)
            : throw new ArgumentException($"{table} is not a table of the graph.", nameof(table));
        // Whoever has forgotten that it is executed takes part in that: nothing is computed twice.
        return pins is not null && remote is not null && await remote.UnderWayAsync(pins, cancellationToken) is { } underWay ? underWay : pins;
    }

    /// <summary>What a run computes; the same for the same pins.</summary>
    /// <param name="dialect">Of the engine that shall run it.</param>
    public async ValueTask<JobSpec> ExpandAsync(JobPins pins, SqlDialect dialect, CancellationToken cancellationToken) =>
        graph.TrySilver(pins.Table) is { } contract ? await ExpandSilverAsync(contract, pins, dialect, cancellationToken)
        : await ExpandGoldAsync(graph.TryGold(pins.Table)!, pins, dialect, cancellationToken);

    private async ValueTask<JobPins?> PlanSilverAsync(SilverContract contract, long rowsMax, CancellationToken cancellationToken)
    {
        var bronze = await tables.TryOpenAsync(contract.From, cancellationToken);
        if (bronze is null) return null;

        var silver = await tables.TryOpenAsync(contract.Table, cancellationToken);
        if (silver is not null && await RunHistory.UnfinishedAsync(tables, contract.Table, silver, cancellationToken) is { } unfinished) return unfinished;

        var quarantine = await tables.TryOpenAsync(TableId.Quarantine(contract.Table.Name), cancellationToken);
        var inputs = await InputsAsync(contract.Table, silver, cancellationToken);
        var isNew = Advanced(inputs[0]);
        var mayRelease = quarantine?.Current.RowCount != 0 && quarantine is not null && inputs.Exists(Advanced);
        if (!isNew && !mayRelease) return null;

        var bytes = EngineRule.Weighs(contract.Engine, options) ? await BronzeRange.BytesAsync(bronze, inputs[0].After, inputs[0].Version, cancellationToken) : 0;
        var engine = EngineRule.Choose(contract.Engine, bytes, options);
        rowsMax = RowsMax(engine.Engine, rowsMax);
        var (upTo, rows) = await BronzeRange.EndAsync(bronze, inputs[0].After, inputs[0].Version, rowsMax, engine.Engine.IsSpark() ? long.MaxValue : options.RunBytesMax, cancellationToken);
        inputs[0] = inputs[0] with { Version = upTo };
        var deleted = await tables.TryOpenAsync(SilverTables.Deleted(contract.Table), cancellationToken);
        return new JobPins
        {
            Table = contract.Table,
            Run = (silver?.Current.Position(JobPins.RunAppId) ?? 0) + 1,
            RequestedAt = time.GetUtcNow(),
            Engine = engine.Engine.NameOf(),
            EngineWhy = engine.Why,
            Rows = rows,
            HeldRowsMax = quarantine?.Current.RowCount is { } waiting ? Math.Min(waiting, rowsMax) : null,
            HeldBytesMax = quarantine?.Current.RowCount is null ? null : HeldBytesMax(rowsMax),
            ReflectsUntil = (await bronze.AtVersionAsync(upTo, cancellationToken)).CommittedAt,
            Inputs = [.. inputs],
            Targets =
            [
                new PinnedTarget(contract.Table, silver?.Current.Version),
                new PinnedTarget(TableId.Quarantine(contract.Table.Name), quarantine?.Current.Version),
                new PinnedTarget(SilverTables.Deleted(contract.Table), deleted?.Current.Version),
            ],
        };
    }

    /// <summary>What is configured bounds the memory of a run in process: Spark reads all, unless a run had to be made smaller.</summary>
    private long RowsMax(EngineKind engine, long rowsMax) => !engine.IsSpark() ? Math.Min(rowsMax, options.RunRowsMax) : rowsMax == options.RunRowsMax ? long.MaxValue : rowsMax;

    /// <summary>A thirty-second of a job's memory: a row stands in it many times while its documents are read and it is typed, checked and written. Less, in proportion, where less fits.</summary>
    private long HeldBytesMax(long rowsMax) =>
        Math.Max(1, (long)(options.MemoryBytesMax / options.JobsMax / 32 * Math.Min(1, (double)rowsMax / options.RunRowsMax)));

    private async ValueTask<JobPins?> PlanGoldAsync(GoldNode node, CancellationToken cancellationToken)
    {
        var gold = await tables.TryOpenAsync(node.Table, cancellationToken);
        var run = gold?.Current.Position(JobPins.RunAppId) ?? 0;
        var inputs = await InputsAsync(node.Table, gold, cancellationToken);
        if (node.Inputs.Count > 0 && inputs.Count == 0) return null;
        if (run > 0 && !inputs.Exists(Advanced) && gold!.Current.Position(DefinitionAppId) == Fingerprint(node.Gold)) return null;
        var engine = EngineRule.Choose(node.Gold.Engine, EngineRule.Weighs(node.Gold.Engine, options) ? await BytesAsync(inputs, cancellationToken) : 0, options);
        return new JobPins
        {
            Table = node.Table,
            Run = run + 1,
            RequestedAt = time.GetUtcNow(),
            Engine = engine.Engine.NameOf(),
            EngineWhy = engine.Why,
            Inputs = [.. inputs],
            Targets = [new PinnedTarget(node.Table, gold?.Current.Version)],
        };
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
    private async ValueTask<List<PinnedInput>> InputsAsync(TableId table, DeltaTable? made, CancellationToken cancellationToken)
    {
        var inputs = new List<PinnedInput>();
        foreach (var id in graph.InputsOf(table))
        {
            if (await tables.TryOpenAsync(id, cancellationToken) is not { } input) continue;
            var after = made?.Current.Position(id);
            if (after > input.Current.Version)
                throw new PipelineException(FaultKind.Damaged, $"Table {table}", $"it was made from version {after} of {id}, which is now at version {input.Current.Version}",
                    $"If {id} was made anew, remove {table} so that it is made anew too.");
            inputs.Add(new PinnedInput(id, after, input.Current.Version));
        }

        return inputs;
    }

    private async ValueTask<JobSpec> ExpandSilverAsync(SilverContract contract, JobPins pins, SqlDialect dialect, CancellationToken cancellationToken)
    {
        var pinned = pins.Input(contract.From)!;
        var bronze = (await tables.TryOpenAsync(contract.From, cancellationToken))!;
        var snapshot = await bronze.AtVersionAsync(pinned.Version, cancellationToken);
        var epoch = SourceEnd.SnapshotOf(snapshot);
        var checking = new SilverSql(contract, snapshot.Schema, dialect, epoch is not null);
        var files = pinned.After is { } after ? await BronzeRange.FilesAsync(bronze, after, pinned.Version, cancellationToken) : JobFiles.Of(snapshot);

        var inputs = new List<JobInput> { new(pinned.Table, JobColumn.Of(SilverSql.BronzeFields(snapshot.Schema)), files) };
        foreach (var parent in contract.References.Select(reference => reference.Table).Distinct())
            inputs.Add(await InputAsync(parent, pins, cancellationToken));
        return new JobSpec
        {
            Pins = pins,
            Kind = JobKind.Silver,
            Dialect = dialect,
            Inputs = [.. inputs],
            Columns = JobColumn.Of(checking.SilverFields),
            Key = [.. contract.Key],
            Silver = new SilverStatements(checking.Checked, new LatestSql(contract, snapshot.Schema, dialect, epoch is not null).Query, JobColumn.Of(SilverTables.QuarantineColumns(contract)),
                Rules(contract).ToImmutableDictionary(rule => rule, contract.DimensionOf), checking.Apart, checking.Releasable, checking.Truncates, checking.IsTruncated, epoch),
            TimelyWithin = options.LagMax,
        };
    }

    private static IEnumerable<string> Rules(SilverContract contract) =>
        contract.Columns.SelectMany(column => new[] { SilverContract.RequiredRule(column.Name), SilverContract.TypeRule(column.Name) })
            .Append(SilverContract.MalformedJsonRule).Concat(contract.Rules.SelectMany(rule => new[] { rule.Name, SilverContract.ErrorRule(rule.Name) })).Concat(contract.References.Select(reference => reference.Name));

    private async ValueTask<JobSpec> ExpandGoldAsync(GoldNode node, JobPins pins, SqlDialect dialect, CancellationToken cancellationToken)
    {
        var inputs = new List<JobInput>();
        foreach (var input in node.Inputs) inputs.Add(await InputAsync(input, pins, cancellationToken));
        return new JobSpec
        {
            Pins = pins,
            Kind = node.Gold.Materialization == Materialization.Merge ? JobKind.Merge : JobKind.Full,
            Dialect = dialect,
            Inputs = [.. inputs],
            Columns = JobColumn.Of(node.Columns),
            Key = [.. node.Gold.Key],
            Sql = dialect.Render(node.Gold.Sql),
            Definition = Fingerprint(node.Gold),
        };
    }

    /// <summary>A whole table at its pinned version; empty when it did not exist.</summary>
    private async ValueTask<JobInput> InputAsync(TableId id, JobPins pins, CancellationToken cancellationToken)
    {
        if (pins.Input(id) is not { } pinned) return new JobInput(id, JobColumn.Of(graph.ColumnsOf(id)), []);
        var table = (await tables.TryOpenAsync(id, cancellationToken))!;
        var snapshot = await table.AtVersionAsync(pinned.Version, cancellationToken);
        return new JobInput(pinned.Table, JobColumn.Of(snapshot.Schema.FieldsList), JobFiles.Of(snapshot));
    }

    /// <summary>Of everything that says what the table holds.</summary>
    public static long Fingerprint(GoldTable gold) =>
        BitConverter.ToInt64(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\0',
            [gold.Sql, gold.Materialization.ToString(), string.Join(',', gold.Key), .. gold.Personal.Order(StringComparer.Ordinal)])))) & long.MaxValue;
}
