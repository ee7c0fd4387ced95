using System.Runtime.CompilerServices;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Operations.Inspection;
using Pipeline.Transform.Silver;

namespace Pipeline.Operations.Verification;

/// <summary>
/// Proves from the lake alone that nothing was lost or doubled on its way: tables are there, logs are whole and this pipeline's, files are as
/// they were written, positions follow each other without gap or overlap, every Bronze row has one fate in Silver, keys are unique, Gold holds
/// what its queries return. Safe beside a running pipeline: each table is looked at as of one version.
/// </summary>
/// <param name="tables">Which tables there shall be.</param>
/// <param name="isDeep">Reads every byte.</param>
public sealed class LakeVerifier(Lake lake, LakeTables tables, bool isDeep = false)
{
    /// <summary>Everything that each check of each table finds, as they are made.</summary>
    public async IAsyncEnumerable<CheckedTable> VerifyAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var query = new LakeQuery(cancellationToken);
        var made = await MadeTables.FindAsync(lake.Store, cancellationToken);
        var there = await LakeInventory.TablesAsync(lake, cancellationToken).ToListAsync(cancellationToken);
        var ids = new Dictionary<string, TableId>(StringComparer.Ordinal);
        foreach (var id in there)
        {
            var (table, log, cause) = await OpenAsync(id, cancellationToken);
            foreach (var found in await FoundByAsync(id, new TableCheck.Presence(), () => Task.FromResult(Presence(id, table, made, ids)))) yield return found;
            foreach (var found in await OfTableAsync(id, table, log, cause, query, cancellationToken)) yield return found;
        }

