using Apache.Arrow;
using Apache.Arrow.Types;

namespace Pipeline.DuckDb;

/// <summary>How names, texts and types are written in DuckDB's SQL.</summary>
public static class Sql
{
    /// <summary>A quoted identifier.</summary>
    public static string Name(string name) => '"' + name.Replace("\"", "\"\"", StringComparison.Ordinal) + '"';

    /// <summary>Quoted identifiers, separated by commas.</summary>
    public static string Names(IEnumerable<string> names) => string.Join(", ", names.Select(Name));

    /// <summary>A string literal.</summary>
    public static string Text(string value) => '\'' + value.Replace("'", "''", StringComparison.Ordinal) + '\'';

    /// <summary>The DuckDB type that holds an Arrow type of the lake.</summary>
    /// <exception cref="NotSupportedException">The type cannot be in a table of the lake.</exception>
    public static string Type(IArrowType type) => type switch
    {
        BooleanType => "BOOLEAN",
        Int8Type => "TINYINT",
        Int16Type => "SMALLINT",
        Int32Type => "INTEGER",
        Int64Type => "BIGINT",
        FloatType => "FLOAT",
        DoubleType => "DOUBLE",
        Decimal128Type d => $"DECIMAL({d.Precision},{d.Scale})",
        Date32Type => "DATE",
        TimestampType => "TIMESTAMPTZ",
        StringType => "VARCHAR",
        BinaryType => "BLOB",
        ListType list => Type(list.ValueDataType) + "[]",
        MapType map => $"MAP({Type(map.KeyField.DataType)}, {Type(map.ValueField.DataType)})",
        StructType structure => $"STRUCT({string.Join(", ", structure.Fields.Select(field => $"{Name(field.Name)} {Type(field.DataType)}"))})",
        _ => throw new NotSupportedException($"Arrow type {type.Name} has no DuckDB type in the lake."),
    };

    /// <summary>An empty relation of the given columns.</summary>
    public static string Empty(IEnumerable<Field> columns) =>
        $"SELECT {string.Join(", ", columns.Select(column => $"CAST(NULL AS {Type(column.DataType)}) AS {Name(column.Name)}"))} WHERE false";
}
