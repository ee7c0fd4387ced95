using Pipeline.Ingest.Committer;

namespace Pipeline.Ingest.Tests;

public sealed class ClockWatchSpec
{
    private static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_clock_that_is_behind_the_lake_is_news_once()
    {
        var watch = new ClockWatch();

        Assert.Null(watch.Look(Noon.AddSeconds(30), Noon));
        Assert.Equal(TimeSpan.FromHours(1), watch.Look(Noon.AddHours(1), Noon));
        Assert.Null(watch.Look(Noon.AddDays(1), Noon));
        // A table that nobody has written for long says nothing.
        Assert.Null(watch.Look(Noon.AddDays(-1), Noon));
        Assert.Null(watch.Look(Noon.AddHours(1), Noon));
    }

    [Fact]
    public void It_is_news_again_when_the_clocks_have_agreed_in_between()
    {
        var watch = new ClockWatch();
        watch.Look(Noon.AddHours(1), Noon);
        watch.Look(Noon, Noon);

        Assert.Equal(TimeSpan.FromHours(2), watch.Look(Noon.AddHours(2), Noon));
    }
}