        foreach (var found in await OfMissingAsync(there, made, query, cancellationToken)) yield return found;
    }

    /// <summary>What a check finds; what keeps it from being made is a flaw of this table alone.</summary>
    private static async Task<IReadOnlyList<CheckedTable>> FoundByAsync(TableId id, TableCheck check, Func<Task<IReadOnlyList<CheckedTable>>> find)
    {
        try
        {
            return await find();
        }
        catch (PipelineException e)
        {
            return [new CheckedTable(id, check, new CannotBeRead(Fault.Of(e.Thing, e)))];
        }
    }

    private static async Task<IReadOnlyList<CheckedTable>> One(Task<CheckedTable> check) => [await check];

    private static async Task<IReadOnlyList<CheckedTable>> OneOrNone(Task<CheckedTable?> check) => await check is { } found ? [found] : [];

    /// <summary>The table; where its newest version cannot be read, as of the last one that can, and why.</summary>
    private async Task<(DeltaTable? Table, LogWalk? Log, PipelineException? Cause)> OpenAsync(TableId id, CancellationToken cancellationToken)
    {
        var (table, cause) = await TryAsync(async () => await lake.TryOpenAsync(id, cancellationToken));
        var (log, unlisted) = await TryAsync(async () => await LogWalk.OfAsync(new TableLog(lake.Store, id.ToString()), id, table?.Current, MayRepeat(id), cancellationToken));
        if (table is null && log?.WholeUpTo is { } last and >= 0)
            (table, _) = await TryAsync(async () => await lake.TryOpenAsOfAsync(id, last, cancellationToken));
        return (table, log, cause ?? unlisted);
    }

    private static async Task<(T? Result, PipelineException? Cause)> TryAsync<T>(Func<Task<T?>> work)
        where T : class
    {
        try
        {
            return (await work(), null);
        }
        catch (PipelineException e)
        {
            return (null, e);
        }
    }

    /// <summary>The place of a table is its own.</summary>
    private static IReadOnlyList<CheckedTable> Presence(TableId id, DeltaTable? table, IReadOnlyDictionary<TableId, string> made, Dictionary<string, TableId> ids)
    {
        if (table?.Current.Metadata.Id is not { Length: > 0 } identity) return [];
        var isKnown = made.TryGetValue(id, out var own);
        if (!ids.TryAdd(identity, id) && own != identity) return [new CheckedTable(id, new TableCheck.Presence(), new IsAnotherTable(ids[identity]))];
        if (!isKnown || own == identity) return [];
        return [new CheckedTable(id, new TableCheck.Presence(), new IsAnotherTable(made.Where(other => other.Value == identity).Select(other => other.Key).FirstOrDefault()))];
    }

    private async Task<IReadOnlyList<CheckedTable>> OfTableAsync(TableId id, DeltaTable? table, LogWalk? log, PipelineException? cause, LakeQuery query, CancellationToken cancellationToken)
    {
        var found = new List<CheckedTable>();
        var commits = new TableCheck.Commits();
        // Where a commit is why the table cannot be read, the log says it and more.
        if (cause is not null && log?.OfCommits is not { Count: > 0 }) found.Add(new CheckedTable(id, commits, new CannotBeRead(Fault.Of(cause.Thing, cause))));
        else if (log is not null)
        {
            List<Flaw> flaws = [.. log.OfCommits, .. table?.DamagedCheckpoint is { } damage ? [new CheckpointIsDamaged(Fault.Of(damage.Thing, damage))] : Array.Empty<Flaw>()];
            found.AddRange(CheckedTable.Of(id, commits, flaws, () => new CommitsAreOurs(log.Commits, log.Oldest is 0 ? null : log.Oldest)));
        }

        if (table is null || log is null) return found;
        var snapshot = table.Current;
        var files = await FoundByAsync(id, new TableCheck.Files(), () => new FileVerifier(isDeep).CheckAsync(id, table, snapshot, cancellationToken));
        found.AddRange(files);
        // What damaged files hold cannot be judged; what the log says of them can.
        var areFilesSound = files.All(check => check.IsSound);
        foreach (var (check, readsRows, find) in Checks(id, table, snapshot, log, query, cancellationToken))
            if (areFilesSound || !readsRows) found.AddRange(await FoundByAsync(id, check, find));
        return found;
    }

    private IEnumerable<(TableCheck Check, bool ReadsRows, Func<Task<IReadOnlyList<CheckedTable>>> Find)> Checks(TableId id, DeltaTable table, Snapshot snapshot, LogWalk log, LakeQuery query, CancellationToken cancellationToken)
    {
        if (id.Layer == Layer.Bronze)
        {
            var bronze = new BronzeVerifier(lake, query);
            var positions = new TableCheck.Positions();
            yield return (new TableCheck.Rows(), false, () => OneOrNone(Task.FromResult(BronzeVerifier.CheckRows(id, snapshot, log))));
            yield return (positions, false, () => Task.FromResult<IReadOnlyList<CheckedTable>>(
                [.. CheckedTable.Of(id, positions, log.OfPositions, () => new PositionsFollow(log.Splits, log.Moves, log.Oldest is 0 ? null : log.Oldest))]));
            if (BronzeShape.Of(snapshot.Schema).Numbering is var (split, number))
                yield return (new TableCheck.Numbers(split, number), true, () => bronze.CheckNumbersAsync(id, table, snapshot, log, cancellationToken));
            yield return (new TableCheck.Letters(), false, () => OneOrNone(bronze.CheckLettersAsync(id, snapshot, cancellationToken)));
            yield return (new TableCheck.Redriven(), true, () => bronze.CheckRedrivenAsync(id, table, snapshot, cancellationToken));
        }
        else if (tables.Silver.FirstOrDefault(silver => silver.Table == id) is { } silver)
        {
            yield return (new TableCheck.Fates(silver.From), false, () => One(new SilverVerifier(lake, query).CheckFatesAsync(silver, table, cancellationToken)));
            yield return (new TableCheck.Quarantined(), false, () => Task.FromResult(Exceeding(id, silver.QuarantinePercentMax, snapshot)));
            yield return (new TableCheck.Key(silver.Key), true, () => One(CheckKeyAsync(id, table, snapshot, silver.Key, query, silver.From, cancellationToken)));
        }
        else if (id.Layer == Layer.Silver && tables == LakeTables.None)
        {
            yield return (new TableCheck.Quarantined(), false, () => Task.FromResult(Exceeding(id, percentMax: null, snapshot)));
        }
        else if (tables.Gold.FirstOrDefault(gold => gold.Table == id) is { } gold)
        {
            if (gold.Key.Length > 0) yield return (new TableCheck.Key(gold.Key), true, () => One(CheckKeyAsync(id, table, snapshot, gold.Key, query, from: null, cancellationToken)));
            yield return (new TableCheck.Query(), true, () => One(GoldVerifier.CheckQueryAsync(lake, gold, table, snapshot, cancellationToken)));
        }
    }

    /// <param name="percentMax">Null: as of the table's last run.</param>
    private static IReadOnlyList<CheckedTable> Exceeding(TableId id, int? percentMax, Snapshot snapshot) =>
        MassQuarantine.Of(snapshot) is { } mass && (percentMax ?? mass.PercentMax) is var expected && mass.Exceeds(expected)
            ? [new CheckedTable(id, new TableCheck.Quarantined(), new TooManyAreQuarantined(mass.Rows, mass.Quarantined, expected, mass.Rule))] : [];

    /// <summary>Tables that shall be here and are not, and whether they ever were.</summary>
    private async Task<IReadOnlyList<CheckedTable>> OfMissingAsync(IReadOnlyCollection<TableId> there, IReadOnlyDictionary<TableId, string> made, LakeQuery query, CancellationToken cancellationToken)
    {
        var found = new List<CheckedTable>();
        // A lake of which no node has said what it shall hold shall hold what was made in it.
        var isSaid = tables != LakeTables.None;
        // One that was built for another's place is gone when it has taken it.
        foreach (var id in made.Keys.Where(id => !there.Contains(id) && !id.IsBeingBuilt && (!isSaid || tables.Has(id))).Order(TableId.ByName))
            found.Add(new CheckedTable(id, new TableCheck.Presence(), new TableIsGone(CanBeMadeAgain(id))));
        foreach (var id in tables.Bronze.Select(bronze => bronze.Table).Concat(tables.Gold.Select(gold => gold.Table)).Where(IsNew))
            found.Add(new CheckedTable(id, new TableCheck.Presence(), new IsNotMadeYet()));
        foreach (var silver in tables.Silver.Where(silver => IsNew(silver.Table)))
            found.AddRange(await FoundByAsync(silver.Table, new TableCheck.Fates(silver.From), () => One(new SilverVerifier(lake, query).CheckFatesAsync(silver, table: null, cancellationToken))));
        return found;

        bool IsNew(TableId id) => !there.Contains(id) && !made.ContainsKey(id);
    }

    /// <summary>Only of what comes from elsewhere and of what is counted nowhere else there is no second copy.</summary>
    private bool CanBeMadeAgain(TableId id) => tables.Silver.Any(silver => silver.Table == id) || tables.Gold.Any(gold => gold.Table == id);

    private bool MayRepeat(TableId id) => tables.Bronze.Any(bronze => bronze.Table == id && bronze.RowsMayRepeat);

    /// <param name="from">The Bronze table whose histories the rows are of; null: of none.</param>
    private async Task<CheckedTable> CheckKeyAsync(TableId id, DeltaTable table, Snapshot snapshot, IReadOnlyList<string> key, LakeQuery query, TableId? from, CancellationToken cancellationToken)
    {
        var names = DuckDb.Sql.Names(key);
        var doubled = await query.RowsAsync(table, snapshot, $"{names}, count(*)", $"GROUP BY {names} HAVING count(*) > 1 LIMIT 1");
        return new CheckedTable(id, new TableCheck.Key(key), doubled.Count == 0 ? new KeysAreUnique(await EarlierAsync(table, snapshot, query, from, cancellationToken)) : new KeyOccursAgain(doubled[0][..^1], Convert.ToInt64(doubled[0][^1])));
    }

    /// <summary>Rows of earlier histories than the one that is read: a source without snapshots never says that it has not got them any more.</summary>
    private async Task<long> EarlierAsync(DeltaTable table, Snapshot snapshot, LakeQuery query, TableId? from, CancellationToken cancellationToken)
    {
        if (from is null || (await lake.TryOpenAsync(from, cancellationToken))?.Current.Histories.Newest is not { Rows.Order: > 0 and var newest }) return 0;
        // A table has the column with its first row of a later one.
        if (!snapshot.Schema.FieldsLookup.Contains(BronzeColumns.Epoch)) return snapshot.RowCount ?? 0;
        return Convert.ToInt64((await query.RowsAsync(table, snapshot, FormattableString.Invariant($"count(*) FILTER ({RowEpochSql.OrderOf(snapshot.Schema)} < {newest})")))[0][0]);
    }
}
