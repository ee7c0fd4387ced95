using Apache.Arrow.Types;

namespace Pipeline.Transform.Silver;

/// <summary>How a value of one type becomes a value of another.</summary>
/// <param name="Sql">The expression.</param>
/// <param name="CanFail">Whether a value that is there may have no value of the other type; the expression is then null.</param>
internal readonly record struct Conversion(string Sql, bool CanFail)
{
    public static Conversion Of(string expression, IArrowType from, IArrowType to)
    {
        if (DuckDb.Sql.Type(from) == DuckDb.Sql.Type(to)) return new Conversion(expression, CanFail: false);
        var target = DuckDb.Sql.Type(to);
        if (to is StringType) return new Conversion($"CAST({expression} AS VARCHAR)", CanFail: false);
        if (from is StringType) return new Conversion(Parse(expression, to, target), CanFail: true);
        return IsWidening(from, to) ? new Conversion($"CAST({expression} AS {target})", CanFail: false)
            : new Conversion($"TRY_CAST({expression} AS {target})", CanFail: true);
    }

    private static string Parse(string text, IArrowType to, string target) => to switch
    {
        Int64Type => $"parse_long({text})",
        Int32Type => $"parse_int({text})",
        Int16Type => $"parse_short({text})",
        Int8Type => $"parse_byte({text})",
        DoubleType => $"parse_double({text})",
        FloatType => $"parse_float({text})",
        BooleanType => $"parse_boolean({text})",
        Date32Type => $"parse_date({text})",
        TimestampType => $"parse_timestamp({text})",
        // Digits beyond the scale are rounded, half up.
        Decimal128Type => $"CASE WHEN is_number({text}) THEN TRY_CAST({text} AS {target}) END",
        BinaryType => $"encode({text})",
        _ => $"TRY_CAST({text} AS {target})",
    };

    private static bool IsWidening(IArrowType from, IArrowType to) => (IntegerBytes(from), IntegerBytes(to), from, to) switch
    {
        (int a, int b, _, _) => a <= b,
        (int a, _, _, Decimal128Type d) => d.Precision - d.Scale >= IntegerDigits(a),
        (int a, _, _, DoubleType) => a <= 4,
        (_, _, FloatType, DoubleType) => true,
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
