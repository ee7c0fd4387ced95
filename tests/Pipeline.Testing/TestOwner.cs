using Pipeline.Core;

namespace Pipeline.Testing;

/// <summary>A pipeline whose sources a test opens without a lake.</summary>
/// <param name="hasRead">Whether its lake knows a position of every split.</param>
public sealed class TestOwner(string name = "test", string lakeId = "lake-of-test", bool hasRead = false) : ISourceOwner
{
    public string Name { get; } = name;

    public ValueTask<PipelineId> IdAsync(CancellationToken cancellationToken) => ValueTask.FromResult(new PipelineId(Name, lakeId));

    public ValueTask<bool> HasReadAsync(SplitId split, IEnumerable<TableId> tables, CancellationToken cancellationToken) => ValueTask.FromResult(hasRead);
}
