namespace Pipeline.Telemetry.Tests.Alerting;

public enum HistoryClass
{
    /// <summary>More arrives than is landed until freshness passes its SLA; slopes from 1.1 to 4.</summary>
    SlowDown,

    /// <summary>A slow-down that ends by itself long before the SLA. Whether it pages is left open.</summary>
    BriefSlowDown,

    /// <summary>Nothing is landed any more: the table is stuck, its source is away, its process is gone, or its job runs no more.</summary>
    SuddenStop,

    /// <summary>Batches, hourly and otherwise, at the source or of the pipeline; peaks stay below the SLA.</summary>
    SawTooth,

    /// <summary>The process is away for one to ten minutes, once or several times.</summary>
    Restart,

    /// <summary>Three to ten nodes restart one after another, and the table moves between them.</summary>
    RollingDeployment,

    /// <summary>After an outage freshness has come to 30 to 95 % of the SLA, and shrinks before it passes it.</summary>
    BacklogInTime,

    /// <summary>After an outage freshness passes the SLA although records are landed.</summary>
    BacklogTooLate,

    /// <summary>Nothing arrives for a night; looks go on.</summary>
    IdleSource,

    /// <summary>The clock of the node or of the source jumps, forward or back, by seconds or by hours.</summary>
    ClockStep,

    /// <summary>One of 300 tables becomes late.</summary>
    LateTable,

    /// <summary>Freshness passes the SLA and falls below it many times, or the process starts and dies many times.</summary>
    Flapping,

    /// <summary>Rhythm of day and night, noise, short pauses and missed scrapes.</summary>
    HealthyNoise,
}

public enum Paging
{
    MustNot,
    May,
    Must,
}

/// <summary>What happened to the tables of one pipeline, what was measured of it, and what an operator should have been told.</summary>
/// <param name="Seed">With <paramref name="Class"/> and <paramref name="Index"/> it draws the same history again.</param>
/// <param name="Story">In words, for whoever reads of a failure.</param>
/// <param name="Length">How long it was observed, in seconds; it starts healthy, at 0.</param>
/// <param name="Onset">When what was to be told began, in seconds; null when there was nothing.</param>
/// <param name="Breach">When the table's freshness truly passed its SLA first, in seconds; null when it did not.</param>
/// <param name="End">When all was well again, in seconds; null when it was not.</param>
/// <param name="PageBy">The latest moment at which a page may begin that must begin, in seconds.</param>
/// <param name="PagesOnce">Whether a second page for the same would be one too many.</param>
/// <param name="Culprit">The table that a page is about; null when there is none.</param>
public sealed record History(
    HistoryClass Class, int Seed, int Index, string Story, double Length, IReadOnlyList<TableHistory> Tables, Paging Paging,
    double? Onset = null, double? Breach = null, double? End = null, double? PageBy = null, bool PagesOnce = false, string? Culprit = null)
{
    /// <summary>Second 0 of every history, as the scraper's clock has it.</summary>
    public static readonly DateTimeOffset Start = new(2026, 3, 2, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Whether an alarm can know of the breach well before it: it comes slowly.</summary>
    public bool IsSlow => Class is HistoryClass.SlowDown or HistoryClass.BacklogTooLate;

    public override string ToString() => $"{Class} {Index} of seed {Seed} (SLA {Tables[0].Sla / 60:0} min): {Story}";
}

/// <summary>What was measured of one table.</summary>
/// <param name="Table">As in the tag <c>table</c>.</param>
/// <param name="Layer">As in the tag <c>layer</c>.</param>
/// <param name="Sla">Seconds.</param>
/// <param name="Samples">Ascending in time. Nothing is there while the process is down or the scrape was missed; two nodes may tell of the same minute.</param>
/// <param name="Truth">Freshness at each minute as it was, in seconds, whatever was measured.</param>
public sealed record TableHistory(string Table, string Layer, double Sla, IReadOnlyList<Sample> Samples, IReadOnlyList<double> Truth)
{
    /// <summary>
    /// A further series, as the process computes it from what it has measured: a new function for each life of a process, which
    /// is given the samples of that life in their order and answers a value, or NaN when it has none.
    /// </summary>
    public IReadOnlyList<double> Derive(Func<Func<Sample, double>> ofLife)
    {
        Dictionary<int, Func<Sample, double>> lives = [];
        List<double> values = [];
        foreach (var sample in Samples)
        {
            if (!lives.TryGetValue(sample.Life, out var life)) lives[sample.Life] = life = ofLife();
            values.Add(life(sample));
        }
        return values;
    }
}

/// <summary>One table at one moment, as the process that owned it told.</summary>
/// <param name="At">When it was scraped, in seconds, by the scraper's clock.</param>
/// <param name="Stamp">The same by the clock of the node, which a sink that pushes would send.</param>
/// <param name="Node">Number of the node, from 0. Table series carry no node: a scraper adds it as <c>instance</c>, a push has it not.</param>
/// <param name="Life">Number of the process: a restart is a new one, and its counters begin at 0.</param>
/// <param name="Freshness">Now minus the moment of the source that the table is known to reflect, in seconds.</param>
/// <param name="Lag">Records that the last look has seen and that are not landed; NaN for a layer that counts none, and before the first look.</param>
/// <param name="Arrived">Records that arrived since the process took the table, as far as looks have seen; NaN likewise.</param>
/// <param name="Landed">Records that were landed since the process took the table; NaN likewise.</param>
public readonly record struct Sample(double At, double Stamp, int Node, int Life, double Freshness, double Lag, double Arrived, double Landed);
