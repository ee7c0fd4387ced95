using System.Globalization;
using System.Text.RegularExpressions;
using Apache.Arrow;
using Apache.Arrow.Types;
using DuckDB.NET.Data;
using Pipeline.Core;
using Pipeline.Configuration;
using Pipeline.DuckDb;
using Pipeline.Delta.Schemas;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Graph;

/// <summary>Binds rules and Gold queries against empty tables and notes what does not fit, with file and line.</summary>
internal sealed partial class GraphChecker(List<ConfigProblem> problems) : IDisposable
{
    /// <summary>What has another answer on another engine: allowed where DuckDB runs it, told by <c>check</c>.</summary>
    public List<ConfigProblem> Unportable { get; } = [];

    private readonly DuckDbSession _session = DuckDbSession.Open(new DuckDbSettings(128L << 20, 1, Path.GetTempPath()), CancellationToken.None);

    /// <summary>What a Silver table has for sure, whatever its Bronze table adds.</summary>
    public static IReadOnlyList<Field> Columns(SilverContract contract) =>
    [
        .. contract.Columns.Select(column => column.ToField()),
        new Field(BronzeColumns.Position, Int64Type.Default, nullable: true),
        new Field(BronzeColumns.IngestedAt, BronzeColumns.Timestamp, nullable: true),
    ];

    /// <summary>The Gold tables in an order in which each follows what it reads.</summary>
    public IReadOnlyList<GoldNode> Check(IReadOnlyList<SilverContract> silver, IReadOnlyList<GoldTable> gold)
    {
        _session.Execute("CREATE SCHEMA silver; CREATE SCHEMA gold;");
        _session.Confine([], []);
        foreach (var contract in silver)
        {
            if (contract.Columns.Count == 0) continue;
            _session.Execute($"CREATE TABLE silver.{Sql.Name(contract.Table.Name)} AS {Sql.Empty(Columns(contract))}");
            foreach (var column in contract.Columns.Where(column => column.Type is FloatType or DoubleType or ListType && (contract.Key.Contains(column.Name) || column.Mask == Mask.Hash)))
                Unportable.Add(new ConfigProblem(contract.Location, $"silver.{contract.Table.Name}.columns.{column.Name}", $"{ColumnType.Format(column.Type)} has another text on each engine, so it can be neither key nor hash. Make it a decimal or a string"));
            foreach (var reference in contract.References.Where(reference => contract.Columns.FirstOrDefault(column => column.Name == reference.Column)?.Type is FloatType or DoubleType or ListType))
                Unportable.Add(new ConfigProblem(contract.Location, $"silver.{contract.Table.Name}.references.{reference.Name}", $"{ColumnType.Format(contract.Column(reference.Column).Type)} is equal to other values on each engine, so rows cannot be found by it. Make both columns decimals or strings"));
            foreach (var column in contract.Columns) CheckZones(contract, column);
            foreach (var rule in contract.Rules.Where(rule => !string.IsNullOrWhiteSpace(rule.Check))) CheckRule(contract, rule);
        }

        var nodes = new List<GoldNode>();
        foreach (var (table, inputs) in Ordered(silver, gold))
        {
            // What is wrong with an input has been said there.
            if (inputs.Any(input => input.Layer == Layer.Gold && nodes.TrueForAll(node => node.Table != input))) continue;
            if (ColumnsOf(table) is not { } columns) continue;
            CheckPersonal(table, columns, inputs.SelectMany(input => PersonalOf(input, silver, nodes)));
            nodes.Add(new GoldNode(table, inputs, columns));
        }

        return nodes;
    }

    public void Dispose() => _session.Dispose();

    private void CheckZones(SilverContract contract, SilverColumn column)
    {
        foreach (var zone in ColumnFunctions.ZonesOf(column.Value).Distinct(StringComparer.Ordinal))
        {
            var known = _session.Rows("SELECT name FROM pg_timezone_names()").Select(row => (string)row[0]!).ToList();
            if (!known.Contains(zone)) problems.Add(new ConfigProblem(column.Location ?? contract.Location, $"silver.{contract.Table.Name}.columns.{column.Name}.value", $"there is no zone '{zone}'{SettingsReader.Nearest(zone, known)}"));
        }
    }

