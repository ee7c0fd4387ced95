using System.Globalization;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.DuckDb;
using Pipeline.Operations.Inspection;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Graph;

namespace Pipeline.Operations.Tables;

/// <param name="Table">A Silver table.</param>
/// <param name="Key">Values of its key's columns, in their order, as text.</param>
public sealed record ExplainRowRequest(TableId Table, IReadOnlyList<string> Key);

/// <summary>Where a row was on its way.</summary>
public enum RowStep
{
    /// <summary>As it was read from its source.</summary>
    Bronze,

    /// <summary>A rule that the row was judged by, and passes.</summary>
    Rule,

    /// <summary>It breaks rules, and waits.</summary>
    Quarantine,

    /// <summary>It stands in the table.</summary>
    Silver,

    /// <summary>A row of the same key in a table that is made from it, through others too.</summary>
    Gold,
}

/// <summary>One station of a row.</summary>
/// <param name="Version">The version of the table that brought the row's file; null: its log does not go so far back.</param>
/// <param name="At">When that was.</param>
/// <param name="File">Relative to the table; null: it has no place of its own.</param>
/// <param name="Row">In the file, from 0.</param>
/// <param name="Detail">Positions at the source, the rule's check, or the version of the input that is reflected; no value of a source's column.</param>
public sealed record RowStation(RowStep Step, TableId Table, long? Version, DateTimeOffset? At, string? File, long? Row, IReadOnlyDictionary<string, string> Detail);

/// <param name="Stations">From the source on; none: the table has no row of the key, nor its quarantine.</param>
public sealed record ExplainRowResult(IReadOnlyList<RowStation> Stations);

/// <summary>From where a row of a Silver table comes, what it was judged by, and what has been made from it.</summary>
public static class ExplainRow
{
    /// <summary>What of a Bronze row may be shown: where it was, and nothing that its source says in it.</summary>
    private static readonly string[] Places = [BronzeColumns.Op, BronzeColumns.Position, BronzeColumns.Sequence, BronzeColumns.Epoch, BronzeColumns.Reading, BronzeColumns.RedrivenFrom, BronzeColumns.OrderTime, BronzeColumns.IngestedAt];

    /// <exception cref="PipelineException">It is no Silver table of the configuration, the key has other columns, or a table cannot be read.</exception>
    public static async Task<ExplainRowResult> RunAsync(ExplainRowRequest request, TransformGraph graph, Lake lake, CancellationToken cancellationToken)
    {
        var contract = graph.TrySilver(request.Table) ?? throw new PipelineException(FaultKind.Invalid, $"Table {request.Table}", request.Table.Layer == Layer.Silver ? "it is not configured" : "only rows of Silver tables can be explained",
            $"Choose from: {string.Join(", ", graph.Silver.Select(silver => silver.Table))}.");
        if (request.Key.Count != contract.Key.Count)
            throw new PipelineException(FaultKind.Invalid, $"The key of {request.Table}", $"it has {Plural.Of(contract.Key.Count, "column")}, and {Plural.Of(request.Key.Count, "value", "is", "are")} given", $"Give one of each: {string.Join(", ", contract.Key)}.");
        using var query = new LakeQuery(cancellationToken);
        var reading = new Reading(lake, query, cancellationToken);
        var silver = await LakeInventory.OpenAsync(lake, request.Table, cancellationToken);
        var stations = new List<RowStation>();
        foreach (var row in await reading.RowsAsync(silver, contract.Key, SameKey(silver, contract.Key, request.Key)))
        {
            stations.AddRange(await BronzeOfAsync(row, contract, silver, reading));
            stations.AddRange(contract.Rules.Select(rule => new RowStation(RowStep.Rule, request.Table, Version: null, At: null, File: null, Row: null, new Dictionary<string, string>(StringComparer.Ordinal) { ["name"] = rule.Name, ["check"] = rule.Check, ["severity"] = rule.Severity.ToString().ToLowerInvariant() })));
            stations.Add(await reading.StationAsync(RowStep.Silver, request.Table, silver, row));
        }

        stations.AddRange(await QuarantinedAsync(request, contract, reading));
        if (stations.Exists(station => station.Step == RowStep.Silver)) stations.AddRange(await MadeOfAsync(request, contract, graph, reading));
        return new ExplainRowResult(stations);
    }

    private static async Task<IReadOnlyList<RowStation>> BronzeOfAsync(PlacedRow row, SilverContract contract, DeltaTable silver, Reading reading)
    {
        if (await reading.TryOpenAsync(contract.From) is not { } bronze) return [];
        var shared = Places.Append(BronzeColumns.Position).Distinct(StringComparer.Ordinal).Where(name => name != BronzeColumns.Op && row.Values.ContainsKey(name) && Has(bronze, name) && Has(silver, name)).ToList();
        if (!shared.Contains(BronzeColumns.Position)) return [];
        var stations = new List<RowStation>();
        foreach (var found in await reading.RowsAsync(bronze, shared, string.Join(" AND ", shared.Select(name => $"{Sql.Name(name)}::VARCHAR IS NOT DISTINCT FROM {(row.Values[name] is { } value ? Sql.Text(value) : "NULL")}"))))
            stations.Add(await reading.StationAsync(RowStep.Bronze, contract.From, bronze, found));
        return stations;
    }

