using Pipeline.Telemetry.Alerting;
using Pipeline.Telemetry.Prometheus;

namespace Pipeline.Telemetry.Tests.Alerting;

/// <summary>What is told of nodes and not of tables, as Prometheus evaluates it.</summary>
public sealed class NodeAlertsSpec
{
    public static TheoryData<string, double, bool> Told => new()
    {
        { nameof(Alerts.DiskLow), 1e9, true },
        { nameof(Alerts.DiskLow), 1e10, false },
        { nameof(Alerts.CertificateExpires), 13.9, true },
        { nameof(Alerts.CertificateExpires), -2, true },
        { nameof(Alerts.CertificateExpires), 14.1, false },
        { nameof(Alerts.NodeLost), 3, true },
        { nameof(Alerts.NodeLost), 2, false },
    };

    [Theory, MemberData(nameof(Told))]
    public async Task A_figure_that_lasts_for_minutes_is_told_and_one_beside_the_limit_is_not(string name, double value, bool isTold)
    {
        PromtoolJudge.SkipUnlessThere();
        var alert = Alerts.All.Single(alert => alert.Name == name);
        var history = HistoryGenerator.Draw(HistoryClass.IdleSource, HistoryGenerator.Seeds[0], 0) with { Length = 3_600 };
        var series = new PromtoolJudge.PromSeries($$"""{{PrometheusNames.Metric(alert.Instrument)}}{{{PrometheusNames.PipelineLabel}}="shop",{{alert.Instrument.Tags[0]}}="x",instance="node-1"}""", FormattableString.Invariant($"{value}x60"));

        var pages = await PromtoolJudge.PagesAsync([history], PrometheusRules.Write("shop", new AlertOptions().LinkOf), _ => [series], TestContext.Current.CancellationToken, $"alertname=\"{name}\"");

        Assert.Equal(isTold, pages[0].Count > 0);
        if (isTold) Assert.InRange(pages[0][0].Began, 4 * 60, 6 * 60);
    }
}
