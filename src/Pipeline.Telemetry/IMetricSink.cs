using Pipeline.Core;

namespace Pipeline.Telemetry;

/// <summary>
/// Where metrics are sent. What waits, what is tried again and what is given up is not its business: it sends, or says why not. Disposed of
/// with the node if it can be.
/// </summary>
public interface IMetricSink
{
    /// <summary>For people, for the tag <c>sink</c> and for a folder's name: <c>cloudwatch</c>, <c>otlp</c>.</summary>
    string Name { get; }

    /// <summary>How old an interval may be for the receiver to take it; older ones are given up unsent. Null: as old as it likes.</summary>
    TimeSpan? AgeMax => null;

    /// <summary>
    /// Sends one interval, whole. Called for one interval at a time, the oldest first; after a failure with the same one again: what was taken
    /// of it the first time is not to be sent twice.
    /// </summary>
    /// <exception cref="PipelineException">
    /// It was not taken. What a receiver refuses for what is in it is <see cref="FaultKind.Invalid"/> and is not sent again; what is away is tried
    /// again with backoff, what somebody must mend (rights, a name) less often.
    /// </exception>
    Task SendAsync(MetricInterval interval, CancellationToken cancellationToken);
}
