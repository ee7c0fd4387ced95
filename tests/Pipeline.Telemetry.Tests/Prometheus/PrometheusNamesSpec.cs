using Pipeline.Core.Metrics;
using Pipeline.Telemetry.Prometheus;

namespace Pipeline.Telemetry.Tests.Prometheus;

public sealed class PrometheusNamesSpec
{
    [Theory]
    [InlineData("pipeline.ingest.rows", InstrumentKind.Counter, "{row}", "pipeline_ingest_rows_total")]
    [InlineData("pipeline.ingest.bytes", InstrumentKind.Counter, "By", "pipeline_ingest_bytes_total")]
    [InlineData("pipeline.ingest.dead_letters", InstrumentKind.Counter, "{record}", "pipeline_ingest_dead_letters_total")]
    [InlineData("pipeline.requests.total", InstrumentKind.Counter, "{request}", "pipeline_requests_total")]
    [InlineData("pipeline.job.busy", InstrumentKind.Counter, "s", "pipeline_job_busy_seconds_total")]
    [InlineData("pipeline.table.freshness", InstrumentKind.Gauge, "s", "pipeline_table_freshness_seconds")]
    [InlineData("pipeline.table.freshness.sla", InstrumentKind.Gauge, "s", "pipeline_table_freshness_sla_seconds")]
    [InlineData("pipeline.source.lag.seconds", InstrumentKind.Gauge, "s", "pipeline_source_lag_seconds")]
    [InlineData("pipeline.source.slot.retained.bytes", InstrumentKind.Gauge, "By", "pipeline_source_slot_retained_bytes")]
    [InlineData("pipeline.source.snapshot.percent", InstrumentKind.Gauge, "%", "pipeline_source_snapshot_percent")]
    [InlineData("pipeline.source.slot.status", InstrumentKind.Gauge, "{status}", "pipeline_source_slot_status")]
    [InlineData("pipeline.node.cpu", InstrumentKind.Gauge, "1", "pipeline_node_cpu_ratio")]
    [InlineData("pipeline.ingest.pace", InstrumentKind.Gauge, "{row}/s", "pipeline_ingest_pace_per_second")]
    [InlineData("pipeline.ingest.speed", InstrumentKind.Gauge, "By/s", "pipeline_ingest_speed_bytes_per_second")]
    [InlineData("pipeline.run.cost", InstrumentKind.Counter, "USD", "pipeline_run_cost_USD_total")]
    [InlineData("pipeline.ingest.commit.duration", InstrumentKind.Histogram, "s", "pipeline_ingest_commit_duration_seconds")]
    public void A_metric_is_called_as_OpenTelemetrys_specification_says(string name, InstrumentKind kind, string unit, string expected) =>
        Assert.Equal(expected, PrometheusNames.Metric(new InstrumentInfo("meter", name, kind, unit, [], "")));

    /// <summary>Several meters may measure one thing; what is one series to Prometheus must be one thing.</summary>
    [Fact]
    public void What_differs_has_names_that_differ()
    {
        var byFamily = Instruments.All.SelectMany(SeriesOf).GroupBy(series => series.Name, StringComparer.Ordinal);

        Assert.All(byFamily, family => Assert.Single(family.Select(series => (series.Of.Name, series.Of.Kind, series.Of.Unit, string.Join(',', series.Of.Tags))).Distinct()));
    }

    [Fact]
    public void No_tag_takes_the_place_of_a_label_that_Prometheus_or_the_pipeline_sets() =>
        Assert.All(Instruments.All.SelectMany(instrument => instrument.Tags), tag => Assert.DoesNotContain(PrometheusNames.Label(tag), (string[])["le", "job", "instance", PrometheusNames.PipelineLabel]));

    private static IEnumerable<(string Name, InstrumentInfo Of)> SeriesOf(InstrumentInfo instrument)
    {
        var metric = PrometheusNames.Metric(instrument);
        return instrument.Kind == InstrumentKind.Histogram
            ? ((string[])["", "_bucket", "_sum", "_count"]).Select(suffix => (metric + suffix, instrument))
            : ((string[])[metric, PrometheusNames.Family(instrument)]).Distinct(StringComparer.Ordinal).Select(name => (name, instrument));
    }
}
