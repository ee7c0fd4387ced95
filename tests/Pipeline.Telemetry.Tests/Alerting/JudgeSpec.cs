namespace Pipeline.Telemetry.Tests.Alerting;

/// <summary>The judge can be satisfied, and can fail a rule for each of its three reasons.</summary>
public sealed class JudgeSpec
{
    private static readonly Lazy<IReadOnlyList<History>> Drawn = new(() => [.. HistoryGenerator.All(HistoryGenerator.Seeds[^1], HistoryGenerator.OfEachClass)]);

    [Fact]
    public void Who_knows_the_truth_has_no_fault()
    {
        var totals = Judged(NaiveRule.Knowing);

        Assert.Empty(totals.Faults);
        Assert.Equal(1, totals.Recall);
        Assert.Equal(0, totals.FalsePages);
    }

    [Fact]
    public void Silence_misses_everything()
    {
        var totals = Judged(NaiveRule.Silent);

        Assert.Equal(0, totals.Recall);
        Assert.Equal(0, totals.FalsePages);
        Assert.Contains("Recall is", totals.Faults, StringComparison.Ordinal);
    }

    [Fact]
    public void A_threshold_on_freshness_tells_slow_breaches_too_late_and_pages_again_and_again_when_it_flaps()
    {
        var totals = Judged(NaiveRule.Threshold);

        Assert.InRange(totals.ForecastShare, 0, 0.2);
        Assert.Contains("minutes before", totals.Faults, StringComparison.Ordinal);
        Assert.Contains("false pages", totals.Faults, StringComparison.Ordinal);
        Assert.Contains("Flapping", totals.Faults, StringComparison.Ordinal);
    }

    [Fact]
    public void A_straight_line_pages_for_saw_teeth()
    {
        var totals = Judged(NaiveRule.StraightLine);

        Assert.True(totals.FalsePages > Judge.FalsePagesAllowed, totals.ToString());
        Assert.Contains("SawTooth", totals.Faults, StringComparison.Ordinal);
    }

    [Fact]
    public void A_page_for_another_table_is_false_and_the_late_one_is_missed()
    {
        var late = HistoryGenerator.Draw(HistoryClass.LateTable, HistoryGenerator.Seeds[^1], 0);
        var other = late.Tables.First(table => table.Table != late.Culprit).Table;

        var judgement = Judge.Of(late, [new Page(late.Breach!.Value, Table: other)]);

        Assert.True(judgement.IsMissed);
        Assert.Equal(1, judgement.FalsePages);
    }

    [Fact]
    public void A_page_before_anything_happened_is_false_and_a_page_long_after_the_breach_is_none()
    {
        var stop = HistoryGenerator.Draw(HistoryClass.SuddenStop, HistoryGenerator.Seeds[^1], 0);

        Assert.Equal(1, Judge.Of(stop, [new Page(stop.Onset!.Value - 60), new Page(stop.Breach!.Value)]).FalsePages);
        Assert.True(Judge.Of(stop, [new Page(stop.Breach!.Value + HistoryGenerator.Grace + 60)]).IsMissed);
    }

    private static Judge.Totals Judged(Func<History, IReadOnlyList<Page>> rule)
    {
        var totals = new Judge.Totals([.. Drawn.Value.Select(history => Judge.Of(history, rule(history)))]);
        TestContext.Current.TestOutputHelper!.WriteLine($"PIPELINE_SEED={HistoryGenerator.Seeds[^1]}: {totals}\n{totals.Faults}");
        return totals;
    }
}