    private static async Task<IReadOnlyList<RowStation>> QuarantinedAsync(ExplainRowRequest request, SilverContract contract, Reading reading)
    {
        var id = TableId.Quarantine(request.Table.Name);
        if (await reading.TryOpenAsync(id) is not { } quarantine || !contract.Key.All(name => Has(quarantine, name))) return [];
        var stations = new List<RowStation>();
        foreach (var row in await reading.RowsAsync(quarantine, contract.Key, SameKey(quarantine, contract.Key, request.Key), "_rules", "_held", "_bronze_file", "_bronze_row", "_bronze_version"))
            stations.Add(await reading.StationAsync(RowStep.Quarantine, id, quarantine, row));
        return stations;
    }

    private static async Task<IReadOnlyList<RowStation>> MadeOfAsync(ExplainRowRequest request, SilverContract contract, TransformGraph graph, Reading reading)
    {
        var (stations, reached) = (new List<RowStation>(), new HashSet<TableId> { request.Table });
        // As they are made: what one is made from comes before it.
        foreach (var id in graph.Tables.Where(table => graph.TryGold(table)?.Inputs.Any(reached.Contains) == true && reached.Add(table)))
        {
            if (await reading.TryOpenAsync(id) is not { } gold || !contract.Key.All(name => Has(gold, name))) continue;
            foreach (var row in await reading.RowsAsync(gold, contract.Key, SameKey(gold, contract.Key, request.Key)))
            {
                var station = await reading.StationAsync(RowStep.Gold, id, gold, row);
                var detail = new Dictionary<string, string>(station.Detail, StringComparer.Ordinal);
                foreach (var input in graph.TryGold(id)!.Inputs.Where(reached.Contains))
                    if (gold.Current.Position(input) is { } version) detail[$"version of {input}"] = version.ToString(CultureInfo.InvariantCulture);
                stations.Add(station with { Detail = detail });
            }
        }

        return stations;
    }

    private static bool Has(DeltaTable table, string name) => table.Current.Schema.FieldsLookup.Contains(name);

    private static string SameKey(DeltaTable table, IReadOnlyList<string> names, IReadOnlyList<string> values) => string.Join(" AND ", names.Select((name, i) =>
        $"{Sql.Name(name)} = TRY_CAST({Sql.Text(values[i])} AS {SqlDialect.DuckDb.Type(table.Current.Schema.FieldsLookup[name].First().DataType)})"));

    /// <param name="Values">Of columns that may be shown, as text.</param>
    private sealed record PlacedRow(string File, long Row, IReadOnlyDictionary<string, string?> Values);

    private sealed class Reading(Lake lake, LakeQuery query, CancellationToken cancellationToken)
    {
        private readonly Dictionary<(TableId, string), (long? Version, DateTimeOffset? At)> _brought = [];

        public ValueTask<DeltaTable?> TryOpenAsync(TableId id) => lake.TryOpenAsync(id, cancellationToken);

        /// <param name="named">Columns that the condition names.</param>
        /// <param name="also">Columns beside the places.</param>
        public async Task<IReadOnlyList<PlacedRow>> RowsAsync(DeltaTable table, IReadOnlyList<string> named, string where, params string[] also)
        {
            string[] names = [.. Places.Concat(also).Where(name => Has(table, name))];
            var relation = await query.RelationAsync(table, table.Current, [.. table.Current.FilesByPath.Keys], [.. names, .. named], withOrigin: true);
            return [.. query.Rows($"SELECT {TableFiles.File}, {TableFiles.FileRow}{string.Concat(names.Select(name => $", {Sql.Name(name)}::VARCHAR"))} FROM ({relation}) AS t WHERE {where} ORDER BY 1, 2", table)
                .Select(row => new PlacedRow((string)row[0]!, (long)row[1]!, names.Select((name, i) => (name, Value: (string?)row[i + 2])).ToDictionary(pair => pair.name, pair => pair.Value, StringComparer.Ordinal)))];
        }

        public async Task<RowStation> StationAsync(RowStep step, TableId id, DeltaTable table, PlacedRow row)
        {
            if (!_brought.TryGetValue((id, row.File), out var brought)) _brought[(id, row.File)] = brought = await BroughtAsync(table, row.File);
            return new RowStation(step, id, brought.Version, brought.At, row.File, row.Row, row.Values.Where(pair => pair.Value is not null).ToDictionary(pair => pair.Key, pair => pair.Value!, StringComparer.Ordinal));
        }

        /// <summary>The commit that has the file in it, from the newest back as far as the log goes.</summary>
        private async Task<(long?, DateTimeOffset?)> BroughtAsync(DeltaTable table, string file)
        {
            for (var version = table.Current.Version; version >= 0 && await table.TryReadCommitAsync(version, cancellationToken) is { } actions; version--)
                if (actions.OfType<AddFile>().Any(added => added.Path == file)) return (version, actions.OfType<CommitInfo>().FirstOrDefault()?.Timestamp);
            return (null, null);
        }
    }
}
