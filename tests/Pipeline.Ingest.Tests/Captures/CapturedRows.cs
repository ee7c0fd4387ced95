using System.Globalization;
using DuckDB.NET.Data;
using Npgsql;
using Pipeline.Core;

namespace Pipeline.Ingest.Tests.Captures;

/// <summary>
/// Rows of a table as text: those of the server, and those that the lake's log of changes comes to by the rules that are written down for
/// it (order by epoch, place and sequence; a delete deletes, a truncate empties, what is not carried stays, a finished snapshot is all that
/// there is). It shares no code with the product.
/// </summary>
internal static class CapturedRows
{
    public static async Task<(IReadOnlyList<string> Columns, IReadOnlyList<string> Rows)> OfServerAsync(NpgsqlDataSource database, string table, string select, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand($"select {select} from public.{table}");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var columns = Enumerable.Range(0, reader.FieldCount).Select(reader.GetName).Order(StringComparer.Ordinal).ToList();
        var rows = new List<string>();
        while (await reader.ReadAsync(cancellationToken))
            rows.Add(TextOf(columns, column => reader[column] is var value and not DBNull ? Convert.ToString(value, CultureInfo.InvariantCulture) : null));
        return (columns, rows);
    }

    public static async Task<IReadOnlyList<string>> OfLakeAsync(LakeOracle oracle, TableId table, IReadOnlyList<string> columns)
    {
        var histories = (await oracle.Lake.TryOpenAsync(table, CancellationToken.None))!.Current;
        var changes = (await ChangesAsync(oracle, table)).OrderBy(change => (change.Epoch, change.Position, change.Sequence)).ToList();
        var rows = new Dictionary<string, (long Epoch, IReadOnlyDictionary<string, string?> Values)>(StringComparer.Ordinal);
        foreach (var change in changes)
        {
            if (change.Op == "t") rows.Clear();
            else if (change.Op == "d") rows.Remove(change.Values["id"]!);
            else
            {
                var before = rows.GetValueOrDefault(change.Values["id"]!) is { Values: { } known } last && last.Epoch == change.Epoch ? known : new Dictionary<string, string?>(StringComparer.Ordinal);
                rows[change.Values["id"]!] = (change.Epoch, change.Carried is null ? change.Values
                    : change.Values.ToDictionary(pair => pair.Key, pair => change.Carried.Contains(pair.Key) ? pair.Value : before.GetValueOrDefault(pair.Key), StringComparer.Ordinal));
            }
        }

        var snapshots = histories.Histories.BySplit.Where(split => split.Value.IsSnapshot).GroupBy(split => split.Value.Epoch).MaxBy(splits => splits.Key);
        var from = snapshots?.All(split => histories.Position(split.Key) == long.MaxValue) == true ? snapshots.Key : 0;
        return [.. rows.Values.Where(row => row.Epoch >= from).Select(row => TextOf(columns, column => row.Values.GetValueOrDefault(column)))];
    }

    /// <summary>What a table's log says of its splits, and its commits, for people.</summary>
    public static async Task<IReadOnlyList<string>> HistoryAsync(LakeOracle oracle, TableId table)
    {
        var delta = (await oracle.Lake.TryOpenAsync(table, CancellationToken.None))!;
        var lines = delta.Current.Histories.BySplit.Select(split => $"{split.Key}: {split.Value}, at {delta.Current.Position(split.Key)}").ToList();
        lines.AddRange(delta.Current.Txns.Values.Select(txn => $"{txn.AppId} = {txn.Version}"));
        lines.AddRange((await ChangesAsync(oracle, table)).OrderBy(change => (change.Epoch, change.Position, change.Sequence)).TakeLast(40).Select(change => $"epoch {change.Epoch}, {change.Position}/{change.Sequence}: {change.Op} {change.Values["id"]}"));
        await foreach (var (version, info) in delta.HistoryAsync(CancellationToken.None)) lines.Add($"{version}: {info?.Operation} {string.Join(", ", info?.OperationParameters?.Select(pair => $"{pair.Key}={pair.Value}") ?? [])}");
        return lines;
    }

    /// <summary>The values of a column in all changes of one operation.</summary>
    public static async Task<IReadOnlyList<string?>> ValuesAsync(LakeOracle oracle, TableId table, string op, string column) =>
        [.. (await ChangesAsync(oracle, table)).Where(change => change.Op == op).Select(change => change.Values[column])];

    private static async Task<IReadOnlyList<Change>> ChangesAsync(LakeOracle oracle, TableId table)
    {
        var files = await oracle.FilesAsync(table);
        if (files.Count == 0) return [];
        await using var duck = new DuckDBConnection("DataSource=:memory:");
        await duck.OpenAsync();
        await using var query = duck.CreateCommand();
        query.CommandText = $"SELECT COLUMNS(*)::VARCHAR FROM read_parquet([{string.Join(", ", files.Select(file => $"'{file}'"))}], union_by_name = true)";
        await using var reader = await query.ExecuteReaderAsync();
        var changes = new List<Change>();
        while (await reader.ReadAsync())
        {
            var values = Enumerable.Range(0, reader.FieldCount).ToDictionary(reader.GetName, field => reader.IsDBNull(field) ? null : reader.GetString(field), StringComparer.Ordinal);
            changes.Add(new Change(Number(values.GetValueOrDefault("_epoch")), Number(values["_position"]), Number(values["_sequence"]), values["_op"]!, values["_changed"]?.Split(',').ToHashSet(StringComparer.Ordinal),
                values.Where(pair => pair.Key[0] != '_').ToDictionary(StringComparer.Ordinal)));
        }

        return changes;

        static long Number(string? text) => text is null ? 0 : long.Parse(text, CultureInfo.InvariantCulture);
    }

    private static string TextOf(IEnumerable<string> columns, Func<string, string?> valueOf) => string.Join(' ', columns.Select(column => $"{column}={Short(valueOf(column))}"));

    private static string Short(string? value) => value is null ? "-" : value.Length <= 40 ? value : $"{value[..8]}…{value.Length}…{value[^8..]}";

    private sealed record Change(long Epoch, long Position, long Sequence, string Op, HashSet<string>? Carried, IReadOnlyDictionary<string, string?> Values);
}
