using System.Globalization;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.DuckDb;
using Pipeline.Ingest.DeadLetters;
using Pipeline.Operations.Inspection;

namespace Pipeline.Operations.Verification;

/// <summary>Whether Bronze holds each record of its splits once.</summary>
public sealed class BronzeVerifier(Lake lake, LakeQuery query, IReadOnlySet<TableId> repeating)
{
    /// <summary>
    /// Reads the log: every commit takes each split further from where the commit before left it, and its rows lie in
    /// exactly that range. A redrive brings rows without moving a split; its number goes up by one. Commits that a clean-up
    /// has removed are not looked at.
    /// </summary>
    public async Task<CheckedTable> CheckPositionsAsync(TableId id, DeltaTable table, Snapshot snapshot, CancellationToken cancellationToken) =>
        new(id, new TableCheck.Positions(), await PositionsAsync(id, table, snapshot, cancellationToken));

    /// <summary>Where records are numbered: none twice, and none missing up to the position. Null elsewhere.</summary>
    public async Task<CheckedTable?> CheckNumbersAsync(TableId id, DeltaTable table, Snapshot snapshot, CancellationToken cancellationToken) =>
        BronzeShape.Of(snapshot.Schema).Numbering is var (split, number)
            ? new CheckedTable(id, new TableCheck.Numbers(split, number), await NumbersAsync(id, table, snapshot, split, number, cancellationToken))
            : null;

    /// <summary>Where rows were re-driven: each once and with its dead letter. Null elsewhere.</summary>
    public async Task<CheckedTable?> CheckRedrivenAsync(TableId id, DeltaTable table, Snapshot snapshot, CancellationToken cancellationToken) =>
        HasRedriven(snapshot) ? new CheckedTable(id, new TableCheck.Redriven(), await RedrivenAsync(id, table, snapshot, cancellationToken)) : null;

    private async Task<Evidence> PositionsAsync(TableId id, DeltaTable table, Snapshot snapshot, CancellationToken cancellationToken)
    {
        var oldest = await OldestCommitAsync(table, cancellationToken);
        var areRowsInRange = BronzeShape.Of(snapshot.Schema).ArePositionsInRange;
        var positions = new Dictionary<SplitId, long>();
        var moves = 0;
        long? redrives = oldest == 0 ? 0 : null;
        await foreach (var (version, actions) in table.ChangesAsync(oldest - 1, snapshot.Version, cancellationToken))
        {
            var ranges = new List<(long? From, long To)>();
            foreach (var txn in actions.OfType<TxnAction>().Where(txn => txn.AppId.StartsWith($"{id.Source}/", StringComparison.Ordinal)))
            {
                var split = SplitId.Parse(txn.AppId);
                long? from = positions.TryGetValue(split, out var known) ? known : null;
                if (txn.Version <= from) return new PositionWentBack(version, split, from.Value, txn.Version);
                positions[split] = txn.Version;
                ranges.Add((from, txn.Version));
                moves++;
            }

            if (actions.OfType<TxnAction>().FirstOrDefault(txn => txn.AppId == Redrive.AppId) is { } redrive)
            {
                if (redrive.Version != (redrives ?? redrive.Version - 1) + 1) return new RedriveIsOutOfTurn(version, redrives, redrive.Version);
                redrives = redrive.Version;
                continue;
            }

            foreach (var file in actions.OfType<AddFile>().Where(file => file.DataChange && areRowsInRange))
                if (Outside(version, file, ranges, mayRepeat: repeating.Contains(id)) is { } flaw) return flaw;
        }

        foreach (var (split, position) in positions)
            if (snapshot.Position(split) != position) return new PositionDiffers(split, snapshot.Position(split), position);
        return new PositionsFollow(positions.Count, moves, oldest == 0 ? null : oldest);
    }

    private async Task<Evidence> NumbersAsync(TableId id, DeltaTable table, Snapshot snapshot, string splitColumn, string numberColumn, CancellationToken cancellationToken)
    {
        var dead = await DeadLettersAsync(id, snapshot, cancellationToken);
        // A re-driven record is a dead letter and a row.
        var redriven = HasRedriven(snapshot) ? $"count({BronzeColumns.RedrivenFrom})" : "0";
        long missing = 0, records = 0;
        var name = Sql.Name(numberColumn);
        foreach (var row in await query.RowsAsync(table, snapshot, $"CAST({Sql.Name(splitColumn)} AS VARCHAR), count(*), count(DISTINCT {name}), min({name}), max({name}), {redriven}", "GROUP BY 1"))
        {
            var (split, rows, numbers, first, last) = ((string)row[0]!, Number(row[1]), Number(row[2]), Number(row[3]), Number(row[4]));
            if (numbers < rows) return new RecordsAreThereTwice(split, rows - numbers);
            var position = snapshot.Txns.Values.Where(txn => IsSplit(txn.AppId, id, split)).Select(txn => (long?)txn.Version).Max();
            if (position is { } end && last >= end) return new RecordIsBeyondPosition(split, last, end);
            var before = dead.GetValueOrDefault(split);
            records += rows;
            missing += (position ?? last + 1) - Math.Min(first, before.First ?? first) - rows - (before.Count - Number(row[5]));
        }

        return missing >= 0 ? new RecordsAreThereOnce(records, missing) : new DeadLettersAreRows(-missing);
    }

