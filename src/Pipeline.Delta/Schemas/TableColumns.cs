namespace Pipeline.Delta.Schemas;

/// <summary>What a table's schema says about its columns beside their types, in the metadata of a field.</summary>
public static class TableColumns
{
    /// <summary>With the value <see cref="NoStatistics"/>: minimum and maximum appear neither in the log nor in data files.</summary>
    public const string StatisticsKey = "pipeline.statistics";

    public const string NoStatistics = "none";
}
