using Pipeline.Operations.Options;
using Pipeline.Telemetry.Alerting;

namespace Pipeline.Operations.Alerting;

/// <summary>The alerts of a pipeline as rules for Prometheus.</summary>
public static class PrometheusRuleFile
{
    /// <summary>A file of rules, in YAML.</summary>
    public static string Write(PipelineOptions options) => PrometheusRules.Write(options.Name, options.Telemetry.Alarms.LinkOf);
}