    private void CheckRule(SilverContract contract, Rule rule)
    {
        // Rules see values before they are masked.
        var columns = contract.Columns.Select(column => new Field(column.Name, column.Type, nullable: true)).Concat(Columns(contract).Where(field => field.Name[0] == '_'));
        var (tree, fault) = SqlTree.Parse(_session, $"SELECT {rule.Check}");
        var faults = tree is null ? [fault!] : SqlJudge.Rule(tree);
        var unportable = faults.Count > 0 ? null
            : SqlPortability.Of(tree!, rule.Check, columns.ToDictionary(field => field.Name, field => (IArrowType?)field.DataType, StringComparer.Ordinal)).FirstOrDefault()?.Message;
        // One mistake is told once.
        if (faults.Count > 0) Report(faults[0].Message);
        else if (TypeOf(rule.Check, columns, out var error) is not { } type) Report(unportable ?? error!);
        else if (type != "BOOLEAN") Report($"it is a value of type {type}, not a condition. Compare it with something");
        else if (unportable is not null) Unportable.Add(new ConfigProblem(rule.Location, $"silver.{contract.Table.Name}.rules.{rule.Name}", unportable));

        void Report(string message) => problems.Add(new ConfigProblem(rule.Location, $"silver.{contract.Table.Name}.rules.{rule.Name}", message));
    }

    /// <summary>The type of an expression over these columns; null: it cannot be bound.</summary>
    private string? TypeOf(string expression, IEnumerable<Field> columns, out string? error)
    {
        error = null;
        try
        {
            return (string)_session.Rows($"DESCRIBE SELECT ({SqlDialect.DuckDb.Render(expression)}\n) AS value FROM ({Sql.Empty(columns)})")[0][1]!;
        }
        catch (DuckDBException e)
        {
            error = Reason(e);
            return null;
        }
    }

    /// <summary>Reads dependencies from the queries, reports unknown tables and cycles, and sorts.</summary>
    private List<(GoldTable Table, IReadOnlyList<TableId> Inputs)> Ordered(IReadOnlyList<SilverContract> silver, IReadOnlyList<GoldTable> gold)
    {
        var known = silver.Select(contract => contract.Table).Concat(gold.Select(table => table.Table)).ToHashSet();
        var waiting = new List<(GoldTable Table, IReadOnlyList<TableId> Inputs)>();
        var columns = ColumnsOf(silver);
        foreach (var table in gold.Where(table => !string.IsNullOrWhiteSpace(table.Sql)))
        {
            var (tree, fault) = SqlTree.Parse(_session, table.Sql);
            var faults = problems.Count;
            if ((tree is null ? fault : SqlJudge.Query(tree).FirstOrDefault()) is { } first) Report(table, first.Line, first.Message);
            else if (SqlPortability.Of(tree!, table.Sql, columns) is [var unportable, ..]) Unportable.Add(Problem(table, unportable.Line, unportable.Message));
            var inputs = new List<TableId>();
            foreach (var reference in tree is null || problems.Count > faults ? [] : SqlReferences.Of(tree))
            {
                var id = reference.Schema.ToLowerInvariant() switch
                {
                    "silver" => TableId.Silver(reference.Name),
                    "gold" => TableId.Gold(reference.Name),
                    _ => null,
                };
                if (id is null)
                    Report(table, reference.Line, $"'{reference}' is not a table. Write silver.TABLE or gold.TABLE");
                else if (!known.Contains(id))
                    Report(table, reference.Line, $"there is no table '{reference}'{SettingsReader.Nearest(reference.ToString(), known.Select(t => t.ToString().Replace('/', '.')))}");
                else if (!inputs.Contains(id))
                    inputs.Add(id);
            }

            if (problems.Count == faults) waiting.Add((table, inputs));
        }

        var ordered = new List<(GoldTable Table, IReadOnlyList<TableId> Inputs)>();
        while (waiting.Count > 0)
        {
            var ready = waiting.Where(node => !node.Inputs.Any(input => waiting.Exists(other => other.Table.Table == input))).ToList();
            if (ready.Count == 0)
            {
                foreach (var (table, _) in waiting.Where(node => Cycle(node.Table.Table, waiting) is not null))
                    Report(table, 1, $"the table depends on itself: {string.Join(" reads ", Cycle(table.Table, waiting)!)}");
                break;
            }

            ordered.AddRange(ready);
            waiting.RemoveAll(ready.Contains);
        }

        return ordered;
    }

