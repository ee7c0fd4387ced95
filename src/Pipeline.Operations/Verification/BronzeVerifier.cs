using System.Globalization;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.DuckDb;
using Pipeline.Operations.Inspection;

namespace Pipeline.Operations.Verification;

/// <summary>Whether Bronze holds each record of its splits once.</summary>
internal sealed class BronzeVerifier(Lake lake, LakeQuery query)
{
    /// <summary>
    /// The rows of its files are those that its commits have added, less those that were removed on purpose. Null: nobody has counted, and
    /// the log does not reach back to the beginning.
    /// </summary>
    public static CheckedTable? CheckRows(TableId id, Snapshot snapshot, LogWalk walk)
    {
        var removed = snapshot.Position(RowCounts.Removed) ?? 0;
        if ((snapshot.Position(RowCounts.Added) ?? (walk.IsComplete ? walk.Added : null)) is not { } added || snapshot.RowCount is not { } rows) return null;
        return new CheckedTable(id, new TableCheck.Rows(), rows == added - removed ? new RowsAreAdded(rows, added, removed) : new RowsAreNotAsAdded(rows, added, removed));
    }

    /// <summary>The dead letters that the table's commits speak of are there. Null: they speak of none.</summary>
    public async Task<CheckedTable?> CheckLettersAsync(TableId id, Snapshot snapshot, CancellationToken cancellationToken)
    {
        if (snapshot.Position(RowCounts.Letters) is not ({ } said and > 0)) return null;
        var found = (await LettersAsync(id, snapshot, cancellationToken)).Values.Sum(letters => letters.Count);
        return new CheckedTable(id, new TableCheck.Letters(), found >= said ? new LettersAreThere(found) : new LettersAreMissing(said, found));
    }

    /// <summary>Where records are numbered: none twice, and none missing up to the position that the source had. Null elsewhere.</summary>
    public async Task<IReadOnlyList<CheckedTable>> CheckNumbersAsync(TableId id, DeltaTable table, Snapshot snapshot, LogWalk walk, CancellationToken cancellationToken)
    {
        if (BronzeShape.Of(snapshot.Schema).Numbering is not var (split, number)) return [];
        var flaws = new List<Flaw>();
        var evidence = await NumbersAsync(id, table, snapshot, walk, split, number, flaws, cancellationToken);
        return [.. CheckedTable.Of(id, new TableCheck.Numbers(split, number), flaws, () => evidence)];
    }

    /// <summary>Where rows were re-driven: each once and with its dead letter. Nothing elsewhere.</summary>
    public async Task<IReadOnlyList<CheckedTable>> CheckRedrivenAsync(TableId id, DeltaTable table, Snapshot snapshot, CancellationToken cancellationToken)
    {
        if (!HasRedriven(snapshot)) return [];
        string[] files = [.. snapshot.FilesWith(BronzeColumns.RedrivenFrom).Select(file => file.Path)];
        var letters = await lake.TryOpenAsync(TableId.DeadLetter(id.Source!), cancellationToken);
        var (letter, record) = ($"_split, _position, {(letters is null ? "0" : RowEpochSql.ReadOf(letters.Current.Schema))}", $"{BronzeColumns.RedrivenFrom} AS _split, _position, {RowEpochSql.ReadOf(snapshot.Schema)} AS epoch");
        var dead = letters is null ? "SELECT '' AS _table, '' AS _split, 0 AS _position WHERE false"
            : await query.RelationAsync(letters, letters.Current, [.. letters.Current.FilesByPath.Keys], $"_table, {letter}");
        var row = query.Rows($"""
            WITH redriven AS (
              SELECT {record}, count(*) AS times FROM ({await query.RelationAsync(table, snapshot, files, record)}) AS t
              WHERE {BronzeColumns.RedrivenFrom} IS NOT NULL GROUP BY ALL)
            SELECT coalesce(CAST(sum(times) AS BIGINT), 0), count(*),
              count(*) FILTER ((_split, _position, epoch) NOT IN (SELECT ({letter}) FROM ({dead}) AS l WHERE _table = {Sql.Text(id.Name)}))
            FROM redriven
            """)[0];
        var (rows, records, strangers) = (Number(row[0]), Number(row[1]), Number(row[2]));
        var flaws = new List<Flaw>();
        if (records < rows) flaws.Add(new RedrivenAreThereTwice(rows - records));
        if (strangers > 0) flaws.Add(new RedrivenHaveNoLetter(strangers));
        return [.. CheckedTable.Of(id, new TableCheck.Redriven(), flaws, () => new RedrivenAreThereOnce(rows))];
    }

