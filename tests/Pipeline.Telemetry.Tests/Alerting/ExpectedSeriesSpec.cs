using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Telemetry.Alerting;

namespace Pipeline.Telemetry.Tests.Alerting;

public sealed class ExpectedSeriesSpec
{
    private static readonly MeasuredPipeline Pipeline = new([new MeasuredSource("shop", Instruments.KafkaMeter, ["orders"], Partitions: 2)], [TableId.Silver("orders"), TableId.Gold("revenue")], Nodes: 1, ["cloudwatch"], ["lake"]);

    /// <summary>What an instrument measures stands in its meaning, which whoever measures another table with it has to change.</summary>
    [Fact]
    public void What_is_measured_of_Silver_tables_is_expected_of_them_alone()
    {
        var measured = ExpectedSeries.Of(Pipeline).Where(series => series.Instrument.Meter == Instruments.TransformMeter && series.Instrument.Tags.Contains("table"))
            .GroupBy(series => series.Instrument, series => series.Tags[0]).ToList();

        Assert.Contains(measured, series => IsOfSilver(series.Key));
        Assert.Contains(measured, series => !IsOfSilver(series.Key));
        Assert.All(measured, series => Assert.True(series.Contains("gold/revenue") != IsOfSilver(series.Key) && series.Contains("silver/orders"), series.Key.Name));
    }

    private static bool IsOfSilver(InstrumentInfo instrument) => instrument.Meaning.Contains("Silver", StringComparison.Ordinal) && !instrument.Meaning.Contains("Gold", StringComparison.Ordinal);
}