    /// <summary>The columns of all Silver tables; the type is null where tables differ.</summary>
    private static Dictionary<string, IArrowType?> ColumnsOf(IReadOnlyList<SilverContract> silver)
    {
        var columns = new Dictionary<string, IArrowType?>(StringComparer.Ordinal);
        foreach (var field in silver.SelectMany(Columns))
            columns[field.Name] = !columns.TryGetValue(field.Name, out var known) || known is not null && Sql.Type(known) == Sql.Type(field.DataType) ? field.DataType : null;
        return columns;
    }

    /// <summary>A path from a table back to itself; null when there is none.</summary>
    private static List<TableId>? Cycle(TableId start, List<(GoldTable Table, IReadOnlyList<TableId> Inputs)> nodes)
    {
        var paths = new Queue<List<TableId>>([[start]]);
        var seen = new HashSet<TableId>();
        while (paths.TryDequeue(out var path))
        {
            foreach (var input in nodes.Find(node => node.Table.Table == path[^1]).Inputs ?? [])
            {
                if (input == start) return [.. path, input];
                if (seen.Add(input)) paths.Enqueue([.. path, input]);
            }
        }

        return null;
    }

    /// <summary>Binds a query, leaves its empty table behind for those that follow, and returns its columns.</summary>
    private List<Field>? ColumnsOf(GoldTable table)
    {
        var name = $"gold.{Sql.Name(table.Table.Name)}";
        try
        {
            // The query starts on the first line, so DuckDB's line numbers are the file's.
            _session.Execute($"CREATE TABLE {name} AS {SqlDialect.DuckDb.Render(table.Sql)}\nWITH NO DATA");
        }
        catch (DuckDBException e)
        {
            Report(table, LineOf(e), Reason(e));
            return null;
        }

        var columns = new List<Field>();
        var quoted = SqlToken.Split(table.Sql).Where(token => token.Kind == SqlTokenKind.QuotedName).Select(token => token.Value).ToHashSet(StringComparer.Ordinal);
        foreach (var row in _session.Rows($"DESCRIBE {name}"))
        {
            var (column, type) = ((string)row[0]!, (string)row[1]!);
            if (Arrow(type) is { } arrow) columns.Add(new Field(column, arrow, nullable: true, table.Personal.Contains(column) ? TableColumns.WithoutStatistics : null));
            else Report(table, 1, $"column '{column}' has type {type}, which the lake does not have. CAST it, e.g. to BIGINT, DOUBLE, DECIMAL(18,2) or VARCHAR");
            if (PlainName().IsMatch(column) || quoted.Contains(column))
                if (LakeName.FaultOfQueried(column) is { } fault) Report(table, 1, fault);
        }

        foreach (var (column, earlier) in LakeName.AlikeBut(columns.Select(column => column.Name)))
            Report(table, 1, $"only case tells column '{column}' from '{earlier}', which readers of the lake do not look at. Give it another name");

        CheckNames(table, "key", table.Key, columns);
        foreach (var column in columns.Where(column => !PlainName().IsMatch(column.Name) && !quoted.Contains(column.Name)))
            Unportable.Add(Problem(table, 1, $"column '{column.Name}' has no name but the one that this engine makes of its expression. Write AS name"));
        foreach (var column in columns.Where(column => table.Key.Contains(column.Name) && column.DataType is DoubleType or FloatType))
            Unportable.Add(new ConfigProblem(table.Location, $"gold.{table.Table.Name}.key", $"'{column.Name}' is a floating point number, which is not the same on every engine. Use another key, or CAST it to a decimal by to_decimal(x, precision, scale)"));
        CheckNames(table, "personal", table.Personal, columns);
        CheckNames(table, "columns", table.ColumnDescriptions.Keys, columns);
        return columns;
    }

