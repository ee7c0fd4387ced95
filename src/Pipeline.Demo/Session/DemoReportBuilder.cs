using System.Globalization;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Demo.Data;
using Pipeline.Operations.Inspection;
using Pipeline.Transform.Silver;

namespace Pipeline.Demo.Session;

/// <summary>Counts the lake, layer by layer, with queries of its own, and puts the generator's expectation beside it.</summary>
internal sealed class DemoReportBuilder(Lake lake, CancellationToken cancellationToken)
{
    private const string Quarantine = "quarantine";
    private const string Warn = "warn";
    private const string DeadLetter = "dead letter";

    private readonly Dictionary<string, long> _deadLetters = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _superseded = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Dictionary<string, long>> _warned = new(StringComparer.Ordinal);

    public async Task<DemoReport> BuildAsync(Expectation expectation)
    {
        using var query = new LakeQuery(cancellationToken);
        foreach (var source in expectation.Tables.Select(table => table.Source).Distinct(StringComparer.Ordinal)) await CountDeadLettersAsync(query, source);
        await CountQualityAsync(query);

        var tables = new List<TableBalance>();
        var dirt = new List<DirtBalance>();
        foreach (var expected in expectation.Tables)
        {
            var bronze = TableId.Bronze(expected.Source, expected.Table);
            var silver = TableId.Silver(expected.Table);
            var deadLetters = _deadLetters.GetValueOrDefault(bronze.ToString());
            tables.Add(new TableBalance(bronze.ToString(), expected.Sent,
                new Balance(expected.DeadLetters, deadLetters),
                new Balance(expected.Bronze, await RowsAsync(bronze)),
                new Balance(expected.Silver, await RowsAsync(silver)),
                new Balance(expected.Quarantined, await RowsAsync(TableId.Quarantine(expected.Table))),
                new Balance(expected.Superseded, _superseded.GetValueOrDefault(silver.ToString()))));

            if (expected.DeadLetters > 0 || deadLetters > 0)
                dirt.Add(new DirtBalance(bronze.ToString(), DeadLetter, DeadLetter, new Balance(expected.DeadLetters, deadLetters)));
            AddDirt(dirt, silver, Quarantine, expected.QuarantinedByRule, await CountQuarantineAsync(query, expected.Table));
            AddDirt(dirt, silver, Warn, expected.WarnedByRule, _warned.GetValueOrDefault(silver.ToString()) ?? []);
        }

        var gold = new List<GoldBalance>();
        foreach (var expected in expectation.Gold) gold.Add(await CountGoldAsync(query, expected));
        return new DemoReport(tables, dirt, gold);
    }

    private static void AddDirt(List<DirtBalance> dirt, TableId table, string severity, IReadOnlyDictionary<string, long> planted, Dictionary<string, long> found)
    {
        foreach (var rule in planted.Keys.Union(found.Keys, StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            var rows = new Balance(planted.GetValueOrDefault(rule), found.GetValueOrDefault(rule));
            if (rows is not { Expected: 0, Found: 0 }) dirt.Add(new DirtBalance(table.ToString(), rule, severity, rows));
        }
    }

    private async Task<long> RowsAsync(TableId id) =>
        await lake.TryOpenAsync(id, cancellationToken) is { } table ? table.Current.RowCount ?? 0 : 0;

    private async Task CountDeadLettersAsync(LakeQuery query, string source)
    {
        if (await lake.TryOpenAsync(TableId.DeadLetter(source), cancellationToken) is not { } table) return;
        foreach (var row in await query.RowsAsync(table, table.Current, "_table, count(*)", "GROUP BY _table"))
            _deadLetters[TableId.Bronze(source, (string)row[0]!).ToString()] = Integer(row[1]);
    }

    /// <summary>Superseded rows and warnings leave no row behind; the runs counted them.</summary>
    private async Task CountQualityAsync(LakeQuery query)
    {
        if (await lake.TryOpenAsync(QualityTable.Id, cancellationToken) is not { } table) return;
        foreach (var row in await query.RowsAsync(table, table.Current, "table_name, sum(superseded + replaced), list(warned_by_rule)", "GROUP BY table_name"))
        {
            var name = (string)row[0]!;
            _superseded[name] = Integer(row[1]);
            var warned = _warned[name] = new Dictionary<string, long>(StringComparer.Ordinal);
            foreach (var run in ((IEnumerable<string?>)row[2]!).OfType<string>())
                foreach (var (rule, rows) in JsonSerializer.Deserialize<Dictionary<string, long>>(run)!)
                    warned[rule] = warned.GetValueOrDefault(rule) + rows;
        }
    }

    private async Task<Dictionary<string, long>> CountQuarantineAsync(LakeQuery query, string name)
    {
        if (await lake.TryOpenAsync(TableId.Quarantine(name), cancellationToken) is not { } table) return [];
        var rows = await query.RowsAsync(table, table.Current, "rule, count(*)", ", unnest(string_split(t._rules, ',')) AS u(rule) GROUP BY rule");
        return rows.ToDictionary(row => (string)row[0]!, row => Integer(row[1]), StringComparer.Ordinal);
    }

    private async Task<GoldBalance> CountGoldAsync(LakeQuery query, GoldExpectation expected)
    {
        var id = TableId.Gold(expected.Table);
        var found = new decimal[expected.Totals.Count];
        long rows = 0;
        if (await lake.TryOpenAsync(id, cancellationToken) is { } table)
        {
            var select = string.Join(", ", expected.Totals.Select(total => $"CAST(coalesce({total.Expression}, 0) AS DECIMAL(38,6))").Prepend("count(*)"));
            var counted = (await query.RowsAsync(table, table.Current, select))[0];
            rows = Integer(counted[0]);
            for (var i = 0; i < found.Length; i++) found[i] = Convert.ToDecimal(counted[i + 1], CultureInfo.InvariantCulture);
        }

        return new GoldBalance(id.ToString(), new Balance(expected.Rows, rows),
            expected.Totals.Zip(found).ToDictionary(pair => pair.Item1.Expression, pair => new Balance(pair.Item1.Value, pair.Item2), StringComparer.Ordinal));
    }

    private static long Integer(object? value) => value switch
    {
        null => 0,
        System.Numerics.BigInteger big => (long)big,
        _ => Convert.ToInt64(value, CultureInfo.InvariantCulture),
    };
}
