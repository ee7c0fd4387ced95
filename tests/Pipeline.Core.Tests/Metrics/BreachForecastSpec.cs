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

        // Landings are seen when they have moved the table by half a minute. Until the next it may be late so much earlier.
        var landsEvery = Math.Floor(0.5 / (1 - growth)) + 1;
        Assert.All(said.Where(told => told.Left * growth < 59), told => Assert.InRange(told.Said.TotalMinutes, Math.Max(0, told.Left - (landsEvery / growth) - 1), told.Left + 1));
    }

    [Fact]
    public void A_stop_may_end_at_any_moment_and_is_told_in_the_last_stretch()
    {
        foreach (var _ in Enumerable.Range(0, 60)) Say(1);

        TimeSpan[] said = [.. Enumerable.Range(0, 119).Select(_ => Grow(1))];

        Assert.All(said.SkipLast(4), left => Assert.Equal(BreachForecast.Never, left));
        Assert.Equal([3.0, 2, 1, 0], said[^4..].Select(left => Math.Round(left.TotalMinutes, 6)));
    }

    [Fact]
    public void Hourly_batches_are_a_habit_though_they_take_most_of_what_is_promised()
    {
        var sla = TimeSpan.FromMinutes(75);

        TimeSpan[] said = [.. Enumerable.Range(0, 24 * 60).Select(minute => Say((minute % 60) + 5, sla))];

        Assert.All(said, left => Assert.Equal(BreachForecast.Never, left));
    }

    [Fact]
    public void Hourly_batches_that_bring_less_than_arrives_are_told_by_the_next_peak()
    {
        foreach (var minute in Enumerable.Range(0, 12 * 60)) Say(minute % 60);

        var said = Enumerable.Range(0, 12 * 60).Select(minute => (Minute: minute, Left: Say((minute % 60) + (5 * (minute / 60))))).ToArray();

        // Troughs rise by 5 minutes an hour: peaks do not pass 120 before the thirteenth hour.
        var late = said.Single(told => told.Minute == (8 * 60) + 30).Left;
        Assert.InRange(late.TotalHours, 2, 6);
    }

    [Fact]
    public void A_batch_that_does_not_come_is_a_stop()
    {
        foreach (var minute in Enumerable.Range(0, 12 * 60)) Say(minute % 60);

        _freshness = 59;
        TimeSpan[] said = [.. Enumerable.Range(60, 58).Select(_ => Grow(1))];

        Assert.Equal(3, said[^1].TotalMinutes, 1e-6);
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
    public void A_batch_of_one_moment_is_not_late_when_it_is_landed_in_time()
    {
        foreach (var _ in Enumerable.Range(0, 60)) Say(1);

        // A thousand records a minute are landed, and the table reflects nothing new until the last of them is.
        TimeSpan[] said = [.. Enumerable.Range(0, 116).Select(minute => Grow(1, lagRecords: 117_000 - (1_000 * minute), landedRecords: 1_000 * minute))];

        Assert.All(said, left => Assert.Equal(BreachForecast.Never, left));
    }

    [Fact]
    public void A_batch_of_one_moment_that_is_not_landed_in_time_is_told_an_hour_before()
    {
        foreach (var _ in Enumerable.Range(0, 60)) Say(1);

        TimeSpan[] said = [.. Enumerable.Range(0, 118).Select(minute => Grow(1, lagRecords: 150_000 - (1_000 * minute), landedRecords: 1_000 * minute))];

        Assert.All(said.Index().Skip(60), told => Assert.Equal(118 - told.Index, told.Item.TotalMinutes, 1e-6));
    }

    [Theory, InlineData(-180), InlineData(180)]
    public void A_clock_that_is_set_makes_no_table_late(int minutes)
    {
        foreach (var _ in Enumerable.Range(0, 60)) Say(1);

        TimeSpan[] said = [.. Enumerable.Range(0, 60).Select(_ => Say(1 + minutes)), .. Enumerable.Range(0, 60).Select(_ => Say(1))];

        Assert.All(said, left => Assert.Equal(BreachForecast.Never, left));
    }

    /// <summary>Its times say that all that comes is old, minute for minute, while what has arrived lands.</summary>
    [Theory, InlineData(0), InlineData(3_000)]
    public void A_source_whose_clock_was_set_back_makes_no_table_late_that_lands_what_arrives(double waiting)
    {
        foreach (var minute in Enumerable.Range(0, 60)) Say(1, lagRecords: waiting, landedRecords: 1_000 * minute);

        TimeSpan[] said = [.. Enumerable.Range(60, 300).Select(minute => Grow(1, lagRecords: waiting, landedRecords: 1_000 * minute))];

        Assert.All(said, left => Assert.Equal(BreachForecast.Never, left));
    }

    [Fact]
    public void A_process_that_starts_behind_a_clock_that_was_set_back_knows_it_within_minutes()
    {
        _freshness = 200;

        TimeSpan[] said = [.. Enumerable.Range(0, 60).Select(minute => Grow(1, lagRecords: 100, landedRecords: 1_000 * minute))];

        Assert.All(said.Skip(2), left => Assert.Equal(BreachForecast.Never, left));
    }

    [Theory]
    [InlineData(0, 1_000)]
    [InlineData(500, 0)]
    public void What_is_counted_hides_no_stop(double landsAMinute, double arrivesAMinute)
    {
        foreach (var minute in Enumerable.Range(0, 60)) Say(1, lagRecords: 0, landedRecords: 1_000 * minute);

        // Nothing lands; or the source is away: what was seen lands, and nothing is known to have arrived since.
        TimeSpan[] said = [.. Enumerable.Range(1, 121).Select(minute =>
            Grow(1, lagRecords: Math.Max(0, 1_000 + ((arrivesAMinute - landsAMinute) * minute)), landedRecords: 59_000 + Math.Min(landsAMinute * minute, 1_000)))];

        Assert.Equal(0, said[^1].TotalMinutes, 1e-6);
    }

    [Fact]
    public void What_waits_of_another_part_says_nothing_of_this_one()
    {
        foreach (var minute in Enumerable.Range(0, 60)) Say(1, lagRecords: 0, landedRecords: 1_000 * minute, split: new SplitId("app", "a"));

        TimeSpan[] said = [.. Enumerable.Range(0, 120).Select(minute => Grow(1, lagRecords: 0, landedRecords: 1_000_000 + (1_000 * minute), split: new SplitId("app", minute % 2 == 0 ? "b" : "c")))];

        Assert.Equal(0, said[^1].TotalMinutes, 1e-6);
    }

    [Fact]
    public void A_stop_after_a_clock_was_set_is_told_as_any_other()
    {
        foreach (var _ in Enumerable.Range(0, 60)) Say(1);
        foreach (var _ in Enumerable.Range(0, 10)) Say(181);

        foreach (var _ in Enumerable.Range(0, 115)) Grow(1);

        Assert.Equal(2, Grow(1).TotalMinutes, 1e-6);
    }

    [Fact]
    public void Minutes_that_nobody_looked_count()
    {
        foreach (var _ in Enumerable.Range(0, 60)) Say(1);

        _at += 115 * Minute;
        _freshness += 115;

        Assert.Equal(3, Grow(1).TotalMinutes, 1e-6);
    }

    [Fact]
    public void A_promise_has_a_length() => Assert.Throws<ArgumentOutOfRangeException>(() => Say(1, TimeSpan.Zero));

    private TimeSpan Grow(double minutes, double? lagRecords = null, double? landedRecords = null, SplitId? split = null) =>
        Say(_freshness + minutes, lagRecords: lagRecords, landedRecords: landedRecords, split: split);

    private TimeSpan Say(double freshness, TimeSpan? sla = null, double? lagRecords = null, double? landedRecords = null, SplitId? split = null)
    {
        _freshness = freshness;
        return _forecast.Observe(_at += Minute, new TableSignals(TimeSpan.FromMinutes(freshness), sla ?? Sla, lagRecords, landedRecords, split));
    }
}
