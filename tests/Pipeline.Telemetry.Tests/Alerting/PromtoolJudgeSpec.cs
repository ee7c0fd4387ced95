using System.Diagnostics;

namespace Pipeline.Telemetry.Tests.Alerting;

/// <summary>What promtool finds is what the rule means, so that it can be believed of rules that matter.</summary>
public sealed class PromtoolJudgeSpec
{
    private const string Threshold = """
        groups:
        - name: naive
          rules:
          - alert: Late
            expr: max by (table) (pipeline_table_freshness) > max by (table) (pipeline_table_freshness_sla)
            for: 2m
            labels: { severity: page }
          - alert: Chatter
            expr: vector(1)
            labels: { severity: ticket }
        """;

    [Fact]
    public async Task A_threshold_fires_at_the_minute_after_its_time_has_passed_and_pages_again_and_again_when_it_flaps()
    {
        PromtoolJudge.SkipUnlessThere();
        List<History> histories = [.. HistoryGenerator.All(HistoryGenerator.Seeds[^1], Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1" ? 20 : 1)];
        var started = Stopwatch.GetTimestamp();

        var pages = await PromtoolJudge.PagesAsync(histories, Threshold, history => history.Tables.SelectMany(Series), TestContext.Current.CancellationToken);

        var judgements = histories.Zip(pages, Judge.Of).ToList();
        var totals = new Judge.Totals(judgements);
        TestContext.Current.TestOutputHelper!.WriteLine($"PIPELINE_SEED={HistoryGenerator.Seeds[^1]}, promtool took {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s: {totals}");
        foreach (var judgement in judgements.Where(j => j.History.Class == HistoryClass.SlowDown)) Assert.InRange(judgement.Forecast!.Value, -300, -60);
        Assert.All(judgements.Where(j => j.History.Class is HistoryClass.SawTooth or HistoryClass.IdleSource or HistoryClass.BacklogInTime), judgement => Assert.Empty(judgement.Pages));
        Assert.All(judgements.Where(j => j.History.Class == HistoryClass.LateTable), judgement => Assert.Equal(judgement.History.Culprit, Assert.Single(judgement.Pages).Table));
        Assert.Contains(judgements, j => j.History.Class == HistoryClass.Flapping && j.Repeats > 1);
        Assert.Equal(0, totals.Forecast);
    }

    [Fact]
    public async Task Rules_that_promtool_does_not_take_are_an_error_and_not_silence()
    {
        PromtoolJudge.SkipUnlessThere();
        var history = HistoryGenerator.Draw(HistoryClass.Restart, HistoryGenerator.Seeds[0], 0);

        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => PromtoolJudge.PagesAsync([history], Threshold.Replace("max by", "maxi by", StringComparison.Ordinal),
            h => h.Tables.SelectMany(Series), TestContext.Current.CancellationToken));

        Assert.Contains("promtool", error.Message, StringComparison.Ordinal);
    }

    private static IEnumerable<PromtoolJudge.PromSeries> Series(TableHistory table) =>
    [
        .. PromtoolJudge.Series(table, "pipeline_table_freshness", at => table.Samples[at].Freshness),
        .. PromtoolJudge.Series(table, "pipeline_table_freshness_sla", _ => table.Sla),
    ];
}
