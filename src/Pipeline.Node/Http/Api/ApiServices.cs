using Pipeline.Delta;
using Pipeline.Node.Http.Access;
using Pipeline.Node.Http.Events;
using Pipeline.Operations.Control;
using Pipeline.Operations.Options;
using Pipeline.Telemetry;

namespace Pipeline.Node.Http.Api;

/// <summary>What endpoints answer from.</summary>
/// <param name="Measured">What the node has measured until now.</param>
/// <param name="Control">What operators want of the pipeline that runs.</param>
/// <param name="Record">The same, as the lake has it.</param>
/// <param name="Node">What operators call it: host and port.</param>
/// <param name="Log">How much its log tells.</param>
internal sealed record ApiServices(PipelineOptions Options, Lake Lake, NodeHealth Health, Func<MetricInterval> Measured, EventFeed Events, AccessGate Gate, BrowserSessions Sessions, RunningControl Control, LakeControl Record, string Node, ILogLevels Log, TimeProvider Time)
{
    /// <summary>Of whoever wants to know where a row comes from: that reads tables.</summary>
    public Turn Rows { get; } = new();
}
