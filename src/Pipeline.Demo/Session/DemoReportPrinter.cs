using System.Globalization;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Inspection;

namespace Pipeline.Demo.Session;

/// <summary>A demo's last words: one JSON document, or tables and a sentence.</summary>
internal static class DemoReportPrinter
{
    /// <returns>The exit code.</returns>
    public static int Print(DemoOutcome outcome, DemoAgain again, Invocation invocation)
    {
        var context = invocation.Context;
        if (invocation.Format == OutputFormat.Json) foreach (var (name, value) in JsonSerializer.SerializeToNode(Document(outcome, again.Lake), Listing.Json)!.AsObject()) invocation.Answer.Take(name, value);
        else PrintForPeople(outcome, context);

        context.Messages.WriteLine(Verdict(outcome, again));
        return outcome.Report switch
        {
            null => ExitCode.Interrupted,
            { IsBalanced: true } when outcome.Verified.IsSound => ExitCode.Done,
            _ => ExitCode.Failed,
        };
    }

    private static object Document(DemoOutcome outcome, string lake) => new
    {
        Balanced = outcome.Report?.IsBalanced,
        IsInterrupted = outcome.Report is null,
        Lake = lake,
        Seconds = Math.Round(outcome.Took.TotalSeconds, 1),
        FirstGoldSeconds = Seconds(outcome.FirstGoldAfter),
        AllGoldSeconds = Seconds(outcome.AllGoldAfter),
        Rows = RowsOf(outcome.Progress.Rows),
        outcome.Report?.Tables,
        outcome.Report?.Dirt,
        outcome.Report?.Gold,
        Verify = new { Checks = outcome.Verified.Checks.Count, outcome.Verified.IsSound, Broken = Broken(outcome) },
    };

    private static object RowsOf(RowCount rows) => new { rows.Generated, rows.Bronze, rows.DeadLetters, rows.Silver, Quarantine = rows.Quarantined, rows.Superseded, rows.Deleted, rows.Unread };

    private static void PrintForPeople(DemoOutcome outcome, NodeContext context)
    {
        if (outcome.Report is { } report) PrintReport(report, context);
        var broken = Broken(outcome);
        context.Say($"verify: {Plural.Of(outcome.Verified.Checks.Count, "check")} of files, positions, fates, keys and queries, {broken.Count} failed");
        foreach (var finding in broken) context.Say($"  {finding.Thing}: {finding.Detail}. {finding.NextStep}");
    }

    private static List<Finding> Broken(DemoOutcome outcome) => [.. VerificationText.Of(outcome.Verified).Where(finding => !finding.Ok)];

    private static void PrintReport(DemoReport report, NodeContext context)
    {
        var tables = new Listing("table", "generated", "dead letters", "bronze", "silver", "quarantined", "superseded");
        foreach (var table in report.Tables) tables.Add(table.Table, table.Generated, table.DeadLetters, table.Bronze, table.Silver, table.Quarantined, table.Superseded);
        tables.PrintTable(context);
        context.Say("");

        var dirt = new Listing("dirt planted", "rule", "severity", "rows found");
        foreach (var planted in report.Dirt) dirt.Add(planted.Table, planted.Rule, planted.Severity, planted.Rows);
        dirt.PrintTable(context);
        context.Say("");

        var gold = new Listing("table", "rows", "totals");
        foreach (var table in report.Gold)
            gold.Add(table.Table, table.Rows, string.Join(", ", table.Totals.Select(total => $"{total.Key} = {total.Value}")));
        gold.PrintTable(context);
        context.Say("");
    }

    private static string Verdict(DemoOutcome outcome, DemoAgain again)
    {
        var rows = $"{Plural.Of(outcome.Progress.Rows.Generated, "row")} generated, {Listing.Format(outcome.Progress.Rows.Bronze)} in Bronze, {Listing.Format(outcome.Progress.Rows.Silver)} in Silver";
        var took = string.Create(CultureInfo.InvariantCulture, $"{outcome.Took.TotalSeconds:0} s");
        return outcome.Report switch
        {
            null => $"Interrupted after {took}: {rows}. Continue with: {again.Command}",
            { IsBalanced: true } when outcome.Verified.IsSound => $"Balanced to the row after {took}: {rows}; first Gold rows after {Seconds(outcome.FirstGoldAfter)} s. Look around: {again.With("tables")}",
            { IsBalanced: true } => $"Balanced after {took}, but the lake does not verify: {rows}. Look into it: {again.With("verify")}",
            var report => $"NOT balanced after {took}: {report.Differences} differences, marked with 'not'. Look into it: {again.With("verify")}",
        };
    }

    private static double? Seconds(TimeSpan? time) => time is { } known ? Math.Round(known.TotalSeconds, 1) : null;
}
