using System.Collections.Immutable;
using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta.Log;

namespace Pipeline.Transform.Jobs;

/// <summary>A table's files as documents name them.</summary>
internal static class JobFiles
{
    /// <remarks>In the order of their paths: a table has them in none, and the same run is the same document.</remarks>
    /// <param name="bounded">The column whose bounds they have, as far as the log has them.</param>
    public static ImmutableArray<JobFile> Of(Snapshot? snapshot, string? bounded = null) => snapshot is null ? [] : [.. snapshot.Files.OrderBy(file => file.Path, StringComparer.Ordinal).Select(file => Of(file, snapshot.Schema.FieldsLookup[bounded ?? ""].FirstOrDefault()))];

    public static JobFile Of(AddFile file) => Of(file, bounded: null);

    private static JobFile Of(AddFile file, Field? bounded)
    {
        if (bounded is null) return new JobFile(file.Path, file.Size, file.RowCount);
        var (low, high) = Statistics.BoundTexts(file.Stats, bounded.Name);
        return new JobFile(file.Path, file.Size, file.RowCount, low, high is null ? null : Greatest(high, bounded.DataType));
    }

    /// <summary>What no value is above, whoever has written the bound: some leave out what is no number, others cut microseconds off.</summary>
    internal static string? Greatest(string high, IArrowType type) => type switch
    {
        FloatType or DoubleType => null,
        TimestampType => DateTimeOffset.TryParse(high, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at)
            ? at.Plus(TimeSpan.FromMilliseconds(1)).ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture) : null,
        _ => high,
    };
}
