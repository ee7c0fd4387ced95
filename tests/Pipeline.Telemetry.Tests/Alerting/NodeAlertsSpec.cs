using Pipeline.Telemetry.Alerting;
using Pipeline.Telemetry.CloudWatch;
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

    /// <summary>CloudWatch asks over every value of the tag; Prometheus names the one that it is.</summary>
    [Fact]
    public async Task Of_the_disks_of_the_lake_and_of_its_locations_each_is_told_when_it_is_full()
    {
        PromtoolJudge.SkipUnlessThere();
        var history = HistoryGenerator.Draw(HistoryClass.IdleSource, HistoryGenerator.Seeds[0], 0) with { Length = 3_600 };
        string[] directories = ["lake", "locations.external", "locations.internal"];

        foreach (var full in directories)
        {
            var series = directories.Select(directory => new PromtoolJudge.PromSeries($$"""{{PrometheusNames.Metric(Alerts.DiskLow.Instrument)}}{{{PrometheusNames.PipelineLabel}}="shop",directory="{{directory}}",instance="node-1"}""", directory == full ? "1e9x60" : "1e11x60"));
            var pages = await PromtoolJudge.PagesAsync([history], PrometheusRules.Write("shop", new AlertOptions().LinkOf), _ => series, TestContext.Current.CancellationToken, $"alertname=\"DiskLow\",directory=\"{full}\"");
            Assert.NotEmpty(pages[0]);
        }

        var alarm = Assert.Single(new CloudWatchAlarms("shop", new CloudWatchMetrics("shop", nameSpace: null), new AlertOptions()).Of([]).Metric, alarm => alarm.AlarmName.EndsWith("-DiskLow", StringComparison.Ordinal));
        Assert.Matches("^SELECT MIN\\(\"pipeline.node.disk.free.bytes\"\\) FROM \"[^\"]+\" WHERE [A-Za-z]+ = '[^']+'$", Assert.Single(alarm.Metrics!).Expression);
    }
}
