using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Transform.Coordination.Freshness;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Coordination.Freshness;

/// <summary>How fresh tables are, by a clock that the tests move.</summary>
public sealed class LakeFreshnessSpec
{
    private static readonly TableId Bronze = TableId.Bronze("app", "users");
    private static readonly TableId Other = TableId.Bronze("app", "orders");
    private static readonly TableId Silver = TableId.Silver("users");
    private static readonly TableId OtherSilver = TableId.Silver("orders");
    private static readonly TableId Gold = TableId.Gold("sales");
    private static readonly TableId Calendar = TableId.Gold("calendar");

    private static readonly SplitId Split0 = new("app", "users/0");
    private static readonly SplitId Split1 = new("app", "users/1");
    private static readonly TimeSpan Sla = TimeSpan.FromHours(2);

    private readonly LakeFreshness _freshness = new([Bronze, Other], [(Silver, [Bronze]), (OtherSilver, [Other]), (Gold, [Silver, OtherSilver]), (Calendar, [])], TimeSpan.Zero);
    private double _now;

    [Fact]
    public void A_source_with_nothing_new_keeps_every_layer_as_fresh_as_its_last_look()
    {
        GivenAllMade();

        for (var hour = 0; hour < 24; hour++)
        {
            At(3600 * hour);
            Look(Bronze, version: 5, age: 3);
            Look(Other, version: 7, age: 8);
        }

        Assert.Equal([3, 8, 3, 8, 8, 0], AgesOf(Bronze, Other, Silver, OtherSilver, Gold, Calendar));
    }

    [Fact]
    public void What_is_not_looked_at_ages_by_the_clock_and_so_does_what_is_made_from_it()
    {
        GivenAllMade();
        Look(Bronze, version: 5, age: 1);
        Look(Other, version: 7, age: 1);

        At(600);
        Look(Other, version: 7, age: 1);

        Assert.Equal([601, 1, 601, 1, 601], AgesOf(Bronze, Other, Silver, OtherSilver, Gold));
    }

    [Fact]
    public void A_table_reflects_what_its_input_did_in_the_version_that_it_has_read()
    {
        GivenAllMade();
        Look(Bronze, version: 5, age: 0);
        At(100);
        Look(Bronze, version: 6, age: 0);
        At(200);
        Look(Bronze, version: 7, age: 0);
        At(210);

        Assert.Equal([10, 210], AgesOf(Bronze, Silver));
        Made(Silver, version: 2, (Bronze, 6));
        Assert.Equal([10, 110], AgesOf(Bronze, Silver));
        Made(Silver, version: 3, (Bronze, 7));
        Assert.Equal([10, 10], AgesOf(Bronze, Silver));
    }

    [Fact]
    public void A_Gold_table_has_what_its_inputs_had_when_it_read_them_and_more_when_they_turn_out_to_have_had_more()
    {
        GivenAllMade();
        Look(Bronze, version: 5, age: 0);
        Look(Other, version: 8, age: 0);
        At(50);
        Made(OtherSilver, version: 2, (Other, 8));

        // It has read version 1.
        Assert.Equal([50, 50], AgesOf(OtherSilver, Gold));
        At(100);
        Look(Bronze, version: 5, age: 0);
        Look(Other, version: 8, age: 0);
        Assert.Equal([0, 0, 100], AgesOf(Silver, OtherSilver, Gold));
        Made(Gold, version: 2, (Silver, 1), (OtherSilver, 2));
        Assert.Equal([0], AgesOf(Gold));
    }

    [Fact]
    public void A_table_reflects_the_least_of_all_its_splits_and_ages_while_one_is_not_looked_at()
    {
        Look(Bronze, version: 3, age: 1, "users/0", splits: 2, listed: 3);
        At(10);
        Assert.Equal([10], AgesOf(Bronze));

        Look(Bronze, version: 2, age: 7, "users/1", splits: 1, listed: 3);
        Assert.Equal([11], AgesOf(Bronze));

        // One more partition, which nobody reads yet.
        At(20);
        Look(Bronze, version: 3, age: 0, "users/0", splits: 2, listed: 4);
        Look(Bronze, version: 3, age: 0, "users/1", splits: 1, listed: 4);
        Assert.Equal([21], AgesOf(Bronze));
        Look(Bronze, version: 3, age: 0, "users/1", splits: 2, listed: 4);
        Assert.Equal([0], AgesOf(Bronze));
    }

    [Fact]
    public void Splits_that_get_nothing_more_hold_nobody_back()
    {
        Look(Bronze, version: 3, age: 5, "slot", splits: 1, listed: null);
        Look(Bronze, version: 3, age: null, "users/0", splits: 1, listed: 2);

        At(60);
        Look(Bronze, version: 3, age: 2, "slot", splits: 1, listed: null);

        Assert.Equal([2], AgesOf(Bronze));
    }

    [Fact]
    public void A_reader_that_is_not_configured_any_more_is_outlived()
    {
        Look(Bronze, version: 3, age: 0, "users/0", splits: 1, listed: 2);
        Look(Bronze, version: 3, age: 0, "users/1", splits: 1, listed: 2);

        At(100);
        Look(Bronze, version: 3, age: 0, "users/0", splits: 2, listed: 2);

        Assert.Equal([0], AgesOf(Bronze));
    }

    [Fact]
    public void A_table_whose_runs_fail_ages_though_nothing_is_new()
    {
        GivenAllMade();
        Look(Bronze, version: 5, age: 0);
        AgesOf(Silver);
        _freshness.Fails(Silver, isFailing: true);

        At(100);
        Look(Bronze, version: 5, age: 0);
        Assert.Equal([0, 100], AgesOf(Bronze, Silver));
        _freshness.Fails(Silver, isFailing: false);
        Assert.Equal([0], AgesOf(Silver));
    }

