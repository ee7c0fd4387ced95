using Apache.Arrow;
using Pipeline.Core;

namespace Pipeline.Operations.Inspection;

/// <summary>Of which epoch rows are, in SQL; tables have the columns with their first row that needs one.</summary>
internal static class RowEpochSql
{
    /// <summary>The epoch in whose order a row of a Silver table is.</summary>
    public static string OrderOf(Schema silver) => silver.FieldsLookup.Contains(BronzeColumns.Epoch) ? $"coalesce({BronzeColumns.Epoch}, 0)" : "0";

    /// <summary>The epoch in which a row of a Bronze table, or a dead letter, was read; a column of that name which a source once had says nothing.</summary>
    public static string ReadOf(Schema bronze) => BronzeShape.Of(bronze) is var shape && new[] { shape.Reading, shape.Epoch }.OfType<string>().ToList() is { Count: > 0 } known ? $"coalesce({string.Join(", ", known)}, 0)" : "0";
}
