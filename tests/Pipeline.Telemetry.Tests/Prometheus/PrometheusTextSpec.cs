using System.Diagnostics;
using Pipeline.Core.Metrics;
using Pipeline.Telemetry.Prometheus;

namespace Pipeline.Telemetry.Tests.Prometheus;

public sealed class PrometheusTextSpec
{
    private static readonly DateTimeOffset Start = new(2026, 3, 1, 10, 0, 0, TimeSpan.Zero);

    private static readonly InstrumentInfo Rows = new("meter", "pipeline.rows", InstrumentKind.Counter, "{row}", ["table"], "Rows");
    private static readonly InstrumentInfo Took = new("meter", "pipeline.took", InstrumentKind.Histogram, "s", ["table"], "Time");

    [Fact]
    public void A_counter_is_told_since_the_process_started_with_the_pipelines_name() =>
        Assert.Equal("""
            # HELP pipeline_rows_total Rows
            # TYPE pipeline_rows_total counter
            pipeline_rows_total{pipeline="shop",table="bronze/app/a \"b\" \\ \n"} 17

            """, PrometheusText.Of(Interval(new SeriesInterval(Rows, ["bronze/app/a \"b\" \\ \n"], Value: 5, Total: 17)), "shop", PrometheusFormat.Text), ignoreLineEndingDifferences: true);

    [Fact]
    public void A_histogram_counts_up_to_each_bound_and_has_the_same_bounds_always()
    {
        var lines = Text(new SeriesInterval(Took, ["t"], Value: 0, Total: 12.5, new Spread([], []), new Spread([0.002, 0.9, 2.4, 1e9], [1, 2, 3, 4])));
        var empty = Text(new SeriesInterval(Took, ["t"], Value: 0, Total: 0, new Spread([], []), new Spread([], [])));

        Assert.Contains("""pipeline_took_seconds_bucket{pipeline="shop",table="t",le="0.001"} 0""", lines);
        Assert.Contains("""pipeline_took_seconds_bucket{pipeline="shop",table="t",le="0.0025"} 1""", lines);
        Assert.Contains("""pipeline_took_seconds_bucket{pipeline="shop",table="t",le="1.0"} 3""", lines);
        Assert.Contains("""pipeline_took_seconds_bucket{pipeline="shop",table="t",le="2.5"} 6""", lines);
        Assert.Contains("""pipeline_took_seconds_bucket{pipeline="shop",table="t",le="+Inf"} 10""", lines);
        Assert.Contains("""pipeline_took_seconds_sum{pipeline="shop",table="t"} 12.5""", lines);
        Assert.Contains("""pipeline_took_seconds_count{pipeline="shop",table="t"} 10""", lines);
        Assert.Equal(lines.Select(NameOf), empty.Select(NameOf));
    }

    [Fact]
    public void OpenMetrics_names_a_counters_family_without_total_and_has_an_end()
    {
        var text = PrometheusText.Of(Interval(new SeriesInterval(Rows, ["t"], 1, 1), new SeriesInterval(Took, ["t"], 0, 0, new Spread([], []), new Spread([], []))), "shop", PrometheusFormat.OpenMetrics);

        Assert.Contains("# TYPE pipeline_rows counter\npipeline_rows_total{", text, StringComparison.Ordinal);
        Assert.Contains("# UNIT pipeline_took_seconds seconds\n", text, StringComparison.Ordinal);
        Assert.EndsWith("\n# EOF\n", text, StringComparison.Ordinal);
    }

    /// <summary>Every instrument that there is, in the text that Prometheus' own reader takes and finds nothing to better in.</summary>
    [Fact]
    public async Task Promtool_finds_nothing_wrong()
    {
        var text = PrometheusText.Of(Interval([.. Instruments.All.SelectMany(instrument => ((string[])["one", "an\"other\\\n"]).Select(value =>
            new SeriesInterval(instrument, [.. instrument.Tags.Select(tag => $"{instrument.Meter} {value}")], 1, 2, SpreadOf(instrument), SpreadOf(instrument))))]), "shop", PrometheusFormat.Text);

        var (exitCode, said) = await PromtoolAsync(text);

        // 3: it can be read, and something could be better. Days are for people, whom seconds would tell nothing.
        Assert.True(exitCode is 0 or 3 && said.Split('\n', StringSplitOptions.RemoveEmptyEntries).All(line => line.Contains("use base unit", StringComparison.Ordinal)), $"{said}\n{text}");
        Assert.NotEqual(0, (await PromtoolAsync("# TYPE pipeline_rows_total counter\npipeline_rows_total{table=unquoted} 1\n")).ExitCode);
    }

    private static Spread? SpreadOf(InstrumentInfo instrument) => instrument.Kind == InstrumentKind.Histogram ? new Spread([1, 2], [3, 4]) : null;

    private static async Task<(int ExitCode, string Said)> PromtoolAsync(string metrics)
    {
        var start = new ProcessStartInfo("promtool", ["check", "metrics"]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        Process? promtool = null;
        try
        {
            promtool = Process.Start(start);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("There is no promtool (Debian's package prometheus).");
        }

        using (promtool)
        {
            var said = Task.WhenAll(promtool!.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken), promtool.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
            await promtool.StandardInput.WriteAsync(metrics);
            promtool.StandardInput.Close();
            await promtool.WaitForExitAsync(TestContext.Current.CancellationToken);
            return (promtool.ExitCode, string.Concat(await said));
        }
    }

    private static MetricInterval Interval(params SeriesInterval[] series) => new("node-1:4053", Start, Start.AddMinutes(9), Start.AddMinutes(10), series);

    private static string[] Text(SeriesInterval series) => PrometheusText.Of(Interval(series), "shop", PrometheusFormat.Text).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static string NameOf(string line) => line[..line.LastIndexOf(' ')];
}
