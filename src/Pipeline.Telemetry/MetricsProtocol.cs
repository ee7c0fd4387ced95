namespace Pipeline.Telemetry;

/// <summary>Ends the interval that runs and asks for it to be sent, with all that waits, before the node stops. Answered with <see cref="MetricsFlushed"/>.</summary>
public sealed record FlushMetrics;

/// <summary>Every sink has sent what it had, or has failed to once more; then it waits in the spool for the node to start again.</summary>
public sealed record MetricsFlushed;
