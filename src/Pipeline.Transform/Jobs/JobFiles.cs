using System.Collections.Immutable;
using Pipeline.Delta.Log;

namespace Pipeline.Transform.Jobs;

/// <summary>A table's files as documents name them.</summary>
internal static class JobFiles
{
    /// <remarks>In the order of their paths: a table has them in none, and the same run is the same document.</remarks>
    /// <param name="bounded">The column whose bounds they have, as far as the log has them.</param>
    public static ImmutableArray<JobFile> Of(Snapshot? snapshot, string? bounded = null) => snapshot is null ? [] : [.. snapshot.Files.OrderBy(file => file.Path, StringComparer.Ordinal).Select(file => Of(file, bounded))];

    public static JobFile Of(AddFile file) => Of(file, bounded: null);

    private static JobFile Of(AddFile file, string? bounded)
    {
        var (low, high) = bounded is null ? (null, null) : Statistics.BoundTexts(file.Stats, bounded);
        return new JobFile(file.Path, file.Size, file.RowCount, low, high);
    }
}
