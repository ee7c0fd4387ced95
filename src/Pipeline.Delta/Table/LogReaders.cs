using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Table;

/// <summary>A table that is made of another's commits, and how far it has read them.</summary>
/// <param name="Version">Of the other; -1: what it has read cannot be found out.</param>
/// <param name="AskedAt">When it last committed anything.</param>
internal sealed record LogReading(TableId Reader, long Version, DateTimeOffset AskedAt);

/// <summary>
/// Who reads the commits of a table: the tables of the lake whose logs say, as the <c>txn</c> of a table's name, which version of it they
/// reflect.
/// </summary>
internal static class LogReaders
{
    /// <param name="lake">Of all its tables.</param>
    /// <param name="directory">The table's.</param>
    /// <exception cref="PipelineException">The lake cannot be listed, or is away. A table that cannot be read counts as one that has read nothing.</exception>
    public static async ValueTask<IReadOnlyList<LogReading>> FindAsync(IObjectStore lake, string directory, CancellationToken cancellationToken)
    {
        var readings = new List<LogReading>();
        await foreach (var id in TableListing.TablesAsync(lake, cancellationToken))
        {
            if (id.Layer == Layer.Bronze || id.ToString() == directory) continue;
            try
            {
                // One whose location is away or in no configuration is listed, and says so when it is asked for.
                if (await TableListing.HasAsync(lake, id.ToString(), cancellationToken)
                    && await new LogReader(lake, id.ToString(), NullLogger.Instance).LoadAsync(version: null, cancellationToken) is { } snapshot && snapshot.Reflects(directory) is { } version)
                    readings.Add(new LogReading(id, version, snapshot.CommittedAt));
            }
            catch (PipelineException e) when (!e.IsTransient)
            {
                readings.Add(new LogReading(id, -1, DateTimeOffset.MaxValue));
            }
        }

        return readings;
    }
}
