namespace Pipeline.Telemetry.Tests;

public sealed class SpreadSpec
{
    [Fact]
    public void A_spread_counts_every_value() => Assert.Equal(7, new Spread([0.5, 2], [3, 4]).Count);
}
