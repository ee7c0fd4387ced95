namespace Pipeline.Telemetry.Tests.Alerting;

/// <summary>Rules that nobody should use, so that the judge can be seen to find their faults.</summary>
internal static class NaiveRule
{
    /// <summary>Never pages.</summary>
    public static IReadOnlyList<Page> Silent(History _) => [];

    /// <summary>Knows the truth: pages a minute after the onset, and is right.</summary>
    public static IReadOnlyList<Page> Knowing(History history) => history.Paging == Paging.Must ? [new Page(history.Onset!.Value + 60, Table: history.Culprit)] : [];

    /// <summary>Pages while freshness is above its SLA.</summary>
    public static IReadOnlyList<Page> Threshold(History history) => Pages(history, (table, at) => table.Samples[at].Freshness > table.Sla);

    /// <summary>Pages while the line through a quarter of an hour of freshness passes the SLA within an hour.</summary>
    public static IReadOnlyList<Page> StraightLine(History history) => Pages(history, (table, at) =>
    {
        var before = Math.Max(0, at - 15);
        var (first, last) = (table.Samples[before], table.Samples[at]);
        return last.At > first.At && last.Freshness + ((last.Freshness - first.Freshness) / (last.At - first.At) * 3600) > table.Sla;
    });

    private static IReadOnlyList<Page> Pages(History history, Func<TableHistory, int, bool> isOn) => Page.Union(history.Tables.SelectMany(table => Enumerable.Range(0, table.Samples.Count)
        .Where(at => isOn(table, at)).Select(at => new Page(table.Samples[at].At, table.Samples[at].At + 60, table.Table))), gap: 90);
}
