using System.Globalization;
using System.Text.RegularExpressions;
using DuckDB.NET.Data;
using Pipeline.Transform.Dialects;

namespace Pipeline.Demo.Tests.Data;

/// <summary>
/// Bronze, Silver and Gold in an in-memory database, the slow and obvious way: all Bronze values are text, Silver is made
/// at once from all rows, Gold by the queries of <c>hocon/gold</c>. An opinion independent of the product's.
/// </summary>
internal sealed partial class NaiveMedallion : IDisposable
{
    private readonly DuckDBConnection _database = new("DataSource=:memory:");
    private readonly Dictionary<string, List<string>> _fails = new(StringComparer.Ordinal);

    public NaiveMedallion()
    {
        _database.Open();
        Execute("""
            SET TimeZone = 'UTC'; SET memory_limit = '1GB'; SET threads = 2;
            CREATE SCHEMA bronze; CREATE SCHEMA silver; CREATE SCHEMA gold;
            CREATE MACRO regexp_like(text, pattern) AS regexp_matches(text, pattern);
            """);
    }

    /// <summary>A writer of a table's rows as text, in order; <c>_seq</c> counts them.</summary>
    public Appender OpenBronze(string table, params IReadOnlyList<string> columns)
    {
        Execute($"CREATE TABLE IF NOT EXISTS bronze.{table} ({string.Join(", ", columns.Select(column => $"{column} VARCHAR"))}, _seq BIGINT)");
        return new Appender(_database.CreateAppender("bronze", table), Number($"SELECT count(*) FROM bronze.{table}"));
    }

    /// <summary>Makes Silver and Gold from what Bronze holds.</summary>
    public void Build()
    {
        var left = NaiveContract.All.ToList();
        while (left.Count > 0)
        {
            var next = left.First(contract => contract.References.All(reference => left.TrueForAll(other => other.Name != reference.Table)));
            BuildSilver(next);
            left.Remove(next);
        }

        foreach (var (name, sql) in GoldQueriesInOrder()) Execute($"CREATE TABLE gold.{name} AS {sql}");
    }

    /// <summary>Creates the Silver tables without rows, with the types their contracts promise.</summary>
    public void DeclareSilver()
    {
        foreach (var contract in NaiveContract.All)
            Execute($"CREATE TABLE silver.{contract.Name} ({string.Join(", ", contract.Columns.Select(column => $"{column.Name} {column.SqlType}"))})");
    }

    /// <summary>The Gold queries, each after those it reads.</summary>
    public static IEnumerable<(string Name, string Sql)> GoldQueriesInOrder()
    {
        var left = ReferenceConfiguration.Files("gold", "*.sql")
            .ToDictionary(file => Path.GetFileNameWithoutExtension(file), file => File.ReadAllText(Path.Combine(ReferenceConfiguration.Root, "hocon", file)), StringComparer.Ordinal);
        while (left.Count > 0)
        {
            var (name, sql) = left.First(query => GoldReference().Matches(query.Value).All(match => !left.ContainsKey(match.Groups["table"].Value)));
            yield return (name, SqlDialect.DuckDb.Render(sql));
            left.Remove(name);
        }
    }

