using System.Globalization;
using Pipeline.Core;
using Pipeline.Operations.Control;

namespace Pipeline.Operations.Tests.Control;

public sealed class CronScheduleSpec
{
    [Theory]
    [InlineData("30 3 * * *", "2026-03-02T03:29:59Z", "2026-03-02T03:30:00Z")]
    [InlineData("30 3 * * *", "2026-03-02T03:30:00Z", "2026-03-03T03:30:00Z")]
    [InlineData("30 3 * * * Europe/Berlin", "2026-03-02T00:00:00Z", "2026-03-02T02:30:00Z")]
    // There is no half past two on that night: it is the moment at which the clock goes on.
    [InlineData("30 2 * * * Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z")]
    // Half past two comes twice, and counts once.
    [InlineData("30 2 * * * Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z")]
    [InlineData("@daily America/New_York", "2026-07-01T12:00:00Z", "2026-07-02T04:00:00Z")]
    public void The_next_time_is_that_of_a_clock_in_the_zone(string schedule, string after, string next) =>
        Assert.Equal(At(next), CronSchedule.Parse(schedule).Next(At(after)));

    [Fact]
    public void However_many_times_were_missed_it_is_due_once()
    {
        var hourly = CronSchedule.Parse("0 * * * *");

        Assert.True(hourly.IsDue(At("2026-03-02T03:30:00Z"), At("2026-03-05T12:00:00Z")));
        Assert.False(hourly.IsDue(At("2026-03-05T12:00:00Z"), At("2026-03-05T12:59:59Z")));
    }

    [Theory]
    [InlineData("")]
    [InlineData("3 * * *")]
    [InlineData("61 3 * * *")]
    [InlineData("30 3 * * * Europe/Berlin x")]
    [InlineData("30 3 * * * Europe/Nowhere")]
    [InlineData("30 3 * * * /dev/zero")]
    [InlineData("30 3 * * * ../../../etc/passwd")]
    [InlineData("@sometimes")]
    public void What_is_no_schedule_is_refused_with_an_example(string text) =>
        Assert.Contains("Europe/Berlin'.", Assert.Throws<PipelineException>(() => CronSchedule.Parse(text)).Message, StringComparison.Ordinal);

    private static DateTimeOffset At(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
}