    private void CheckNames(GoldTable table, string setting, IEnumerable<string> names, List<Field> columns)
    {
        foreach (var name in names.Where(name => columns.TrueForAll(column => column.Name != name)))
            problems.Add(new ConfigProblem(table.Location, $"gold.{table.Table.Name}.{setting}",
                $"the query returns no column '{name}'{SettingsReader.Nearest(name, columns.Select(column => column.Name))}"));
    }

    /// <summary>A column that has kept its name and type is taken to have kept its values too.</summary>
    private void CheckPersonal(GoldTable table, List<Field> columns, IEnumerable<(TableId Table, Field Column)> personal)
    {
        foreach (var (from, column) in personal.Where(from => columns.Exists(column => column.Name == from.Column.Name && TableColumns.HasStatistics(column)
            && ColumnType.Format(column.DataType) == ColumnType.Format(from.Column.DataType))))
            problems.Add(new ConfigProblem(table.Location, $"gold.{table.Table.Name}.personal",
                $"column '{column.Name}' has name and type of a personal column of {from}. List it here, or give it another name if it says nothing about a person"));
    }

    private static IEnumerable<(TableId Table, Field Column)> PersonalOf(TableId table, IReadOnlyList<SilverContract> silver, List<GoldNode> gold) =>
        (silver.FirstOrDefault(contract => contract.Table == table) is { } known ? Columns(known) : gold.First(node => node.Table == table).Columns)
            .Where(column => !TableColumns.HasStatistics(column)).Select(column => (table, column));

    private static IArrowType? Arrow(string type) => type switch
    {
        "BOOLEAN" => BooleanType.Default,
        "TINYINT" => Int8Type.Default,
        "SMALLINT" => Int16Type.Default,
        "INTEGER" => Int32Type.Default,
        "BIGINT" => Int64Type.Default,
        "FLOAT" => FloatType.Default,
        "DOUBLE" => DoubleType.Default,
        "DATE" => Date32Type.Default,
        "VARCHAR" => StringType.Default,
        "BLOB" => BinaryType.Default,
        // A naive timestamp is UTC.
        "TIMESTAMP WITH TIME ZONE" or "TIMESTAMP" => BronzeColumns.Timestamp,
        _ => ColumnType.TryParse(type.ToLowerInvariant()) as Decimal128Type,
    };

    private void Report(GoldTable table, int line, string message) => problems.Add(Problem(table, line, message));

    private static ConfigProblem Problem(GoldTable table, int line, string message) => new(new SourceLocation(table.SqlFile, line), $"gold.{table.Table.Name}", message);

    /// <summary>DuckDB's message without the excerpt of the statement.</summary>
    private static string Reason(DuckDBException e)
    {
        var message = e.Message.ReplaceLineEndings("\n");
        var excerpt = LinePattern().Match(message);
        return (excerpt.Success ? message[..excerpt.Index] : message).Trim().Replace("\n", " ", StringComparison.Ordinal);
    }

    private static int LineOf(DuckDBException e) =>
        LinePattern().Match(e.Message) is { Success: true } match ? int.Parse(match.Groups["line"].Value, CultureInfo.InvariantCulture) : 1;

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_]*\\z")]
    private static partial Regex PlainName();

    [GeneratedRegex(@"^LINE (?<line>[0-9]+):", RegexOptions.Multiline)]
    private static partial Regex LinePattern();
}