    private async Task<Evidence> RedrivenAsync(TableId id, DeltaTable table, Snapshot snapshot, CancellationToken cancellationToken)
    {
        string[] files = [.. snapshot.FilesWith(BronzeColumns.RedrivenFrom).Select(file => file.Path)];
        var letters = await lake.TryOpenAsync(TableId.DeadLetter(id.Source!), cancellationToken);
        var dead = letters is null ? "SELECT '' AS _table, '' AS _split, 0 AS _position WHERE false"
            : await query.RelationAsync(letters, letters.Current, [.. letters.Current.FilesByPath.Keys]);
        var row = query.Rows($"""
            WITH redriven AS (
              SELECT {BronzeColumns.RedrivenFrom} AS _split, _position, count(*) AS times FROM ({await query.RelationAsync(table, snapshot, files)}) AS t
              WHERE {BronzeColumns.RedrivenFrom} IS NOT NULL GROUP BY ALL)
            SELECT coalesce(CAST(sum(times) AS BIGINT), 0), count(*),
              count(*) FILTER ((_split, _position) NOT IN (SELECT (_split, _position) FROM ({dead}) AS l WHERE _table = {Sql.Text(id.Name)}))
            FROM redriven
            """)[0];
        var (rows, records, strangers) = (Number(row[0]), Number(row[1]), Number(row[2]));
        if (records < rows) return new RedrivenAreThereTwice(rows - records);
        return strangers == 0 ? new RedrivenAreThereOnce(rows) : new RedrivenHaveNoLetter(strangers);
    }

    private static bool HasRedriven(Snapshot snapshot) => snapshot.Schema.FieldsLookup.Contains(BronzeColumns.RedrivenFrom);

    /// <summary>
    /// Dead letters of a table by the end of their split's name: how many, and the first number. They are committed before the table: those
    /// that it has not passed do not count.
    /// </summary>
    private async Task<Dictionary<string, (long Count, long? First)>> DeadLettersAsync(TableId id, Snapshot passed, CancellationToken cancellationToken)
    {
        if (await lake.TryOpenAsync(TableId.DeadLetter(id.Source!), cancellationToken) is not { } table) return new(StringComparer.Ordinal);
        var positions = string.Concat(passed.Txns.Values.Where(txn => txn.AppId.StartsWith($"{id.Source}/", StringComparison.Ordinal))
            .Select(txn => string.Create(CultureInfo.InvariantCulture, $" WHEN _split = {Sql.Text(txn.AppId)} THEN _position < {txn.Version}")));
        var rows = await query.RowsAsync(table, table.Current, "regexp_extract(_split, '[^/]+$'), count(*), min(_position)",
            $"WHERE _table = {Sql.Text(id.Name)} AND CASE WHEN false THEN false{positions} ELSE false END GROUP BY 1");
        return rows.ToDictionary(row => (string)row[0]!, row => (Number(row[1]), (long?)Number(row[2])), StringComparer.Ordinal);
    }

    private static bool IsSplit(string appId, TableId id, string name) =>
        appId.StartsWith($"{id.Source}/", StringComparison.Ordinal) && appId.EndsWith($"/{name}", StringComparison.Ordinal);

    private static async Task<long> OldestCommitAsync(DeltaTable table, CancellationToken cancellationToken)
    {
        long oldest = 0;
        await foreach (var (version, _) in table.HistoryAsync(cancellationToken)) oldest = version;
        return oldest;
    }

    /// <summary>What is wrong with a file's rows by its statistics; null: nothing, or it has none.</summary>
    private static Flaw? Outside(long version, AddFile file, List<(long? From, long To)> ranges, bool mayRepeat)
    {
        if (file.RowCount is 0 || file.Stats is null) return null;
        if (ranges.Count == 0) return new FileMovesNothing(version, file.Path);
        if (Statistics.Bounds(file.Stats, BronzeColumns.Position) is not var (min, max)) return null;
        var to = ranges.Max(range => range.To);
        long? from = mayRepeat || ranges.Exists(range => range.From is null) ? null : ranges.Min(range => range.From);
        return max >= to || min < from ? new FileIsOutsideItsRange(version, min, max, from, to) : null;
    }

    private static long Number(object? value) => Convert.ToInt64(value, CultureInfo.InvariantCulture);
}
