using Pipeline.Core;
using Pipeline.Delta;

namespace Pipeline.Operations.Sources;

/// <summary>The pipeline of this name and this lake, as its sources know it.</summary>
public sealed class LakeOwner(string name, Lake lake) : ISourceOwner
{
    public string Name { get; } = name;

    public async ValueTask<PipelineId> IdAsync(CancellationToken cancellationToken) => new(Name, await lake.IdAsync(cancellationToken));

    public async ValueTask<bool> HasReadAsync(SplitId split, IEnumerable<TableId> tables, CancellationToken cancellationToken)
    {
        foreach (var table in tables)
            if (await lake.TryOpenAsync(table, cancellationToken) is { } bronze && bronze.Current.Position(split) is not null) return true;
        return false;
    }
}
