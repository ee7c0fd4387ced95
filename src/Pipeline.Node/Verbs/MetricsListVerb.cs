using System.CommandLine;
using Pipeline.Core.Metrics;
using Pipeline.Node.Cli;
using Pipeline.Telemetry.Prometheus;

namespace Pipeline.Node.Verbs;

internal sealed class MetricsListVerb() : Verb("list", "List what is measured: every instrument with its name in Prometheus, its unit, its tags and what it means.")
{
    protected override bool HasTargets => false;

    protected override Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var listing = new Listing("instrument", "prometheus", "kind", "unit", "tags", "meaning", "only when");
        foreach (var instrument in Instruments.All.DistinctBy(instrument => instrument.Name))
            listing.Add(instrument.Name, PrometheusNames.Metric(instrument), instrument.Kind.ToString().ToLowerInvariant(), instrument.Unit, Cell.List(instrument.Tags), instrument.Meaning, instrument.OnlyWhen);
        invocation.Print(listing);
        return Task.FromResult(ExitCode.Done);
    }
}
