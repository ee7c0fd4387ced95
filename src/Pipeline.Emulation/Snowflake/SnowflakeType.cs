using System.Globalization;
using System.Text.RegularExpressions;

namespace Pipeline.Emulation.Snowflake;

/// <summary>A Snowflake data type as the SQL API names it in <c>rowType</c>.</summary>
public enum SnowflakeTypeName
{
    Fixed,
    Real,
    Text,
    Boolean,
    Date,
    Time,
    TimestampNtz,
    TimestampLtz,
    TimestampTz,
    Binary,
    Variant,
    Object,
    Array,
}

/// <summary>A declared column type, what DuckDB stores for it, and how the SQL API writes its cells.</summary>
/// <param name="Precision">Digits of a NUMBER.</param>
/// <param name="Scale">Digits after the point of a NUMBER, of the seconds of a TIME or TIMESTAMP.</param>
/// <param name="Length">Characters of a VARCHAR, bytes of a BINARY.</param>
public sealed partial record SnowflakeType(SnowflakeTypeName Name, int Precision = 0, int Scale = 0, int Length = 0)
{
    private const int TextLengthMax = 16_777_216;
    private const int BinaryLengthMax = 8_388_608;

    /// <exception cref="FormatException">No such type.</exception>
    public static SnowflakeType Parse(string text)
    {
        var match = TypeText().Match(text);
        if (!match.Success) throw Unsupported(text);
        int? Argument(string group) => match.Groups[group].Success ? int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture) : null;
        var first = Argument("first");
        return match.Groups["name"].Value.ToUpperInvariant() switch
        {
            "NUMBER" or "DECIMAL" or "NUMERIC" => new(SnowflakeTypeName.Fixed, first ?? 38, Argument("second") ?? 0),
            "INT" or "INTEGER" or "BIGINT" or "SMALLINT" or "TINYINT" or "BYTEINT" => new(SnowflakeTypeName.Fixed, 38),
            "FLOAT" or "FLOAT4" or "FLOAT8" or "DOUBLE" or "DOUBLE PRECISION" or "REAL" => new(SnowflakeTypeName.Real),
            "VARCHAR" or "STRING" or "TEXT" => new(SnowflakeTypeName.Text, Length: first ?? TextLengthMax),
            "CHAR" or "CHARACTER" => new(SnowflakeTypeName.Text, Length: first ?? 1),
            "BOOLEAN" => new(SnowflakeTypeName.Boolean),
            "DATE" => new(SnowflakeTypeName.Date),
            "TIME" => new(SnowflakeTypeName.Time, Scale: first ?? 9),
            "DATETIME" or "TIMESTAMP" or "TIMESTAMP_NTZ" => new(SnowflakeTypeName.TimestampNtz, Scale: first ?? 9),
            "TIMESTAMP_LTZ" => new(SnowflakeTypeName.TimestampLtz, Scale: first ?? 9),
            "TIMESTAMP_TZ" => new(SnowflakeTypeName.TimestampTz, Scale: first ?? 9),
            "BINARY" or "VARBINARY" => new(SnowflakeTypeName.Binary, Length: first ?? BinaryLengthMax),
            "VARIANT" => new(SnowflakeTypeName.Variant),
            "OBJECT" => new(SnowflakeTypeName.Object),
            "ARRAY" => new(SnowflakeTypeName.Array),
            _ => throw Unsupported(text),
        };
    }

    /// <summary>The type of an expression that is no declared column, from DuckDB's name for it.</summary>
    public static SnowflakeType OfStorage(string storage)
    {
        if (storage.StartsWith("DECIMAL", StringComparison.Ordinal)) return Parse(storage);
        return storage switch
        {
            "TINYINT" or "SMALLINT" or "INTEGER" or "BIGINT" or "UTINYINT" or "USMALLINT" or "UINTEGER" => new(SnowflakeTypeName.Fixed, 18),
            "UBIGINT" or "HUGEINT" or "UHUGEINT" => new(SnowflakeTypeName.Fixed, 38),
            "FLOAT" or "DOUBLE" => new(SnowflakeTypeName.Real),
            "BOOLEAN" => new(SnowflakeTypeName.Boolean),
            "DATE" => new(SnowflakeTypeName.Date),
            "TIME" => new(SnowflakeTypeName.Time, Scale: 9),
            "TIMESTAMP" => new(SnowflakeTypeName.TimestampNtz, Scale: 9),
            "TIMESTAMP WITH TIME ZONE" => new(SnowflakeTypeName.TimestampLtz, Scale: 9),
            "BLOB" => new(SnowflakeTypeName.Binary, Length: BinaryLengthMax),
            "JSON" => new(SnowflakeTypeName.Variant),
            _ => new(SnowflakeTypeName.Text, Length: TextLengthMax),
        };
    }

    /// <summary>The DuckDB type that holds it. A TIMESTAMP_TZ keeps its instant; its offset is always UTC's.</summary>
    public string Storage => Name switch
    {
        SnowflakeTypeName.Fixed => $"DECIMAL({Precision},{Scale})",
        SnowflakeTypeName.Real => "DOUBLE",
        SnowflakeTypeName.Text => "VARCHAR",
        SnowflakeTypeName.Boolean => "BOOLEAN",
        SnowflakeTypeName.Date => "DATE",
        SnowflakeTypeName.Time => "TIME",
        SnowflakeTypeName.TimestampNtz => "TIMESTAMP",
        SnowflakeTypeName.TimestampLtz or SnowflakeTypeName.TimestampTz => "TIMESTAMP WITH TIME ZONE",
        SnowflakeTypeName.Binary => "BLOB",
        _ => "JSON",
    };

    /// <summary>The name in <c>rowType</c>: <c>fixed</c>, <c>timestamp_ntz</c>, ...</summary>
    public string ApiName => Name switch
    {
        SnowflakeTypeName.TimestampNtz => "timestamp_ntz",
        SnowflakeTypeName.TimestampLtz => "timestamp_ltz",
        SnowflakeTypeName.TimestampTz => "timestamp_tz",
        var name => name.ToString().ToLowerInvariant(),
    };

    /// <summary>The name in <c>INFORMATION_SCHEMA.COLUMNS</c>.</summary>
    public string DataType => Name switch
    {
        SnowflakeTypeName.Fixed => "NUMBER",
        SnowflakeTypeName.Real => "FLOAT",
        _ => ApiName.ToUpperInvariant(),
    };

    /// <summary>SQL that turns a stored value into the text of an API cell.</summary>
    public string CellSql(string column) => Name switch
    {
        SnowflakeTypeName.Real => $"CASE WHEN isnan({column}) THEN 'NaN' ELSE CAST({column} AS VARCHAR) END",
        SnowflakeTypeName.Date => $"CAST(date_diff('day', DATE '1970-01-01', {column}) AS VARCHAR)",
        SnowflakeTypeName.Time => Seconds($"epoch_us({column})"),
        SnowflakeTypeName.TimestampNtz or SnowflakeTypeName.TimestampLtz => Seconds($"epoch_us({column})"),
        // The second number is the offset from UTC in minutes plus 1440.
        SnowflakeTypeName.TimestampTz => Seconds($"epoch_us({column})") + " || ' 1440'",
        SnowflakeTypeName.Binary => $"hex({column})",
        _ => $"CAST({column} AS VARCHAR)",
    };

    /// <summary>Microseconds as seconds with nine decimals.</summary>
    private static string Seconds(string micros) =>
        $"(CASE WHEN {micros} < 0 THEN '-' ELSE '' END || CAST(abs({micros}) // 1000000 AS VARCHAR) || '.' || lpad(CAST(abs({micros}) % 1000000 AS VARCHAR), 6, '0') || '000')";

    private static FormatException Unsupported(string text) => new($"Unsupported data type '{text}'.");

    [GeneratedRegex(@"^\s*(?<name>[A-Z_0-9]+(?:\s+PRECISION)?)\s*(?:\(\s*(?<first>\d+)\s*(?:,\s*(?<second>\d+)\s*)?\))?\s*$",
        RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex TypeText();
}
