namespace Pipeline.Core.Tests;

public sealed class WatermarkPlaceSpec
{
    [Theory]
    [InlineData("41000", false, true, 41_000)]
    [InlineData("-7", false, true, -7)]
    [InlineData("1970-01-02", true, true, 86_400_000_000)]
    [InlineData("1970-01-01T00:01", true, true, 60_000_000)]
    [InlineData("1970-01-01T00:00:01.5", true, false, 1_500_000)]
    [InlineData("1970-01-01T02:00:00+02:00", true, true, 0)]
    [InlineData("1970-01-01T00:00:00.000001Z", true, true, 1)]
    [InlineData("1970-01-01 00:00:01Z", true, true, 1_000_000)]
    [InlineData("1970-01-01 00:00:01.5", true, false, 1_500_000)]
    public void A_value_is_the_position_that_rows_with_it_have(string text, bool isTimestamp, bool hasZone, long position) =>
        Assert.Equal(position, WatermarkPlace.Parse(text, isTimestamp, hasZone, "Table users"));

    [Theory]
    [InlineData("2026-11-30", false, true, "'2026-11-30' is no whole number")]
    [InlineData("1.5", false, true, "is no whole number")]
    [InlineData("41000", true, true, "is no time")]
    [InlineData("30.11.2026", true, true, "is no time")]
    [InlineData("yesterday", true, true, "is no time")]
    [InlineData("2026-11-30  08:00", true, true, "is no time")]
    [InlineData("2026-11-30T08:00:00Z", true, false, "has an offset, and the times of its watermark have none")]
    public void What_is_none_is_refused_with_one_that_is(string text, bool isTimestamp, bool hasZone, string cause)
    {
        var refused = Assert.Throws<PipelineException>(() => WatermarkPlace.Parse(text, isTimestamp, hasZone, "Table users"));

        Assert.Equal((FaultKind.Invalid, "Table users"), (refused.Kind, refused.Thing));
        Assert.Contains(cause, refused.Cause, StringComparison.Ordinal);
        Assert.StartsWith("Write ", refused.NextStep, StringComparison.Ordinal);
    }
}
