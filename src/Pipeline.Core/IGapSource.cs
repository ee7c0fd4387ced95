namespace Pipeline.Core;

/// <summary>Records that a source no longer has though they were not read.</summary>
/// <param name="Range">From the split's position to the oldest record that is still there.</param>
public readonly record struct SplitGap(SplitId Split, PositionRange Range);

/// <summary>A source that forgets records by itself, read or not.</summary>
public interface IGapSource : ISource
{
    /// <summary>The gaps in front of these positions, as they are now; splits without one are left out.</summary>
    /// <exception cref="PipelineException">The source cannot be reached.</exception>
    ValueTask<IReadOnlyList<SplitGap>> FindGapsAsync(IReadOnlyList<SplitPosition> from, CancellationToken cancellationToken);
}
