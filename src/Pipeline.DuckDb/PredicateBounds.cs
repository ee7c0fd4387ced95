using System.Text.Json;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;

namespace Pipeline.DuckDb;

/// <summary>
/// Turns a condition on rows into one on files' bounds (<see cref="FileBounds"/>) that is false only where no row can
/// match. Understands comparisons of a column with constants, BETWEEN and IN, under AND and OR; of the rest it claims
/// nothing. DuckDB's own parser reads the condition.
/// </summary>
internal sealed class PredicateBounds
{
    private readonly DuckDbSession _session;
    private readonly IReadOnlyList<Field> _columns;
    private readonly JsonNode _statement;

    private PredicateBounds(DuckDbSession session, IReadOnlyList<Field> columns, JsonNode statement) => (_session, _columns, _statement) = (session, columns, statement);

    /// <summary>The condition on bounds; null when nothing can be ruled out.</summary>
    /// <exception cref="PipelineException">The predicate is not one condition.</exception>
    public static string? Of(DuckDbSession session, string predicate, IReadOnlyList<Field> columns)
    {
        var parsed = JsonNode.Parse((string)session.Scalar($"SELECT json_serialize_sql({Sql.Text($"SELECT 1 WHERE ({predicate}\n)")})")!)!;
        if (parsed["error"]!.GetValue<bool>()) throw Refused(predicate, parsed["error_message"]?.GetValue<string>() ?? "it cannot be read");
        if (parsed["statements"] is not JsonArray { Count: 1 } statements) throw Refused(predicate, "it is more than one condition");
        var bounds = new PredicateBounds(session, columns, statements[0]!);
        return bounds.Condition(statements[0]!["node"]!["where_clause"]!);
    }

    public static PipelineException Refused(string predicate, string cause, Exception? inner = null) =>
        new(FaultKind.Invalid, $"Condition {predicate}", cause.Split('\n')[0].TrimEnd('.'), "Write one SQL condition over the table's columns.", inner);

    private string? Condition(JsonNode node)
    {
        var type = node["type"]!.GetValue<string>();
        return type switch
        {
            "CONJUNCTION_AND" => And(node["children"]!.AsArray().Select(child => Condition(child!))),
            "CONJUNCTION_OR" => Or(node["children"]!.AsArray().Select(child => Condition(child!))),
            "COMPARE_BETWEEN" => And([Compare(node["input"]!, ">=", node["lower"]!), Compare(node["input"]!, "<=", node["upper"]!)]),
            // The value, then those that it is compared with.
            "COMPARE_IN" => Or(node["children"]!.AsArray().Skip(1).Select(wanted => Compare(node["children"]![0]!, "=", wanted!))),
            _ when Operator(type) is { } comparison => Compare(node["left"]!, comparison, node["right"]!) ?? Compare(node["right"]!, Mirrored(comparison), node["left"]!),
            _ => null,
        };
    }

    private string? Compare(JsonNode left, string comparison, JsonNode right)
    {
        if (Column(left) is not { } column || !IsConstant(right) || !SortsAlike(column.DataType, right)) return null;
        var constant = Text(right);
        var (low, high) = (FileBounds.Low(column), FileBounds.High(column));
        return comparison switch
        {
            "=" => $"({low} <= {constant} AND {high} >= {constant})",
            "<" or "<=" => $"({low} {comparison} {constant})",
            _ => $"({high} {comparison} {constant})",
        };
    }

    private Field? Column(JsonNode node) =>
        node["type"]!.GetValue<string>() == "COLUMN_REF" && node["column_names"]!.AsArray() is { Count: 1 } name
            ? _columns.FirstOrDefault(column => string.Equals(column.Name, name[0]!.GetValue<string>(), StringComparison.OrdinalIgnoreCase)) : null;

    private static bool IsConstant(JsonNode node) => node["class"]!.GetValue<string>() switch
    {
        "CONSTANT" => true,
        "CAST" => IsConstant(node["child"]!),
        _ => false,
    };

    /// <summary>
    /// Whether the comparison keeps the column's own order, in which its bounds are: texts beside texts; numbers, days and
    /// times beside whatever DuckDB lets them be compared with.
    /// </summary>
    private static bool SortsAlike(IArrowType column, JsonNode constant) => column switch
    {
        StringType => constant["class"]!.GetValue<string>() == "CONSTANT" && constant["value"]!["type"]!["id"]!.GetValue<string>() == "VARCHAR",
        Int8Type or Int16Type or Int32Type or Int64Type or FloatType or DoubleType or Decimal128Type or Date32Type or TimestampType => true,
        _ => false,
    };

    /// <summary>A constant as SQL, by the parser's own way back.</summary>
    private string Text(JsonNode constant)
    {
        var select = _statement.DeepClone();
        select["node"]!["select_list"] = new JsonArray(constant.DeepClone());
        select["node"]!["where_clause"] = null;
        var document = new JsonObject { ["error"] = false, ["statements"] = new JsonArray(select) };
        var sql = (string)_session.Scalar($"SELECT json_deserialize_sql({Sql.Text(document.ToJsonString(JsonSerializerOptions.Default))}::JSON)")!;
        return $"({sql["SELECT ".Length..]})";
    }

    private static string? And(IEnumerable<string?> conditions)
    {
        var known = conditions.OfType<string>().ToList();
        return known.Count == 0 ? null : $"({string.Join(" AND ", known)})";
    }

    private static string? Or(IEnumerable<string?> conditions)
    {
        var all = conditions.ToList();
        return all.Contains(null) ? null : $"({string.Join(" OR ", all)})";
    }

    private static string? Operator(string type) => type switch
    {
        "COMPARE_EQUAL" => "=",
        "COMPARE_LESSTHAN" => "<",
        "COMPARE_LESSTHANOREQUALTO" => "<=",
        "COMPARE_GREATERTHAN" => ">",
        "COMPARE_GREATERTHANOREQUALTO" => ">=",
        _ => null,
    };

    private static string Mirrored(string comparison) => comparison switch
    {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        _ => comparison,
    };
}
