using System.Collections.Frozen;
using System.Globalization;

namespace Pipeline.Delta.Log;

/// <summary>The table properties that we honour, with the defaults of the reference implementation.</summary>
internal static class TableProperties
{
    public const string CheckpointIntervalKey = "delta.checkpointInterval";
    public const string AppendOnlyKey = "delta.appendOnly";
    public const string DeletedFileRetentionKey = "delta.deletedFileRetentionDuration";
    public const string LogRetentionKey = "delta.logRetentionDuration";
    public const string ExpiredLogCleanupKey = "delta.enableExpiredLogCleanup";
    public const string IndexedColumnsKey = "delta.dataSkippingNumIndexedCols";
    public const string StatisticsColumnsKey = "delta.dataSkippingStatsColumns";
    public const string ColumnMappingModeKey = "delta.columnMapping.mode";

    private const int DefaultCheckpointInterval = 10;
    private const int DefaultIndexedColumns = 32;

    private static readonly FrozenDictionary<string, TimeSpan> Units = new Dictionary<string, TimeSpan>(StringComparer.Ordinal)
    {
        ["microsecond"] = TimeSpan.FromMicroseconds(1),
        ["millisecond"] = TimeSpan.FromMilliseconds(1),
        ["second"] = TimeSpan.FromSeconds(1),
        ["minute"] = TimeSpan.FromMinutes(1),
        ["hour"] = TimeSpan.FromHours(1),
        ["day"] = TimeSpan.FromDays(1),
        ["week"] = TimeSpan.FromDays(7),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Versions from one checkpoint to the next.</summary>
    public static int CheckpointInterval(MetadataAction metadata) =>
        metadata.Configuration.TryGetValue(CheckpointIntervalKey, out var text) && int.TryParse(text, CultureInfo.InvariantCulture, out var interval)
            && interval > 0 ? interval : DefaultCheckpointInterval;

    public static bool IsAppendOnly(MetadataAction metadata) => Flag(metadata, AppendOnlyKey, otherwise: false);

    public static bool CleansLog(MetadataAction metadata) => Flag(metadata, ExpiredLogCleanupKey, otherwise: true);

    /// <summary>How long a removed file stays on storage at least.</summary>
    public static TimeSpan DeletedFileRetention(MetadataAction metadata) => Interval(metadata, DeletedFileRetentionKey, TimeSpan.FromDays(7));

    /// <summary>How long a version can be read at least.</summary>
    public static TimeSpan LogRetention(MetadataAction metadata) => Interval(metadata, LogRetentionKey, TimeSpan.FromDays(30));

    /// <summary>Leaf columns with statistics, from the first; all when negative.</summary>
    /// <param name="metadata">Null: of a new table.</param>
    public static int IndexedLeaves(MetadataAction? metadata) =>
        metadata is not null && metadata.Configuration.TryGetValue(IndexedColumnsKey, out var text) && int.TryParse(text, CultureInfo.InvariantCulture, out var columns)
            ? columns : DefaultIndexedColumns;

    private static bool Flag(MetadataAction metadata, string key, bool otherwise) =>
        metadata.Configuration.TryGetValue(key, out var text) && bool.TryParse(text, out var value) ? value : otherwise;

    private static readonly TimeSpan Forever = TimeSpan.FromDays(365 * 2_000);

    /// <summary>Reads <c>interval 1 week</c>, <c>30 days</c>, <c>interval 1 day 12 hours</c>.</summary>
    private static TimeSpan Interval(MetadataAction metadata, string key, TimeSpan otherwise)
    {
        if (!metadata.Configuration.TryGetValue(key, out var text)) return otherwise;
        var words = text.ToLowerInvariant().Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (words is ["interval", .. var rest]) words = rest;
        if (words.Length == 0 || words.Length % 2 != 0) return otherwise;
        var sum = TimeSpan.Zero;
        for (var i = 0; i < words.Length; i += 2)
        {
            if (!long.TryParse(words[i], CultureInfo.InvariantCulture, out var count) || !Units.TryGetValue(words[i + 1].TrimEnd('s'), out var unit))
                return otherwise;
            // What no calendar holds counts as for ever.
            var (total, longest) = ((double)unit.Ticks * count + sum.Ticks, (double)Forever.Ticks);
            sum = Math.Abs(total) >= longest ? Forever : sum + unit * count;
        }

        return sum;
    }
}
