using Pipeline.Node.Http.Api.Documents;
using Pipeline.Node.Http.Client;

namespace Pipeline.Node.Cli;

/// <summary>A running pipeline, as one of its nodes says it.</summary>
/// <param name="At">When it said so.</param>
/// <param name="LakeAwaySince">Since when what operators want cannot be read; null: it can.</param>
internal sealed record RunningPipeline(DateTimeOffset At, DateTimeOffset? LakeAwaySince, IReadOnlyList<NodeItem> Nodes, IReadOnlyList<SourceItem> Sources, IReadOnlyList<WorkItem> Tables)
{
    /// <summary>Nodes that report to nobody, as those of a release before.</summary>
    public IReadOnlyList<SilentItem> Silent { get; init; } = [];

    /// <summary>All of it, however many pieces it comes in.</summary>
    /// <exception cref="Core.PipelineException">The node refuses, fails or is not there.</exception>
    public static async Task<RunningPipeline> AskAsync(NodeClient node, CancellationToken cancellationToken)
    {
        var tables = new List<WorkItem>();
        for (string? next = null; ;)
        {
            var piece = await node.ReadAsync<RunningDocument>($"/v1/running?limit=1000{(next is null ? "" : $"&cursor={Uri.EscapeDataString(next)}")}", cancellationToken);
            tables.AddRange(piece.Items);
            if ((next = piece.Next) is null) return new RunningPipeline(piece.At, piece.LakeAwaySince, piece.Nodes, piece.Sources, tables) { Silent = piece.Silent };
        }
    }
}
