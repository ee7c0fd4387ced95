using System.Globalization;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.DuckDb;
using Pipeline.Ingest.DeadLetters;
using Pipeline.Operations.Inspection;

namespace Pipeline.Operations.DeadLetters;

/// <param name="Source">The source whose letters are wanted.</param>
/// <param name="Table">Only those of this table of it.</param>
/// <param name="LettersMax">At most so many, in the order of table, split, epoch and position.</param>
public sealed record ShowDeadLettersRequest(string Source, TableId? Table, LetterSelection Selection, int LettersMax);

/// <summary>A dead letter with its raw bytes, which may be personal data.</summary>
/// <param name="Epoch">Of the table, in which it was read: positions begin again with each.</param>
/// <param name="ArrivedAt">When it was set aside.</param>
/// <param name="RecordAt">The record's own time; null when it has none.</param>
/// <param name="Headers">JSON.</param>
/// <param name="IsRedriven">Whether its record is a row of the table by now; null when that cannot be read.</param>
public sealed record ShownDeadLetter(TableId Table, SplitId Split, int Epoch, long Position, string Code, string Reason, LakeTimestamp ArrivedAt, LakeTimestamp? RecordAt,
    string? Headers, byte[]? Key, byte[]? Value, bool? IsRedriven);

/// <param name="Failed">The tables that could not be read.</param>
public sealed record ShowDeadLettersResult(IReadOnlyList<ShownDeadLetter> Letters, IReadOnlyList<FailedTable> Failed);

/// <summary>The records that could not be decoded, one by one.</summary>
public static class ShowDeadLetters
{
    /// <exception cref="PipelineException">The lake has no such table or source.</exception>
    public static async Task<ShowDeadLettersResult> RunAsync(ShowDeadLettersRequest request, Lake lake, CancellationToken cancellationToken)
    {
        if (request.Table is { } table) await LakeInventory.RequireAsync(lake, table, cancellationToken);
        using var query = new LakeQuery(cancellationToken);
        var letters = new DeadLetterQuery(lake, query, cancellationToken);
        var shown = new List<ShownDeadLetter>();
        foreach (var source in await letters.SourcesAsync(request.Source))
        {
            foreach (var row in await letters.RowsAsync(source,
                "_table, _split, _position, code, reason, epoch_us(_ingested_at), epoch_us(record_timestamp), headers, to_base64(key), to_base64(value), _redriven, _of_epoch",
                $"{Where(request)} ORDER BY _table, _split, _of_epoch, _position LIMIT {request.LettersMax.ToString(CultureInfo.InvariantCulture)}"))
                shown.Add(new ShownDeadLetter(TableId.Bronze(source, (string)row[0]!), SplitId.Parse((string)row[1]!), Convert.ToInt32(row[11], CultureInfo.InvariantCulture), (long)row[2]!, (string)row[3]!, (string)row[4]!,
                    Time(row[5])!.Value, Time(row[6]), (string?)row[7], Bytes(row[8]), Bytes(row[9]), (bool?)row[10]));
        }

        return new ShowDeadLettersResult(shown, letters.Failed);
    }

    private static string Where(ShowDeadLettersRequest request)
    {
        List<string> conditions = [];
        if (request.Table is { } table) conditions.Add($"_table = {Sql.Text(table.Name)}");
        if (request.Selection.Code is { } code) conditions.Add($"code = {Sql.Text(code)}");
        if (request.Selection.Split is { } split) conditions.Add($"(_split = {Sql.Text(split)} OR ends_with(_split, {Sql.Text($"/{split}")}))");
        if (request.Selection.Position is { } position) conditions.Add($"_position = {position.ToString(CultureInfo.InvariantCulture)}");
        if (request.Selection.Epoch is { } epoch) conditions.Add($"_of_epoch = {epoch.ToString(CultureInfo.InvariantCulture)}");
        return conditions.Count == 0 ? "" : $"WHERE {string.Join(" AND ", conditions)}";
    }

    private static LakeTimestamp? Time(object? microseconds) => microseconds is long value ? new LakeTimestamp(value, HasZone: true) : null;

    private static byte[]? Bytes(object? base64) => base64 is string text ? Convert.FromBase64String(text) : null;
}
