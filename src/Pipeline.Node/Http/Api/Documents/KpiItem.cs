using System.Globalization;
using Pipeline.Core;
using Pipeline.Operations.Kpis;

namespace Pipeline.Node.Http.Api.Documents;

/// <summary>How one table did on one day, from 0:00 to 24:00 UTC. Shares are from 0 to 1; null: there was nothing to look at.</summary>
internal sealed record KpiItem(string Day, TableId Table, double? FreshnessP50Seconds, double? FreshnessP95Seconds, double? FreshnessMaxSeconds, double SlaSeconds, double? WithinSla, double? Quality, long Rows, long Runs, long FailedAttempts, double? SuccessRate,
    long Recoveries, double? RecoverySeconds, double BusySeconds, double? RowsPerSecond, double? Cost, double? CostPerMillionRows)
{
    public static KpiItem Of(TableDay day) => new(day.Day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), day.Table, day.FreshnessP50, day.FreshnessP95, day.FreshnessMax, day.SlaSeconds, day.WithinSla, day.Quality?.Score, day.Rows, day.Runs,
        day.FailedAttempts, day.SuccessRate, day.Recoveries, day.RecoverySeconds, day.BusySeconds, day.RowsPerSecond, day.Cost, day.CostPerMillionRows);
}
