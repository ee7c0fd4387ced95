namespace Pipeline.Core;

/// <summary>A pipeline, told from every other by its name and the id of its lake.</summary>
public sealed record PipelineId(string Name, string LakeId)
{
    public override string ToString() => $"pipeline {Name} with the lake {LakeId}";
}

/// <summary>For whom a source reads: what it makes and keeps on its server is this pipeline's, and what is another's stays as it is.</summary>
public interface ISourceOwner
{
    /// <summary>The pipeline's name, which is known without asking anybody.</summary>
    string Name { get; }

    /// <exception cref="PipelineException">The lake cannot be asked for its id.</exception>
    ValueTask<PipelineId> IdAsync(CancellationToken cancellationToken);

    /// <summary>Whether the lake has a position of this split in any of these tables.</summary>
    /// <exception cref="PipelineException">The lake cannot be read.</exception>
    ValueTask<bool> HasReadAsync(SplitId split, IEnumerable<TableId> tables, CancellationToken cancellationToken);
}