    private async Task<Evidence> NumbersAsync(TableId id, DeltaTable table, Snapshot snapshot, LogWalk walk, string splitColumn, string numberColumn, List<Flaw> flaws, CancellationToken cancellationToken)
    {
        var dead = await LettersAsync(id, snapshot, cancellationToken);
        // A re-driven record is a dead letter and a row.
        var redriven = HasRedriven(snapshot) ? $"count({BronzeColumns.RedrivenFrom})" : "0";
        long missing = 0, records = 0;
        var name = Sql.Name(numberColumn);
        // Each history of the source has numbers of its own, and each reading of one its own rows.
        foreach (var row in await query.RowsAsync(table, snapshot, $"CAST({Sql.Name(splitColumn)} AS VARCHAR), count(*), count(DISTINCT {name}), min({name}), max({name}), {redriven}, {RowEpochSql.ReadOf(snapshot.Schema)}", "GROUP BY 1, 7 ORDER BY 1, 7"))
        {
            var (split, rows, numbers, first, last, epoch) = ((string)row[0]!, Number(row[1]), Number(row[2]), Number(row[3]), Number(row[4]), (int)Number(row[6]));
            if (numbers < rows) flaws.Add(new RecordsAreThereTwice(split, rows - numbers));
            var read = PositionsOf(id, snapshot).Where(at => at.Epoch == epoch && at.Split.ToString().EndsWith($"/{split}", StringComparison.Ordinal)).OrderByDescending(at => at.Position).Select(at => ((SplitId Split, int Epoch, long Position)?)at).FirstOrDefault();
            var position = read?.Position;
            if (position is { } end && last >= end) flaws.Add(new RecordIsBeyondPosition(split, last, end));
            var before = dead.GetValueOrDefault((split, epoch));
            records += rows;
            var begin = Math.Min(first, before.First ?? first);
            missing += (position ?? last + 1) - begin - PassedOver(snapshot, read?.Split, epoch, begin) - numbers - (before.Count - Number(row[5]));
        }

        var givenUp = (snapshot.Position(RowCounts.GivenUp) ?? 0) + walk.GivenUpUncounted;
        if (missing < 0) flaws.Add(new DeadLettersAreRows(-missing));
        // What a release before has read it has not counted: there nobody knows why a number has no record.
        var isCounted = snapshot.Position(RowCounts.Since) == 0;
        var unused = isCounted ? snapshot.Position(RowCounts.Unused) ?? 0 : Math.Max(0, missing - givenUp);
        if (isCounted && missing > unused + givenUp) flaws.Add(new NumbersAreMissing(missing - unused - givenUp, unused, givenUp));
        return new RecordsAreThereOnce(records, Math.Max(0, missing - Math.Min(givenUp, missing)), Math.Min(givenUp, missing));
    }

    /// <summary>Numbers that a reading has left out because an earlier one has them: those between the end of a part that was read again and where its split went on.</summary>
    /// <param name="begin">The first number of the reading.</param>
    private static long PassedOver(Snapshot snapshot, SplitId? split, int epoch, long begin) =>
        split is { } id && snapshot.Position(SplitHistory.PartEndIdOf(id, epoch)) is { } end && begin < end
            && snapshot.Position(SplitHistory.AppIdOf(id, epoch - 1)) is { } back ? back - end : 0;

    private static bool HasRedriven(Snapshot snapshot) => snapshot.Schema.FieldsLookup.Contains(BronzeColumns.RedrivenFrom);

    /// <summary>
    /// Dead letters of a table by the end of their split's name and their epoch: how many, and the first number. They are committed before the
    /// table: those that it has not passed do not count.
    /// </summary>
    private async Task<Dictionary<(string Part, int Epoch), (long Count, long? First)>> LettersAsync(TableId id, Snapshot passed, CancellationToken cancellationToken)
    {
        if (await lake.TryOpenAsync(TableId.DeadLetter(id.Source!), cancellationToken) is not { } table) return [];
        var positions = string.Concat(PositionsOf(id, passed)
            .Select(at => string.Create(CultureInfo.InvariantCulture, $" WHEN _split = {Sql.Text(at.Split.ToString())} AND {RowEpochSql.ReadOf(table.Current.Schema)} = {at.Epoch} THEN _position < {at.Position}")));
        var rows = await query.RowsAsync(table, table.Current, $"regexp_extract(_split, '[^/]+$'), count(*), min(_position), {RowEpochSql.ReadOf(table.Current.Schema)}",
            $"WHERE _table = {Sql.Text(id.Name)} AND CASE WHEN false THEN false{positions} ELSE false END GROUP BY 1, 4");
        return rows.ToDictionary(row => ((string)row[0]!, (int)Number(row[3])), row => (Number(row[1]), (long?)Number(row[2])));
    }

    /// <summary>Where the splits of the table's source are, in every history of it that the table has known.</summary>
    private static IEnumerable<(SplitId Split, int Epoch, long Position)> PositionsOf(TableId id, Snapshot snapshot)
    {
        foreach (var txn in snapshot.Txns.Values.Where(txn => txn.AppId.StartsWith($"{id.Source}/", StringComparison.Ordinal)))
        {
            var (split, epoch) = SplitHistory.ParseAppId(txn.AppId);
            yield return (split, epoch, txn.Version);
        }
    }

    private static long Number(object? value) => Convert.ToInt64(value, CultureInfo.InvariantCulture);
}
