namespace Pipeline.Telemetry.Tests.Alerting;

/// <summary>Histories are what they are called, by what was measured and not only by how they were drawn.</summary>
public sealed class HistoryGeneratorSpec
{
    private static int Seed => HistoryGenerator.Seeds[^1];

    [Fact]
    public void A_seed_draws_the_same_history_again()
    {
        foreach (var drawn in HistoryGenerator.Classes.Except([HistoryClass.LateTable]))
        {
            var (first, second) = (HistoryGenerator.Draw(drawn, Seed, 1), HistoryGenerator.Draw(drawn, Seed, 1));

            Assert.Equal(first.Story, second.Story);
            Assert.Equal(first.Tables[0].Samples, second.Tables[0].Samples);
        }
    }

    [Fact]
    public void Slow_downs_have_slopes_from_1_1_to_4_by_what_was_counted()
    {
        var slopes = Of(HistoryClass.SlowDown).Select(history =>
        {
            var during = history.Tables[0].Samples.Where(sample => sample.At > history.Breach - ((history.Breach - history.Onset) / 2)).ToList();
            return (during[^1].Arrived - during[0].Arrived) / (during[^1].Landed - during[0].Landed);
        }).ToList();

        Assert.All(slopes, slope => Assert.InRange(slope, 1.04, 4.4));
        Assert.True(slopes.Min() < 1.5 && slopes.Max() > 2.9, string.Join(", ", slopes));
    }

    [Fact]
    public void What_must_page_passes_its_SLA_by_what_was_measured_or_is_not_heard_of()
    {
        foreach (var history in HistoryGenerator.Classes.SelectMany(Of).Where(history => history.Paging == Paging.Must))
        {
            var culprit = history.Tables.Single(table => table.Table == history.Culprit);
            var after = culprit.Samples.Where(sample => sample.At > history.Breach && sample.At < history.Breach + 900).ToList();
            Assert.True(after.Count == 0 || after.Any(sample => sample.Freshness > culprit.Sla), history.ToString());
        }
    }

    [Fact]
    public void What_must_not_page_stays_below_its_SLA_unless_a_clock_or_a_start_deceives()
    {
        foreach (var history in HistoryGenerator.Classes.SelectMany(Of).Where(history => history.Paging == Paging.MustNot))
        {
            Assert.All(history.Tables, table => Assert.True(table.Truth.Max() < table.Sla, history.ToString()));
            if (history.Class is HistoryClass.ClockStep or HistoryClass.Restart or HistoryClass.RollingDeployment) continue;
            Assert.All(history.Tables, table => Assert.True(table.Samples.Max(sample => sample.Freshness) < table.Sla, history.ToString()));
        }
    }

    [Fact]
    public void Counters_begin_anew_with_a_process_and_nothing_is_told_while_there_is_none()
    {
        foreach (var history in Of(HistoryClass.Restart))
        {
            var samples = history.Tables[0].Samples;
            var restarts = samples.Zip(samples.Skip(1)).Where(pair => pair.First.Life != pair.Second.Life).ToList();

            Assert.NotEmpty(restarts);
            Assert.All(restarts, pair => Assert.True(double.IsNaN(pair.Second.Landed) || pair.Second.Landed < pair.First.Landed || pair.First.Landed == 0, history.ToString()));
            Assert.All(restarts, pair => Assert.True(pair.Second.At - pair.First.At > 50, history.ToString()));
        }
    }

    [Fact]
    public void One_table_of_300_is_late()
    {
        var history = HistoryGenerator.Draw(HistoryClass.LateTable, Seed, 0);

        Assert.Equal(300, history.Tables.Count);
        Assert.Equal(history.Culprit, Assert.Single(history.Tables, table => table.Truth.Max() > table.Sla).Table);
    }

    private static IEnumerable<History> Of(HistoryClass drawn) => HistoryGenerator.Of(drawn, Seed, HistoryGenerator.OfEachClass);
}
