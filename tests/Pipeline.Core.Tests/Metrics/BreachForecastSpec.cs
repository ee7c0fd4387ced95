using Pipeline.Core.Metrics;

namespace Pipeline.Core.Tests.Metrics;

/// <summary>Tables are told minute by minute: how fresh they are, promised to be within two hours.</summary>
public sealed class BreachForecastSpec
{
    private static readonly TimeSpan Sla = TimeSpan.FromHours(2);
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly BreachForecast _forecast = new();
    private TimeSpan _at;
    private double _freshness;

    [Fact]
    public void What_is_late_is_late_from_the_first_look_on()
    {
        Assert.Equal(TimeSpan.Zero, Say(121));
    }

    [Fact]
    public void What_stays_fresh_never_comes_near_its_promise()
    {
        TimeSpan[] said = [.. Enumerable.Range(0, 600).Select(minute => Say(0.2 + (minute % 3 * 0.1)))];

        Assert.All(said.Skip(3), left => Assert.Equal(BreachForecast.Never, left));
    }

    [Theory, InlineData(1.1), InlineData(1.3), InlineData(2), InlineData(4)]
    public void A_slow_down_is_told_to_the_minute_long_before_it_is_late(double slope)
    {
        var growth = 1 - (1 / slope);
        foreach (var _ in Enumerable.Range(0, 60)) Say(0.2);

        var minutes = (int)(119 / growth);
        var said = Enumerable.Range(1, minutes).Select(_ => (Said: Grow(growth), Left: (120 - _freshness) / growth)).ToArray();

        // Nobody knows when in the next minute it lands: it may be late so much earlier.
        Assert.All(said.Skip(60), told => Assert.InRange(told.Said.TotalMinutes, Math.Max(0, told.Left - (1 / growth) - 1), told.Left + 1));
    }

    [Fact]
    public void A_stop_is_late_when_it_has_lasted_for_what_is_promised()
    {
        foreach (var _ in Enumerable.Range(0, 60)) Say(1);

        TimeSpan[] said = [.. Enumerable.Range(0, 119).Select(_ => Grow(1))];

        Assert.All(said.Skip(5).Select((left, i) => (left, i)), told => Assert.Equal(113 - told.i, told.left.TotalMinutes, 1e-6));
    }

    [Fact]
    public void Hourly_batches_are_a_habit_though_they_take_most_of_what_is_promised()
    {
        var sla = TimeSpan.FromMinutes(75);

        TimeSpan[] said = [.. Enumerable.Range(0, 24 * 60).Select(minute => Say((minute % 60) + 5, sla))];

        // Until three have come they could be a stop.
        Assert.All(said.Skip(6 * 60), left => Assert.Equal(BreachForecast.Never, left));
    }

    [Fact]
    public void Hourly_batches_that_bring_less_than_arrives_are_told_by_the_next_peak()
    {
        foreach (var minute in Enumerable.Range(0, 12 * 60)) Say(minute % 60);

        var said = Enumerable.Range(0, 12 * 60).Select(minute => (Minute: minute, Left: Say((minute % 60) + (5 * (minute / 60))))).ToArray();

        // Troughs rise by 5 minutes an hour: peaks do not pass 120 before the thirteenth hour.
        var late = said.Single(told => told.Minute == 8 * 60).Left;
        Assert.InRange(late.TotalHours, 2, 6);
    }

    [Fact]
    public void A_batch_that_does_not_come_is_a_stop()
    {
        foreach (var minute in Enumerable.Range(0, 12 * 60)) Say(minute % 60);

        _freshness = 59;
        TimeSpan[] said = [.. Enumerable.Range(60, 45).Select(_ => Grow(1))];

        Assert.Equal(120 - _freshness, said[^1].TotalMinutes, 1e-6);
    }

    [Fact]
    public void What_catches_up_after_an_outage_is_told_so_within_minutes()
    {
        foreach (var _ in Enumerable.Range(0, 60)) Say(1);
        foreach (var _ in Enumerable.Range(0, 105)) Grow(1);

        TimeSpan[] said = [.. Enumerable.Range(0, 60).Select(_ => Grow(-0.5))];

        Assert.All(said.Skip(3), left => Assert.Equal(BreachForecast.Never, left));
    }

    [Fact]
    public void What_does_not_catch_up_after_an_outage_is_told_so_within_minutes()
    {
        foreach (var _ in Enumerable.Range(0, 60)) Say(1);
        foreach (var _ in Enumerable.Range(0, 80)) Grow(1);

        var said = Enumerable.Range(0, 60).Select(_ => (Said: Grow(0.25), Left: (120 - _freshness) / 0.25)).ToArray();

        Assert.All(said.Skip(3), told => Assert.InRange(told.Said.TotalMinutes, told.Left - 5, told.Left));
    }

    [Fact]
    public void A_table_that_is_fresh_at_the_end_only_is_not_late_when_its_backlog_ends_in_time()
    {
        foreach (var _ in Enumerable.Range(0, 60)) Say(1);

        // 100,000 records wait, a thousand fewer each minute.
        TimeSpan[] said = [.. Enumerable.Range(0, 95).Select(minute => Grow(1, lagRecords: 100_000 - (1_000 * minute)))];

        Assert.All(said.Skip(6), left => Assert.Equal(BreachForecast.Never, left));
    }

    [Theory, InlineData(-180), InlineData(180)]
    public void A_clock_that_is_set_makes_no_table_late(int minutes)
    {
        foreach (var _ in Enumerable.Range(0, 60)) Say(1);

        TimeSpan[] said = [.. Enumerable.Range(0, 60).Select(_ => Say(1 + minutes)), .. Enumerable.Range(0, 60).Select(_ => Say(1))];

        Assert.All(said, left => Assert.Equal(BreachForecast.Never, left));
    }

    [Fact]
    public void A_stop_after_a_clock_was_set_is_told_as_any_other()
    {
        foreach (var _ in Enumerable.Range(0, 60)) Say(1);
        foreach (var _ in Enumerable.Range(0, 10)) Say(181);

        foreach (var _ in Enumerable.Range(0, 100)) Grow(1);

        Assert.Equal(17, Grow(1).TotalMinutes, 1e-6);
    }

    [Fact]
    public void Minutes_that_nobody_looked_count()
    {
        foreach (var _ in Enumerable.Range(0, 60)) Say(1);

        _at += 30 * Minute;
        _freshness += 30;

        Assert.Equal(88, Grow(1).TotalMinutes, 1e-6);
    }

    [Fact]
    public void A_promise_has_a_length() => Assert.Throws<ArgumentOutOfRangeException>(() => Say(1, TimeSpan.Zero));

    private TimeSpan Grow(double minutes, double? lagRecords = null) => Say(_freshness + minutes, lagRecords: lagRecords);

    private TimeSpan Say(double freshness, TimeSpan? sla = null, double? lagRecords = null)
    {
        _freshness = freshness;
        return _forecast.Observe(_at += Minute, new TableSignals(TimeSpan.FromMinutes(freshness), sla ?? Sla, lagRecords));
    }
}
