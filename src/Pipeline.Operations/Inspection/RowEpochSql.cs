using Apache.Arrow;
using Pipeline.Core;

namespace Pipeline.Operations.Inspection;

/// <summary>Of which epoch rows of a Bronze table, its dead letters or what is made of it are, in SQL; tables have the columns with their first row that needs one.</summary>
internal static class RowEpochSql
{
    /// <summary>The epoch in whose order a row is.</summary>
    public static string OrderOf(Schema table) => Of(table, BronzeColumns.Epoch);

    /// <summary>The epoch in which it was read.</summary>
    public static string ReadOf(Schema table) => Of(table, BronzeColumns.Reading, BronzeColumns.Epoch);

    private static string Of(Schema table, params string[] columns) =>
        columns.Where(table.FieldsLookup.Contains).ToList() is { Count: > 0 } known ? $"coalesce({string.Join(", ", known)}, 0)" : "0";
}
