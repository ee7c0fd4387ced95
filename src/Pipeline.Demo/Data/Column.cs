namespace Pipeline.Demo.Data;

/// <summary>How a database column's values are handed to a writer.</summary>
internal enum ColumnKind
{
    Long,
    Int,
    Short,
    Double,
    Decimal,
    Boolean,
    Text,
    Date,
    Timestamp,
    Json,
    Uuid,
    Inet,
}

/// <summary>A column of a database table, in the order and with the name of its DDL.</summary>
internal sealed record Column<TRow>(string Name, ColumnKind Kind, Func<TRow, object?> Value);
