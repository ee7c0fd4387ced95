using Pipeline.Core;

namespace Pipeline.Benchmarks;

/// <summary>The pipeline that measured sources read for: every server of a benchmark is its own.</summary>
internal sealed class BenchmarkOwner : ISourceOwner
{
    public string Name => "benchmark";

    public ValueTask<PipelineId> IdAsync(CancellationToken cancellationToken) => ValueTask.FromResult(new PipelineId(Name, "lake-of-benchmark"));

    public ValueTask<bool> HasReadAsync(SplitId split, IEnumerable<TableId> tables, CancellationToken cancellationToken) => ValueTask.FromResult(false);
}
