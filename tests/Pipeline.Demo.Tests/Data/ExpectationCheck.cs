using Pipeline.Demo.Data;

namespace Pipeline.Demo.Tests.Data;

/// <summary>Compares an expectation with what a naive medallion counted, and names every difference.</summary>
internal static class ExpectationCheck
{
    public static IReadOnlyList<string> Differences(Expectation expectation, NaiveMedallion lake)
    {
        var differences = new List<string>();
        foreach (var table in expectation.Tables)
        {
            Compare($"bronze/{table.Source}/{table.Table}", table.Bronze, $"SELECT count(*) FROM bronze.{table.Table}");
            Compare($"silver/{table.Table}", table.Silver, $"SELECT count(*) FROM silver.{table.Table}");
            Compare($"silver/{table.Table}__quarantine", table.Quarantined, $"SELECT count(*) FROM silver.{table.Table}__checked WHERE NOT _accepted AND NOT _settled");
            Compare($"{table.Table} superseded", table.Superseded,
                $"SELECT count(*) FILTER (_accepted OR _settled) - (SELECT count(*) FROM silver.{table.Table}) FROM silver.{table.Table}__checked");
            foreach (var rule in lake.BrokenRules(table.Table))
            {
                var quarantined = lake.Broken(table.Table, rule, isAccepted: false);
                if (quarantined != table.QuarantinedByRule.GetValueOrDefault(rule))
                    differences.Add($"{table.Table} quarantined by {rule}: expected {table.QuarantinedByRule.GetValueOrDefault(rule)}, found {quarantined}");
                var warned = lake.Broken(table.Table, rule, isAccepted: true);
                if (warned != table.WarnedByRule.GetValueOrDefault(rule))
                    differences.Add($"{table.Table} warned by {rule}: expected {table.WarnedByRule.GetValueOrDefault(rule)}, found {warned}");
            }
        }

        foreach (var table in expectation.Gold)
        {
            Compare($"gold/{table.Table}", table.Rows, $"SELECT count(*) FROM gold.{table.Table}");
            foreach (var total in table.Totals)
                Compare($"gold/{table.Table} {total.Expression}", total.Value, $"SELECT {total.Expression} FROM gold.{table.Table}");
        }

        return differences;

        void Compare(string what, decimal expected, string sql)
        {
            var found = lake.Number(sql);
            if (found != expected) differences.Add($"{what}: expected {expected}, found {found}");
        }
    }
}
