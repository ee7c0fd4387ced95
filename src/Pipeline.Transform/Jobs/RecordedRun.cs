using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta;

namespace Pipeline.Transform.Jobs;

/// <summary>A run that has committed to its table, as the lake has it.</summary>
/// <param name="Version">That it made.</param>
/// <param name="CommittedAt">When, by the clock of who committed it.</param>
/// <param name="Metrics">What it counted, in the names of its commit.</param>
/// <param name="IsOver">Whether it has made all of its commits, and not only that to its own table.</param>
public sealed record RecordedRun(JobPins Pins, long Version, DateTimeOffset CommittedAt, ImmutableDictionary<string, string> Metrics, bool IsOver)
{
    /// <returns>Null: the table's log has no such run, or not any more.</returns>
    /// <exception cref="PipelineException">The log says in no way that can be read what run has made a version.</exception>
    public static async Task<RecordedRun?> FindAsync(Lake lake, TableId id, DeltaTable table, long run, CancellationToken cancellationToken)
    {
        if (await RunHistory.FindAsync(table, run, cancellationToken) is not { } made) return null;
        var isOver = id.Layer != Layer.Silver || (await RunHistory.UnfinishedAsync(new OpenTables(lake), id, table, cancellationToken))?.Run != run;
        return new RecordedRun(made.Pins, made.Version, made.Info.Timestamp, made.Info.OperationMetrics ?? ImmutableDictionary<string, string>.Empty, isOver);
    }
}
