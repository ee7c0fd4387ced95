using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Kpis;

namespace Pipeline.Node.Verbs;

internal sealed class KpiVerb : Verb
{
    private readonly Option<int> _days;
    private readonly Option<bool> _byDay;

    public KpiVerb() : base("kpi", "Show how fresh, right, reliable and efficient the tables were, from the lake's own history.")
    {
        _days = Add(new Option<int>("--days") { Description = "Of so many days, today among them.", HelpName = "N", DefaultValueFactory = _ => 7 });
        _days.Validators.Add(result =>
        {
            if (TypedValue.Is(result.GetValueOrDefault<int>, days => days is < 1 or > 3_660)) result.AddError("--days must be between 1 and 3660.");
        });
        _byDay = Add(new Option<bool>("--by-day") { Description = "A line for each day of each table." });
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var found = await ComputeKpis.RunAsync(new KpiRequest(parsed.GetValue(_days), invocation.Freshness().SlaOf), invocation.OpenLake(), invocation.Context.Time, cancellationToken);

        Column[] figures =
        [
            Column.Seconds("fresh p95"), Column.Seconds("fresh worst"), Column.Named("within SLA %", "within_sla_percent"), "quality %", "runs", "failed", "success %", Column.Seconds("recovery"), "rows",
            Column.Named("rows/s", "rows_per_second"), "cost", Column.Named("cost/M rows", "cost_per_million_rows"),
        ];
        var byDay = parsed.GetValue(_byDay);
        var listing = new Listing([.. byDay ? ["day", "table"] : (Column[])["table"], Column.ForPrograms("layer"), .. figures]);
        if (byDay) foreach (var day in found.Days) listing.Add([day.Day.ToString("yyyy-MM-dd"), day.Table.ToString(), day.Table.LayerName, .. Figures(KpiSummary.Of([day]))]);
        else
        {
            foreach (var table in found.Days.GroupBy(day => day.Table).OrderBy(table => table.Key, TableId.ByName)) listing.Add([table.Key.ToString(), table.Key.LayerName, .. Figures(KpiSummary.Of([.. table]))]);
            foreach (var layer in found.Days.GroupBy(day => day.Table.Layer)) listing.Add([new Cell($"all of {layer.Key.ToString().ToLowerInvariant()}", null), layer.Key.ToString().ToLowerInvariant(), .. Figures(KpiSummary.Of([.. layer]))]);
        }

        if (listing.Count == 0 && found.Failed.Count == 0) invocation.Context.Messages.WriteLine($"The lake {found.Lake} has no tables yet.");
        invocation.Print(listing);
        return invocation.Report(found.Failed);
    }

    private static object?[] Figures(KpiSummary of) =>
    [
        Seconds(of.FreshnessP95), Seconds(of.FreshnessMax), Percent(of.WithinSla), Percent(of.Quality), of.Runs, of.FailedAttempts, Percent(of.SuccessRate), Seconds(of.RecoverySeconds),
        of.Rows, of.RowsPerSecond, of.Cost, of.CostPerMillionRows,
    ];

    private static object? Seconds(double? seconds) => seconds is { } value ? TimeSpan.FromSeconds(value) : null;

    private static object? Percent(double? share) => share * 100;
}
