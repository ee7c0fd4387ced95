using Pipeline.Core;

namespace Pipeline.Demo.Driver;

/// <summary>How far the pipeline has read, as its Bronze tables say: what a generator may not run away from.</summary>
public interface IReaderProgress
{
    /// <summary>Committed rows of a Bronze table; 0 when there is none.</summary>
    ValueTask<long> RowsAsync(TableId table, CancellationToken cancellationToken);

    /// <summary>The next position that a Bronze table will take from a split; null when it has taken none.</summary>
    ValueTask<long?> PositionAsync(TableId table, SplitId split, CancellationToken cancellationToken);
}
