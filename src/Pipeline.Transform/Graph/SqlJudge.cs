using System.Text.Json;
using Pipeline.Configuration;

namespace Pipeline.Transform.Graph;

/// <summary>
/// Judges configured SQL by its syntax tree: a query is one SELECT over tables of the lake, a rule one expression over the
/// columns of one row, and both call only functions of <see cref="SqlFunctions"/>, whose answers depend on their arguments
/// alone. What the tree holds and this does not know is refused.
/// </summary>
internal sealed class SqlJudge
{
    private static readonly HashSet<string> Expressions = new(StringComparer.Ordinal)
    {
        "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION", "LAMBDA", "OPERATOR",
    };

    /// <summary>Beside <see cref="Expressions"/>, in a query.</summary>
    private static readonly HashSet<string> QueryExpressions = new(StringComparer.Ordinal) { "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "WINDOW" };

    private static readonly HashSet<string> QueryParts = new(StringComparer.Ordinal)
    {
        "SELECT_NODE", "SET_OPERATION_NODE", "CTE_NODE", "RECURSIVE_CTE_NODE", "BASE_TABLE", "JOIN", "SUBQUERY", "EMPTY", "EXPRESSION_LIST", "TABLE_FUNCTION",
        "ORDER_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER", "ASCENDING", "DESCENDING", "ORDER_DEFAULT",
    };

    private readonly SqlTree _tree;
    private readonly bool _isRule;
    private readonly List<SqlFault> _faults = [];

    private SqlJudge(SqlTree tree, bool isRule)
    {
        _tree = tree;
        _isRule = isRule;
    }

    /// <summary>What is wrong with a Gold table's query; nothing when it is right.</summary>
    public static IReadOnlyList<SqlFault> Query(SqlTree tree)
    {
        var judge = new SqlJudge(tree, isRule: false);
        SqlTree.Visit(tree.Statement, judge.Judge);
        return judge._faults;
    }

    /// <summary>What is wrong with a rule.</summary>
    /// <param name="tree">Of <c>SELECT rule</c>.</param>
    public static IReadOnlyList<SqlFault> Rule(SqlTree tree)
    {
        if (ExpressionOf(tree.Statement.GetProperty("node")) is not { } expression) return [new SqlFault("a rule is one condition on the columns of its row, and nothing else", 1)];
        var judge = new SqlJudge(tree, isRule: true);
        SqlTree.Visit(expression, judge.Judge);
        return judge._faults;
    }

    /// <summary>The only thing that is selected, from nothing, without anything beside it; null: there is more.</summary>
    private static JsonElement? ExpressionOf(JsonElement select)
    {
        var isAlone = select.GetProperty("type").ValueEquals("SELECT_NODE")
            && select.GetProperty("modifiers").GetArrayLength() == 0
            && select.GetProperty("cte_map").GetProperty("map").GetArrayLength() == 0
            && select.GetProperty("select_list").GetArrayLength() == 1
            && select.GetProperty("select_list")[0].GetProperty("alias").ValueEquals("")
            && select.GetProperty("from_table").GetProperty("type").ValueEquals("EMPTY")
            && select.GetProperty("group_expressions").GetArrayLength() == 0
            && select.GetProperty("aggregate_handling").ValueEquals("STANDARD_HANDLING")
            && ((string[])["where_clause", "having", "sample", "qualify"]).All(part => select.GetProperty(part).ValueKind == JsonValueKind.Null);
        return isAlone ? select.GetProperty("select_list")[0] : null;
    }

    private void Judge(JsonElement node)
    {
        if (node.TryGetProperty("sample", out var sample) && sample.ValueKind != JsonValueKind.Null) Fault(node, "a sample is another one at each run. Remove it");
        if (node.TryGetProperty("at_clause", out var at) && at.ValueKind != JsonValueKind.Null) Fault(node, "which version of a table is read is decided by the run. Remove AT");
        if (node.TryGetProperty("modifiers", out var modifiers) && IsAnyOfMany(modifiers)) Fault(node, "DISTINCT ON takes another row at each run. Write ORDER BY after it");
        if (!node.TryGetProperty("type", out var type) || type.ValueKind != JsonValueKind.String) return;
        if (node.TryGetProperty("ref_type", out var join) && join.ValueEquals("POSITIONAL")) Fault(node, "POSITIONAL JOIN joins other rows at each run. Write JOIN ... ON");
        if (node.TryGetProperty("class", out var kind)) JudgeExpression(node, kind.GetString()!);
        else if (_isRule && !type.GetString()!.EndsWith("_MODIFIER", StringComparison.Ordinal) || !QueryParts.Contains(type.GetString()!)) Fault(node, $"{Words(type.GetString()!)} is not allowed here");
    }

    private void JudgeExpression(JsonElement node, string kind)
    {
        switch (kind)
        {
            case "FUNCTION":
                JudgeFunction(node);
                break;
            case "WINDOW" when !_isRule:
                JudgeFunction(node);
                break;
            case "COLUMN_REF" when node.GetProperty("column_names") is var names && names.GetArrayLength() == 1 && SqlFunctions.ChangingNames.Contains(names[0].GetString()!):
                Fault(node, Changing(names[0].GetString()!));
                break;
            case "COLUMN_REF" when node.GetProperty("column_names").EnumerateArray().Last().GetString() is { } name && SqlFunctions.PlacesOfRows.Contains(name):
                Fault(node, $"'{name}' is where a row lies in its file, which is elsewhere after each compaction. Take a column of the table");
                break;
            // DuckDB computes what occurs twice outside of it, and it is wrong about rows beside the one that fails.
            case "OPERATOR" when node.GetProperty("type").ValueEquals("OPERATOR_TRY"):
                Fault(node, "TRY is not allowed. TRY_CAST gives null for what cannot be converted");
                break;
            default:
                if (!Expressions.Contains(kind) && (_isRule || !QueryExpressions.Contains(kind)))
                    Fault(node, _isRule ? $"{Words(kind)} is not allowed: a rule is one condition on the columns of its row" : $"{Words(kind)} is not allowed here");
                break;
        }
    }

    private void JudgeFunction(JsonElement node)
    {
        var name = node.GetProperty("function_name").GetString()!.ToLowerInvariant();
        var schema = node.GetProperty("schema").GetString()!;
        if (schema is not ("" or "main")) Fault(node, $"'{schema}.{name}' is not a function. Write {name}({schema})");
        else if (SqlFunctions.ChangingNames.Contains(name)) Fault(node, Changing(name));
        else if (_isRule && SqlFunctions.OfManyRows.Contains(name)) Fault(node, $"'{name}' is about many rows: a rule is one condition on the columns of its row");
        else if (!SqlFunctions.OfOneRow.Contains(name) && !SqlFunctions.OfManyRows.Contains(name))
            Fault(node, $"'{name}' is not among the functions that configured SQL may call{SettingsReader.Nearest(name, SqlFunctions.Names)}");
        else if (node.GetProperty("class").ValueEquals("WINDOW"))
        {
            if ((SqlFunctions.OrderMatters.Contains(name) || SqlFunctions.OrderMattersOverWindow.Contains(name)) && IsEmpty(node, "orders") && IsEmpty(node, "arg_orders"))
                Fault(node, $"'{name}' depends on the order of the rows, which is another one at each run. Write {name}(...) OVER (... ORDER BY ...)");
        }
        else if (SqlFunctions.OrderMatters.Contains(name) && IsEmpty(node.GetProperty("order_bys"), "orders"))
        {
            Fault(node, $"'{name}' depends on the order of the rows, which is another one at each run. Write {name}(... ORDER BY ...)");
        }
    }

    private static bool IsEmpty(JsonElement node, string list) => !node.TryGetProperty(list, out var items) || items.GetArrayLength() == 0;

    /// <summary>Whether one of many rows is taken, and no order says which.</summary>
    private static bool IsAnyOfMany(JsonElement modifiers) =>
        modifiers.EnumerateArray().Any(modifier => modifier.GetProperty("type").ValueEquals("DISTINCT_MODIFIER") && !IsEmpty(modifier, "distinct_on_targets"))
        && !modifiers.EnumerateArray().Any(modifier => modifier.GetProperty("type").ValueEquals("ORDER_MODIFIER"));

    private string Changing(string name) =>
        $"'{name.ToLowerInvariant()}' is another value at each run. {(_isRule ? "Compare with _ingested_at, when the row came" : "Take the time from a column, as _ingested_at")}";

    private void Fault(JsonElement node, string message) => _faults.Add(new SqlFault(message, _tree.LineOf(node)));

    private static string Words(string kind) => kind.Replace('_', ' ');
}
