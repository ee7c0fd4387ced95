using Microsoft.Extensions.Logging;
using Pipeline.Core;

namespace Pipeline.Telemetry;

/// <summary>What sinks are made with.</summary>
/// <param name="Pipeline">The pipeline's name: whatever is sent carries it.</param>
public sealed record MetricSinkServices(string Pipeline, TimeProvider Time, ILoggerFactory Logs, ISecretStore Secrets);
