using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.DuckDb;
using Pipeline.Operations.Inspection;
using Pipeline.Transform;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Graph;

namespace Pipeline.Operations.Quarantines;

/// <param name="Table">A Silver table.</param>
/// <param name="Rule">Only rows that break it.</param>
/// <param name="RowsMax">At most so many, in the order in which they were set aside.</param>
public sealed record ShowQuarantineRequest(TableId Table, string? Rule, int RowsMax);

/// <summary>A row of a quarantine.</summary>
/// <param name="Key">As it was received, or masked.</param>
/// <param name="Rules">Those that it breaks, separated by commas.</param>
/// <param name="IsWaiting">It only misses a parent.</param>
/// <param name="OlderPosition">The position of the older row of its key that the table has; null: it has none.</param>
/// <param name="Row">What was received, as JSON; what the contract masks is <c>***</c>. Null where it is sealed and there is no key.</param>
public sealed record QuarantinedRow(IReadOnlyList<string?> Key, string Rules, bool IsWaiting, string Op, long Position, LakeTimestamp QuarantinedAt, long? OlderPosition, string? Row);

/// <param name="Key">The names of the key's columns.</param>
public sealed record ShowQuarantineResult(IReadOnlyList<string> Key, IReadOnlyList<QuarantinedRow> Rows);

/// <summary>The rows that broke a rule and wait, one by one.</summary>
public static class ShowQuarantine
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <exception cref="PipelineException">No such table is configured, or the lake has no quarantine of it.</exception>
    public static async Task<ShowQuarantineResult> RunAsync(ShowQuarantineRequest request, TransformGraph graph, TransformOptions options, Lake lake, CancellationToken cancellationToken)
    {
        var contract = SilverOf(graph, request.Table);
        using var query = new LakeQuery(cancellationToken);
        var quarantine = await LakeInventory.OpenAsync(lake, TableId.Quarantine(request.Table.Name), cancellationToken);
        var columns = QuarantineQuery.KeyOf(quarantine);
        var where = request.Rule is { } rule ? $"WHERE list_contains(string_split(_rules, ','), {Sql.Text(rule)}) " : "";
        var wanted = $"{string.Concat(columns.Select(name => $"{Sql.Name(name)}, "))}_rules, _held, _op, _position, epoch_us(_quarantined_at), _older, _row";
        const string Order = "_quarantined_at, _bronze_version, _position, _bronze_file, _bronze_row";
        var rows = query.Rows($"""
            SELECT {wanted} FROM ({await QuarantineQuery.RowsAsync(lake, query, quarantine, request.Table, $"{wanted}, {Order}", cancellationToken)}) AS r
            {where}ORDER BY {Order} LIMIT {request.RowsMax.ToString(CultureInfo.InvariantCulture)}
            """, quarantine);
        var (masked, key) = (contract.Masks ? await MaskedInAsync(contract, lake, cancellationToken) : [], contract.Masks ? await options.RevealMaskKeyAsync(cancellationToken) : null);
        return new ShowQuarantineResult(columns, [.. rows.Select(row => new QuarantinedRow([.. row.Take(columns.Count).Select(value => (string?)value)], (string)row[columns.Count]!, (bool)row[columns.Count + 1]!, (string)row[columns.Count + 2]!,
            (long)row[columns.Count + 3]!, new LakeTimestamp((long)row[columns.Count + 4]!, HasZone: true), (long?)row[columns.Count + 5], Masked((string?)row[columns.Count + 6], masked, key)))]);
    }

    /// <exception cref="PipelineException">It is not a Silver table of the configuration.</exception>
    internal static SilverContract SilverOf(TransformGraph graph, TableId table) => graph.TrySilver(table)
        ?? throw new PipelineException(FaultKind.Invalid, $"Table {table}", table.Layer == Layer.Silver ? "it is not configured" : "only tables of Silver have a quarantine",
            $"Choose from: {string.Join(", ", graph.Silver.Select(contract => contract.Table))}.");

    /// <summary>
    /// Columns of Bronze that a masked column reads, as the lake calls them; null among them: the whole record. Where Bronze keeps records whole,
    /// what it has of one beside it (its key, the row before) repeats members of it; where Bronze is not there to say so, it may have.
    /// </summary>
    private static async Task<HashSet<string?>> MaskedInAsync(SilverContract contract, Lake lake, CancellationToken cancellationToken)
    {
        var bronze = await lake.TryOpenAsync(contract.From, cancellationToken);
        var document = bronze is null ? null : BronzeShape.Of(bronze.Current.Schema).Document;
        return contract.Columns.Where(column => column.Mask != Mask.None).SelectMany(column => column.Sources).Select(source => source.Column)
            .Select(name => name is null || bronze is null || (document is not null && (name[0] == '_' || string.Equals(name, document, StringComparison.OrdinalIgnoreCase))) ? null : LakeName.OfSourceColumn(name)).ToHashSet(StringComparer.OrdinalIgnoreCase);
    }

    private static string? Masked(string? row, HashSet<string?> masked, MaskKey? key)
    {
        if (row is null || masked.Count == 0) return row;
        // Sealed, and nobody here can open it.
        if (key is null) return null;
        if (JsonNode.Parse(key.Open(row)) is not JsonObject members) return null;
        foreach (var name in members.Select(member => member.Key).ToList())
        {
            // A whole record is hidden where a part of it is: it may be no JSON at all. A column that was renamed stands there under both names.
            var isMasked = masked.Contains(null) ? name is not (BronzeColumns.Op or BronzeColumns.Position or BronzeColumns.IngestedAt) : masked.Contains(LakeName.OfSourceColumn(name));
            if (isMasked && members[name] is not null) members[name] = "***";
        }

        return members.ToJsonString(Plain);
    }
}
