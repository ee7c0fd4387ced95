using Apache.Arrow.Types;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Silver;

/// <summary>
/// How a value of one type becomes a value of another, the same whatever source it comes from and whatever engine runs: an
/// integer is never rounded to, what is out of range has no value, and the digits that a decimal has no room for are rounded
/// half away from zero, a double's by its shortest text.
/// </summary>
/// <param name="Sql">The expression.</param>
/// <param name="CanFail">Whether a value that is there may have no value of the other type; the expression is then null.</param>
internal readonly record struct Conversion(string Sql, bool CanFail)
{
    public static Conversion Of(SqlDialect sql, string expression, IArrowType from, IArrowType to, int depth = 0)
    {
        if (sql.Type(from) == sql.Type(to)) return new Conversion(expression, CanFail: false);
        if (to is StringType) return new Conversion(sql.ToText(expression, from), CanFail: false);
        if (from is StringType) return new Conversion(Parse(sql, expression, to, depth), CanFail: true);
        if (IsWidening(from, to)) return new Conversion(sql.Cast(expression, to), CanFail: false);
        return new Conversion((from, to) switch
        {
            (FloatType or DoubleType, Decimal128Type d) => sql.Call("to_decimal", expression, $"{d.Precision}", $"{d.Scale}"),
            (FloatType or DoubleType, _) when IntegerBytes(to) is not null => sql.TryCast(sql.Call("whole_double", expression), to),
            (Decimal128Type { Scale: > 0 }, _) when IntegerBytes(to) is not null => sql.TryCast(sql.Call("whole", expression), to),
            (_, FloatType) when from is not BooleanType => sql.Call("to_float", expression),
            _ => sql.TryCast(expression, to),
        }, CanFail: true);
    }

    /// <summary>A list from its text in a row of the quarantine; those of earlier releases are not JSON.</summary>
    public static string OfImage(SqlDialect sql, string text, IArrowType to)
    {
        var items = Of(sql, text, StringType.Default, to).Sql;
        return sql == SqlDialect.DuckDb ? $"COALESCE({items}, {sql.TryCast(text, to)})" : items;
    }

    /// <summary>What is at a path within each item of a JSON array; null where it is not.</summary>
    public static Conversion OfItems(SqlDialect sql, string text, ListType to, JsonPath path)
    {
        var items = sql.Call("json_items", text);
        if (path.Steps.Count > 0) items = sql.Each(items, "_part", sql.Call("get_json_object", "_part", sql.PathText(path)));
        return new Conversion(ItemsOf(sql, items, to, depth: 0), CanFail: true);
    }

    private static string Parse(SqlDialect sql, string text, IArrowType to, int depth) => to switch
    {
        Int64Type => sql.Call("parse_long", text),
        Int32Type => sql.Call("parse_int", text),
        Int16Type => sql.Call("parse_short", text),
        Int8Type => sql.Call("parse_byte", text),
        DoubleType => sql.Call("parse_double", text),
        FloatType => sql.Call("parse_float", text),
        BooleanType => sql.Call("parse_boolean", text),
        Date32Type => sql.Call("parse_date", text),
        TimestampType => sql.Call("parse_timestamp", text),
        Decimal128Type d => sql.Call("parse_decimal", text, $"{d.Precision}", $"{d.Scale}"),
        BinaryType => sql.Call("encode", text),
        ListType list => Items(sql, text, list, depth),
        _ => sql.TryCast(text, to),
    };

    /// <summary>A JSON array whose items all have a value of the type.</summary>
    private static string Items(SqlDialect sql, string text, ListType list, int depth) => ItemsOf(sql, sql.Call("json_items", text), list, depth);

    private static string ItemsOf(SqlDialect sql, string items, ListType list, int depth)
    {
        var item = $"_item{depth}";
        var (value, canFail) = Of(sql, item, StringType.Default, list.ValueDataType, depth + 1);
        if (value == item) return items;
        var each = sql.Each(items, item, value);
        return canFail ? $"CASE WHEN NOT {sql.Any(items, item, $"{item} IS NOT NULL AND {value} IS NULL")} THEN {each} END" : each;
    }

    private static bool IsWidening(IArrowType from, IArrowType to) => (IntegerBytes(from), IntegerBytes(to), from, to) switch
    {
        (int a, int b, _, _) => a <= b,
        (int a, _, _, Decimal128Type d) => d.Precision - d.Scale >= IntegerDigits(a),
        (not null, _, _, DoubleType) => true,
        (_, _, FloatType, DoubleType) => true,
        (_, _, Decimal128Type, DoubleType) => true,
        (_, _, Decimal128Type a, Decimal128Type b) => a.Scale <= b.Scale && a.Precision - a.Scale <= b.Precision - b.Scale,
        (_, _, TimestampType, Date32Type) => true,
        _ => false,
    };

    private static int? IntegerBytes(IArrowType type) => type switch
    {
        Int8Type => 1,
        Int16Type => 2,
        Int32Type => 4,
        Int64Type => 8,
        _ => null,
    };

    private static int IntegerDigits(int bytes) => bytes switch
    {
        1 => 3,
        2 => 5,
        4 => 10,
        _ => 19,
    };
}