    [Fact]
    public void What_was_known_before_a_restart_ages_on()
    {
        _freshness.Recall(Bronze, version: 5, TimeSpan.FromSeconds(-5_000));
        _freshness.Recall(Silver, version: 1, TimeSpan.FromSeconds(-6_000));
        Made(Silver, version: 1, (Bronze, 5));

        At(10);

        // The other has nothing that was known.
        Assert.Equal([5_010, 5_010, 10], AgesOf(Bronze, Silver, Other));
    }

    [Fact]
    public void What_waits_is_told_of_the_split_that_makes_the_table_as_old_as_it_is_whoever_reads_it()
    {
        At(100);
        Look(Bronze, version: 3, age: 60, "users/0", listed: 2, backlog: new SplitBacklog(Split0, 40, 100));
        Assert.Equal(new TableSignals(TimeSpan.FromSeconds(100), Sla), _freshness.SignalsOf(Bronze, TimeSpan.FromSeconds(100), Sla));

        Look(Bronze, version: 3, age: 5, "users/1", listed: 2, backlog: new SplitBacklog(Split1, 7, 8));
        Assert.Equal(new TableSignals(TimeSpan.FromSeconds(60), Sla, 60, 40, Split0), _freshness.SignalsOf(Bronze, TimeSpan.FromSeconds(100), Sla));

        Look(Bronze, version: 4, age: 0, "users/0", listed: 2, backlog: new SplitBacklog(Split0, 100, 100));
        Assert.Equal(new TableSignals(TimeSpan.FromSeconds(5), Sla, 1, 7, Split1), _freshness.SignalsOf(Bronze, TimeSpan.FromSeconds(100), Sla));
        Assert.Null(_freshness.SignalsOf(Silver, TimeSpan.FromSeconds(100), Sla).LagRecords);
    }

    /// <summary>As it is measured every two seconds of the looks that workers tell.</summary>
    [Theory]
    [InlineData(3_500, true)]
    [InlineData(4_600, false)]
    public void A_flood_of_one_moment_is_told_while_it_lands_when_it_will_not_have_landed_in_time_and_else_is_not(int secondsOfWork, bool isInTime)
    {
        var forecast = new BreachForecast();
        var sla = TimeSpan.FromHours(1);
        var said = new List<TimeSpan>();
        // The moment that the table reflects stands still until the last of what came at once has landed.
        for (var second = 0; second < 3_300; second += 2)
        {
            At(second);
            var isFlooded = second >= 60;
            Look(Bronze, version: 3, age: isFlooded ? second - 60 : 0, backlog: new SplitBacklog(Split0, isFlooded ? 1_000 + ((second - 60) * 100L) : 1_000, isFlooded ? 1_000 + (secondsOfWork * 100L) : 1_000));
            said.Add(forecast.Observe(TimeSpan.FromSeconds(second), _freshness.SignalsOf(Bronze, TimeSpan.FromSeconds(second), sla)));
        }

        if (isInTime) Assert.All(said, left => Assert.Equal(BreachForecast.Never, left));
        else Assert.InRange(said[^1], TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(8));
    }

    [Fact]
    public void No_answer_makes_a_table_older()
    {
        Look(Bronze, version: 3, age: 0);
        At(10);
        Look(Bronze, version: 3, age: 5_000_000);
        Look(Bronze, version: 3, age: -7);

        Assert.Equal([0], AgesOf(Bronze));
    }

    [Fact]
    public void A_table_that_was_made_anew_counts_from_the_beginning()
    {
        GivenAllMade();
        Look(Bronze, version: 500, age: 0);
        At(10);
        Look(Bronze, version: 0, age: 0);
        Made(Silver, version: 1, (Bronze, 0));

        Assert.Equal([0], AgesOf(Silver));
    }

    [Fact]
    public void A_table_that_is_stopped_for_long_costs_no_more_than_a_bound_and_is_followed_closely_all_the_same()
    {
        var reflections = new Reflections();
        for (var version = 0; version < 10_000; version++) reflections.Add(version, TimeSpan.FromSeconds(version));

        Assert.Equal(TimeSpan.Zero, reflections.Until(0));
        Assert.Equal(TimeSpan.FromSeconds(9_999), reflections.Until(9_999));
        Assert.InRange(reflections.Until(9_500)!.Value.TotalSeconds, 9_000, 9_500);
        Assert.InRange(reflections.Count, 2, 256);
    }

    private void GivenAllMade()
    {
        Made(Silver, version: 1, (Bronze, 5));
        Made(OtherSilver, version: 1, (Other, 7));
        Made(Gold, version: 1, (Silver, 1), (OtherSilver, 1));
        Made(Calendar, version: 0);
    }

    private void At(double seconds) => _now = seconds;

    private void Look(TableId table, long version, double? age, string reader = "0", int splits = 1, int? listed = 1, SplitBacklog? backlog = null) =>
        _freshness.Looked(new BronzeLooked(table, reader, splits, listed, version, age is { } seconds ? (long)(seconds * 1_000) : null, Fault: null) { Backlog = backlog }, TimeSpan.FromSeconds(_now));

    private void Made(TableId table, long version, params (TableId Table, long Version)[] inputs) =>
        _freshness.Made(table, version, [.. inputs.Select(input => new PinnedInput(input.Table, After: null, input.Version))]);

    private IEnumerable<double> AgesOf(params TableId[] tables)
    {
        var now = TimeSpan.FromSeconds(_now);
        _freshness.Follow(now);
        return [.. tables.Select(table => (now - _freshness.UntilOf(table)).TotalSeconds)];
    }
}
