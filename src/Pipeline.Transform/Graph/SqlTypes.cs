using System.Globalization;
using System.Text.Json;
using Apache.Arrow.Types;
using Pipeline.Core;

namespace Pipeline.Transform.Graph;

/// <summary>Types of expressions, told from the syntax tree alone.</summary>
internal static class SqlTypes
{
    private static readonly HashSet<string> Texts = new(StringComparer.Ordinal)
        { "||", "concat_ws", "lower", "upper", "trim", "ltrim", "rtrim", "substr", "substring", "left", "right", "replace", "regexp_replace", "regexp_extract", "split_part", "lpad", "rpad", "repeat", "reverse", "sha2", "md5", "hex", "json_text", "get_json_object", "trim_space", "lower_ascii", "upper_ascii", "chr", "translate" };

    private static readonly HashSet<string> OfFirst = new(StringComparer.Ordinal) { "min", "max", "abs", "nullif", "ifnull", "greatest", "least", "first_value", "last_value", "lag", "lead", "whole", "whole_double" };

    private static readonly HashSet<string> Doubles = new(StringComparer.Ordinal) { "/", "sqrt", "ln", "exp", "power", "pow", "parse_double" };

    private static readonly HashSet<string> Longs = new(StringComparer.Ordinal)
        { "count", "count_star", "count_if", "length", "char_length", "instr", "position", "datediff", "dayofweek", "epoch_us", "parse_long", "date_part", "year", "month", "day", "hour", "minute", "quarter", "row_number", "rank", "dense_rank", "ascii" };

    private static readonly HashSet<string> Conditions = new(StringComparer.Ordinal)
        { "~~", "!~~", "~~*", "!~~*", "contains", "starts_with", "regexp_like", "is_number", "is_json", "is_json_object", "carries", "like_escape", "not_like_escape", "parse_boolean", "isnan", "bool_and", "bool_or" };

    public static IArrowType? Of(JsonElement node, Func<JsonElement, IArrowType?> column)
    {
        if (node.ValueKind != JsonValueKind.Object || !node.TryGetProperty("class", out var kind)) return null;
        return kind.GetString() switch
        {
            "COLUMN_REF" => column(node),
            "CONSTANT" => long.TryParse(Constant(node), CultureInfo.InvariantCulture, out var number) && OfName(node.GetProperty("value").GetProperty("type")) is Int64Type
                ? number is > -1000 and < 1000 ? Int8Type.Default : number is > -100_000 and < 100_000 ? Int16Type.Default : Int64Type.Default : OfName(node.GetProperty("value").GetProperty("type")),
            "CAST" => OfName(node.GetProperty("cast_type")),
            "COMPARISON" or "CONJUNCTION" or "BETWEEN" => BooleanType.Default,
            "CASE" => node.GetProperty("case_checks").EnumerateArray().Select(check => Of(check.GetProperty("then_expr"), column)).Append(Of(node.GetProperty("else_expr"), column)).FirstOrDefault(type => type is not null),
            "OPERATOR" when node.GetProperty("type").ValueEquals("OPERATOR_COALESCE") => Of(node.GetProperty("children")[0], column),
            "OPERATOR" when node.GetProperty("type").GetString() is "OPERATOR_NOT" or "OPERATOR_IS_NULL" or "OPERATOR_IS_NOT_NULL" or "COMPARE_IN" or "COMPARE_NOT_IN" => BooleanType.Default,
            "FUNCTION" or "WINDOW" => OfFunction(node, column),
            _ => null,
        };
    }

    private static IArrowType? OfFunction(JsonElement node, Func<JsonElement, IArrowType?> column)
    {
        var name = node.GetProperty("function_name").GetString()!.ToLowerInvariant();
        var arguments = node.GetProperty("children").EnumerateArray().ToList();
        if (Texts.Contains(name)) return StringType.Default;
        if (Doubles.Contains(name)) return DoubleType.Default;
        if (Longs.Contains(name)) return Int64Type.Default;
        if (Conditions.Contains(name)) return BooleanType.Default;
        if (OfFirst.Contains(name) && arguments.Count > 0) return Of(arguments[0], column);
        return name switch
        {
            "parse_decimal" or "to_decimal" or "divide" when arguments.Count > 2 => Decimal(Constant(arguments[^2]), Constant(arguments[^1])),
            "parse_date" or "last_day" => Date32Type.Default,
            "parse_timestamp" or "make_timestamptz" => BronzeColumns.Timestamp,
            "sum" => Of(arguments[0], column) switch { Decimal128Type d => new Decimal128Type(38, d.Scale), var type => type },
            "avg" => Of(arguments[0], column) is Decimal128Type ? null : DoubleType.Default,
            "round" or "floor" or "ceil" or "ceiling" => Of(arguments[0], column),
            "+" or "-" or "*" when arguments.Count == 2 => Of(arguments[0], column) is var a && Of(arguments[1], column) is var b && (a is DoubleType or FloatType || b is DoubleType or FloatType) ? DoubleType.Default
                : a is Decimal128Type x && b is Decimal128Type y ? new Decimal128Type(Math.Min(38, Math.Max(x.Precision, y.Precision) + 1), Math.Max(x.Scale, y.Scale))
                : a is Date32Type or TimestampType || b is Date32Type or TimestampType ? null : a is Decimal128Type ? a : b is Decimal128Type ? b : a is null || b is null ? null : Int64Type.Default,
            _ => null,
        };
    }