    public void Execute(string sql)
    {
        using var command = _database.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    public decimal Number(string sql)
    {
        using var command = _database.CreateCommand();
        command.CommandText = $"SELECT CAST(({sql}) AS DECIMAL(38, 4))";
        return Convert.ToDecimal(command.ExecuteScalar(), CultureInfo.InvariantCulture);
    }

    /// <summary>Rows a rule of a Silver table sets aside or, for a warning, lets pass.</summary>
    public long Broken(string table, string rule, bool isAccepted) =>
        (long)Number($"SELECT count(*) FROM silver.{table}__checked WHERE list_contains(_broken, '{rule}') AND _accepted = {isAccepted} AND NOT _settled");

    /// <summary>Rules of a Silver table that any row broke.</summary>
    public IReadOnlyList<string> BrokenRules(string table) => _fails[table];

    public void Dispose() => _database.Dispose();

    private void BuildSilver(NaiveContract contract)
    {
        var rules = new List<(string Name, string Fails, bool IsWarning)>();
        if (contract.IsJson) rules.Add(("malformed_json", "NOT json_valid(value)", false));
        var wellFormed = contract.IsJson ? "json_valid(value) AND " : "";
        rules.AddRange(contract.Columns.Select(column => ($"type:{column.Name}", $"{wellFormed}{column.Expression} IS NOT NULL AND p_{column.Name} IS NULL", false)));
        rules.AddRange(contract.Columns.Where(column => column.IsRequired || contract.Key.Contains(column.Name))
            .Select(column => ($"required:{column.Name}", $"{wellFormed}{column.Expression} IS NULL", false)));
        rules.AddRange(contract.Rules.Select(rule => (rule.Name, $"NOT ({WithParsed(contract, rule.Check)})", rule.IsWarning)));
        var missing = contract.References.Select(reference =>
            $"CASE WHEN p_{reference.Column} IS NOT NULL AND p_{reference.Column} NOT IN (SELECT {reference.To} FROM silver.{reference.Table}) THEN '{reference.Name}' END");

        var parsed = string.Join(", ", contract.Columns.Select(column => $"TRY_CAST({column.Expression} AS {column.SqlType}) AS p_{column.Name}"));
        var broken = string.Join(", ", rules.Select(rule => $"CASE WHEN {rule.Fails} THEN '{rule.Name}' END"));
        var warnings = string.Join(", ", rules.Where(rule => rule.IsWarning).Select(rule => $"'{rule.Name}'").Append("''"));
        Execute($"""
            CREATE TABLE silver.{contract.Name}__checked AS
            WITH parsed AS (SELECT *, {parsed} FROM bronze.{contract.Name}),
            ruled AS (SELECT *, list_filter([{broken}], x -> x IS NOT NULL) AS _own FROM parsed),
            -- A row that is wrong in itself is not looked up in other tables.
            looked_up AS (SELECT *, CASE WHEN len(list_filter(_own, x -> x NOT IN ({warnings}))) = 0 THEN list_filter([{string.Join(", ", missing.Append("NULL"))}], x -> x IS NOT NULL) ELSE [] END AS _missing FROM ruled),
            checked AS (SELECT *, list_concat(_own, _missing) AS _broken FROM looked_up)
            SELECT *, NOT _accepted AND coalesce(_seq < max(CASE WHEN _accepted THEN _seq END) OVER (PARTITION BY {string.Join(", ", contract.Key.Select(key => $"p_{key}"))}), false) AS _settled
            FROM (SELECT *, len(list_filter(_broken, x -> x NOT IN ({warnings}))) = 0 AS _accepted FROM checked)
            """);
        Execute($"""
            CREATE TABLE silver.{contract.Name} AS
            SELECT {string.Join(", ", contract.Columns.Select(column => $"p_{column.Name} AS {column.Name}"))}
            FROM (SELECT *, row_number() OVER (PARTITION BY {string.Join(", ", contract.Key.Select(key => $"p_{key}"))} ORDER BY _seq DESC) AS _recency
                  FROM silver.{contract.Name}__checked WHERE _accepted)
            WHERE _recency = 1
            """);
        _fails[contract.Name] = [.. rules.Select(rule => rule.Name), .. contract.References.Select(reference => reference.Name)];
    }

    /// <summary>A check speaks of the contract's columns; here they are called <c>p_NAME</c>.</summary>
    private static string WithParsed(NaiveContract contract, string check) =>
        contract.Columns.Aggregate(check, (text, column) => Regex.Replace(text, $@"\b{column.Name}\b(?!')", $"p_{column.Name}", RegexOptions.None, TimeSpan.FromSeconds(1)));

    [GeneratedRegex(@"\bgold\.(?<table>\w+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex GoldReference();

    /// <summary>Adds rows of text to a Bronze table.</summary>
    internal sealed class Appender(DuckDBAppender appender, decimal rowsBefore) : IDisposable
    {
        private long _seq = (long)rowsBefore;

        public void Add(params IEnumerable<string?> values)
        {
            var row = appender.CreateRow();
            foreach (var value in values)
            {
                if (value is null) row.AppendNullValue();
                else row.AppendValue(value);
            }

            row.AppendValue(_seq++).EndRow();
        }

        public void Dispose() => appender.Dispose();
    }
}
