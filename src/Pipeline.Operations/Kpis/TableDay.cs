using Pipeline.Core;

namespace Pipeline.Operations.Kpis;

/// <summary>How one table did on one day, from 0:00 to 24:00 UTC: a row of <c>gold/_pipeline_kpi_daily</c>.</summary>
/// <param name="FreshnessP50">
/// Looked at every minute: for how many seconds the oldest Bronze commit had waited that the table did not show yet, 0 when it showed
/// all. Bronze: how long records had waited in the node before they were committed, of one commit a quarter of an hour. Null: nothing to look at.
/// </param>
/// <param name="WithinSla">The share of those looks, 0 to 1, at which that was no more than the table's SLA.</param>
/// <param name="Quality">Silver: the mean of the five scores, 0 to 1, weighted by the rows of each run; null when no row came.</param>
/// <param name="Rows">Bronze: rows that were added. Silver: rows read. Gold: rows written.</param>
/// <param name="Runs">Runs that succeeded; Bronze has none.</param>
/// <param name="FailedAttempts">Attempts that failed before those runs.</param>
/// <param name="Recoveries">Runs that ended a row of failures. Bronze: outages of its source, or of what else kept it, that were over on that day, as nodes have said.</param>
/// <param name="RecoverySeconds">The mean time from the first failure to the run, or to the end of the outage; null without any.</param>
/// <param name="BusySeconds">Silver and Gold: from request to commit, of all runs. Bronze: the minutes in which it was committed to.</param>
/// <param name="Cost">What its runs were billed, in the currency of the configured prices; null when none says so.</param>
public sealed record TableDay(DateOnly Day, TableId Table, double? FreshnessP50, double? FreshnessP95, double? FreshnessMax, double SlaSeconds, double? WithinSla, QualityScores? Quality,
    long Rows, long Runs, long FailedAttempts, long Recoveries, double? RecoverySeconds, double BusySeconds, double? Cost)
{
    /// <summary>The share of attempts that succeeded; null without any.</summary>
    public double? SuccessRate => Runs + FailedAttempts == 0 ? null : (double)Runs / (Runs + FailedAttempts);

    /// <summary>The share of attempts that failed; null without any.</summary>
    public double? ErrorRate => 1 - SuccessRate;

    public double? RowsPerSecond => BusySeconds > 0 ? Rows / BusySeconds : null;

    public double? CostPerMillionRows => Cost is { } cost && Rows > 0 ? cost / Rows * 1e6 : null;
}

/// <summary>Scores of the rows of a day, each from 0 to 1.</summary>
public sealed record QualityScores(double Completeness, double Validity, double Consistency, double Uniqueness, double Timeliness)
{
    public double Score => (Completeness + Validity + Consistency + Uniqueness + Timeliness) / 5;
}