    private static IArrowType? OfName(JsonElement type) => type.GetProperty("id").GetString() switch
    {
        "BOOLEAN" => BooleanType.Default,
        "TINYINT" or "SMALLINT" or "INTEGER" or "BIGINT" => Int64Type.Default,
        "FLOAT" or "DOUBLE" => DoubleType.Default,
        "DECIMAL" when type.TryGetProperty("type_info", out var info) && info.ValueKind == JsonValueKind.Object => new Decimal128Type(info.GetProperty("width").GetInt32(), info.GetProperty("scale").GetInt32()),
        "DATE" => Date32Type.Default,
        "TIMESTAMP" or "TIMESTAMP WITH TIME ZONE" => BronzeColumns.Timestamp,
        "VARCHAR" => StringType.Default,
        "BLOB" => BinaryType.Default,
        _ => null,
    };

    private static Decimal128Type? Decimal(string? precision, string? scale) =>
        int.TryParse(precision, CultureInfo.InvariantCulture, out var p) && int.TryParse(scale, CultureInfo.InvariantCulture, out var s) && p is >= 1 and <= 38 && s >= 0 && s <= p ? new Decimal128Type(p, s) : null;

    /// <summary>What the value of a constant is as text; null: it is none, or null.</summary>
    public static string? Constant(JsonElement node) =>
        node.ValueKind == JsonValueKind.Object && node.TryGetProperty("class", out var kind) && kind.ValueEquals("CONSTANT") && node.GetProperty("value").TryGetProperty("value", out var value) && value.ValueKind is not JsonValueKind.Null
            ? value.ToString() : null;

    /// <summary>Whether a divisor is a number that is not zero, or null in its place.</summary>
    public static bool IsNeverZero(JsonElement divisor) => divisor.GetProperty("class").GetString() switch
    {
        "CONSTANT" => Constant(divisor) is { } text && double.TryParse(text, CultureInfo.InvariantCulture, out var number) && number != 0,
        "CAST" => IsNeverZero(divisor.GetProperty("child")),
        "FUNCTION" => divisor.GetProperty("function_name").GetString() == "nullif" && divisor.GetProperty("children") is var of && of.GetArrayLength() == 2 && Constant(of[1]) is { } zero && double.TryParse(zero, CultureInfo.InvariantCulture, out var number) && number == 0,
        _ => false,
    };

    /// <summary>Whether a number has no fraction any more.</summary>
    public static bool IsWhole(JsonElement node) => node.GetProperty("class").ValueEquals("FUNCTION") && node.GetProperty("function_name").GetString()!.ToLowerInvariant() is var name
        && (name is "floor" or "ceil" or "ceiling" or "whole" or "whole_double" || name == "round" && node.GetProperty("children").GetArrayLength() == 1 || name is "abs" or "sum" or "min" or "max" && IsWhole(node.GetProperty("children")[0]));

    /// <summary>INTERVAL '1' DAY, which the parser gives as a call.</summary>
    public static bool IsConstantInterval(JsonElement call)
    {
        var node = call.GetProperty("children")[0];
        while (node.TryGetProperty("class", out var kind))
        {
            if (kind.ValueEquals("CONSTANT")) return true;
            if (kind.ValueEquals("CAST")) node = node.GetProperty("child");
            else if (kind.ValueEquals("FUNCTION") && node.GetProperty("function_name").ValueEquals("trunc")) node = node.GetProperty("children")[0];
            else return false;
        }

        return false;
    }

    /// <summary>The digits that a number may have.</summary>
    public static int? Digits(IArrowType? type) => type switch
    {
        Decimal128Type d => d.Precision,
        Int8Type => 3,
        Int16Type => 5,
        Int32Type => 10,
        Int64Type => 19,
        _ => null,
    };

    /// <summary>What may stand beside each other; null: not known.</summary>
    public static string? KindOf(IArrowType? type) => type switch
    {
        StringType => "text",
        BooleanType => "a condition",
        Int8Type or Int16Type or Int32Type or Int64Type or FloatType or DoubleType or Decimal128Type => "a number",
        Date32Type or TimestampType => "a time",
        BinaryType => "bytes",
        _ => null,
    };

    /// <summary>A text that is a day, beside a time.</summary>
    public static bool IsDayOfText(JsonElement value, string? kind) =>
        kind == "a time" && Constant(value) is { } text && DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _);
}
