namespace Pipeline.Core;

/// <summary>Something that a source has on its server, beyond reading it.</summary>
/// <param name="Thing">What it is, with its name.</param>
/// <param name="Detail">Its state, and why it stays when it does.</param>
/// <param name="Removal">The statement that removes it; null when it stays, because somebody else made it.</param>
public sealed record SourceTrace(string Thing, string Detail, string? Removal);

/// <summary>A source that makes things on its server to be able to read it.</summary>
public interface IRemovableSource : ISource
{
    /// <summary>What is there now, in the order in which it is removed; empty when nothing is.</summary>
    /// <exception cref="PipelineException">The source cannot be reached.</exception>
    ValueTask<IReadOnlyList<SourceTrace>> FindTracesAsync(CancellationToken cancellationToken);

    /// <summary>Removes what <see cref="FindTracesAsync"/> finds with a statement: what happens from now on is lost to the lake.</summary>
    /// <exception cref="PipelineException">The source is being read, or a right is missing; nothing was removed that is not gone.</exception>
    ValueTask RemoveTracesAsync(CancellationToken cancellationToken);
}
