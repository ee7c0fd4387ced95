using Apache.Arrow;
using Apache.Arrow.Types;

namespace Pipeline.Delta.Schemas;

/// <summary>What a table's schema says about its columns beside their types, in the metadata of a field.</summary>
public static class TableColumns
{
    /// <summary>With the value <see cref="NoStatistics"/>: minimum and maximum appear neither in the log nor in the footers of data files.</summary>
    public const string StatisticsKey = "pipeline.statistics";

    public const string NoStatistics = "none";

    /// <summary>Metadata of a field that never gets bounds: personal data.</summary>
    public static readonly IReadOnlyDictionary<string, string> WithoutStatistics =
        new Dictionary<string, string>(StringComparer.Ordinal) { [StatisticsKey] = NoStatistics };

    /// <summary>Whether values of a type have a smallest and a largest that are written down.</summary>
    public static bool HasBounds(IArrowType type) => type is Int64Type or Int32Type or Int16Type or Int8Type or FloatType or DoubleType or BooleanType or Date32Type or TimestampType or Decimal128Type or StringType;

    /// <summary>Whether the minimum and maximum of a field may be written down.</summary>
    public static bool HasStatistics(Field field) =>
        !(field.HasMetadata && field.Metadata.TryGetValue(StatisticsKey, out var value) && value == NoStatistics);
}
