namespace Pipeline.Operations.Kpis;

/// <summary>Figures of several days, or of several tables, together. Meanings and units are those of <see cref="TableDay"/>.</summary>
/// <param name="FreshnessP95">Of the worst day.</param>
/// <param name="WithinSla">The mean over days and tables.</param>
/// <param name="Quality">Weighted by the rows of each day.</param>
public sealed record KpiSummary(double? FreshnessP95, double? FreshnessMax, double? WithinSla, double? Quality, long Rows, long Runs, long FailedAttempts, long Recoveries, double? RecoverySeconds,
    double? RowsPerSecond, double? Cost, double? CostPerMillionRows)
{
    public double? SuccessRate => Runs + FailedAttempts == 0 ? null : (double)Runs / (Runs + FailedAttempts);

    public static KpiSummary Of(IReadOnlyCollection<TableDay> days)
    {
        var scored = days.Where(day => day.Quality is not null && day.Rows > 0).ToList();
        var (recoveries, billed) = (days.Sum(day => day.Recoveries), days.Where(day => day.Cost is not null).ToList());
        var (busy, rows, cost) = (days.Sum(day => day.BusySeconds), days.Sum(day => day.Rows), billed.Count == 0 ? null : billed.Sum(day => day.Cost));
        return new KpiSummary(days.Max(day => day.FreshnessP95), days.Max(day => day.FreshnessMax), days.Average(day => day.WithinSla),
            scored.Count == 0 ? null : scored.Sum(day => day.Quality!.Score * day.Rows) / scored.Sum(day => day.Rows), rows, days.Sum(day => day.Runs), days.Sum(day => day.FailedAttempts), recoveries,
            recoveries == 0 ? null : days.Sum(day => day.Recoveries * (day.RecoverySeconds ?? 0)) / recoveries, busy > 0 ? rows / busy : null,
            cost, billed.Sum(day => day.Rows) is > 0 and var billedRows ? cost / billedRows * 1e6 : null);
    }
}
