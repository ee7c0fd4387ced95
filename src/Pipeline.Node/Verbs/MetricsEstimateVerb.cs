using System.CommandLine;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Alerting;

namespace Pipeline.Node.Verbs;

internal sealed class MetricsEstimateVerb : Verb
{
    private readonly Option<int> _nodes;
    private readonly Option<int> _partitions;
    private readonly Option<decimal> _metric;
    private readonly Option<decimal> _alarm;
    private readonly Option<decimal> _dashboard;

    public MetricsEstimateVerb() : base("estimate", "Say how many series, bytes and what price a month the configured pipeline's metrics will be in CloudWatch, before the first is sent.")
    {
        var prices = new MetricPrices();
        _nodes = Add(new Option<int>("--nodes") { Description = "Nodes of the pipeline.", DefaultValueFactory = _ => 1 });
        _partitions = Add(new Option<int>("--partitions") { Description = "Partitions of each topic of Kafka.", DefaultValueFactory = _ => 1 });
        _metric = Add(new Option<decimal>("--metric-price") { Description = "Of a metric, a month.", DefaultValueFactory = _ => prices.Metric });
        _alarm = Add(new Option<decimal>("--alarm-price") { Description = "Of an alarm on a metric, a month.", DefaultValueFactory = _ => prices.Alarm });
        _dashboard = Add(new Option<decimal>("--dashboard-price") { Description = "Of a dashboard, a month.", DefaultValueFactory = _ => prices.Dashboard });
    }

    protected override Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var prices = new MetricPrices { Metric = parsed.GetValue(_metric), Alarm = parsed.GetValue(_alarm), Dashboard = parsed.GetValue(_dashboard) };
        var estimate = EstimateMetrics.Run(new EstimateMetricsRequest(parsed.GetValue(_nodes), parsed.GetValue(_partitions), prices), invocation.Load());

        var listing = new Listing("instrument", "series", "price a month");
        foreach (var instrument in estimate.Instruments) listing.Add(instrument.Instrument.Name, instrument.Series, (double)(instrument.Series * prices.Metric));
        invocation.Print(listing);
        invocation.Answer.Take("month", new
        {
            estimate.Series, estimate.Bytes, estimate.Requests, estimate.Alarms, estimate.CompositeAlarms, estimate.Price, estimate.MetricsPrice, estimate.AlarmsPrice, estimate.DashboardPrice, estimate.RequestsPrice,
        });
        invocation.Context.Messages.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{estimate.Series:#,0} series, {estimate.Bytes / 1e9:0.0} GB in {Plural.Of(estimate.Requests, "request")} a month, {Plural.Of(estimate.Alarms, "alarm")} and {Plural.Of(estimate.CompositeAlarms, "composite alarm")}: {estimate.Price:0.00} a month (metrics {estimate.MetricsPrice:0.00}, alarms {estimate.AlarmsPrice:0.00}, dashboard {estimate.DashboardPrice:0.00}, requests {estimate.RequestsPrice:0.00})."));
        return Task.FromResult(ExitCode.Done);
    }
}
