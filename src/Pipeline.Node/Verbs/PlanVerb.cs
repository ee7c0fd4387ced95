using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Planning;

namespace Pipeline.Node.Verbs;

internal sealed class PlanVerb : Verb
{
    private readonly Argument<string[]> _selectors;

    public PlanVerb() : base("plan", "Show what a run would create or change in the lake, and what would execute it; exit code 2 when there is something to change, 3 when too many rows are quarantined.") =>
        _selectors = Add(SelectorArgument.Create("Without any, all tables."));

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        using var logs = invocation.CreateLogs(LogLevel.Warning);
        var options = invocation.Load();
        var plan = await PlanTables.RunAsync(new PlanTablesRequest(options.Selector.Select(parsed.GetRequiredValue(_selectors))), options, invocation.Services(logs), invocation.OpenLake(), cancellationToken);

        var listing = new Listing("table", "change", "columns", "engine", "why");
        var engines = plan.Engines.ToDictionary(planned => planned.Table);
        foreach (var change in plan.Changes)
        {
            engines.Remove(change.Table, out var planned);
            listing.Add(change.Table.ToString(), Word(change.Kind), string.Join(", ", change.Columns.Select(Describe)), planned?.Engine, planned?.Why);
        }

        foreach (var planned in plan.Engines.Where(planned => engines.ContainsKey(planned.Table))) listing.Add(planned.Table.ToString(), null, null, planned.Engine, planned.Why);
        foreach (var remake in plan.Remakes) listing.Add(remake.Table.ToString(), Word(remake.Meaning), null, null, remake.What);
        foreach (var field in plan.Fields) listing.Add(field.Table.ToString(), "new field", field.Line, null, $"{field.Path}: {field.Type} in {field.Records} record{(field.Records == 1 ? "" : "s")}, and no column reads it");
        foreach (var mass in plan.Exceeding)
            listing.Add(mass.Table.ToString(), "too many quarantined", null, null, VerificationText.Quarantined(mass.Rows, mass.Quarantined, mass.PercentMax, mass.Rule));
        foreach (var left in plan.Leftovers)
            listing.Add(left.Table.ToString(), "not configured", null, null, $"it has left the configuration: its {(left.Rows is { } rows ? $"{rows:#,0} " : "")}rows stay as they are, and no run reads or writes them. Configured again, it goes on from there; to be rid of it, delete its directory");
        if (plan.Changes.Count == 0 && plan.Remakes.Count == 0 && plan.Failed.Count == 0) invocation.Context.Messages.WriteLine($"The lake {plan.Lake} has every table in its right shape.");
        if (listing.Count > 0 || invocation.Format == OutputFormat.Json) invocation.Print(listing);
        if (plan.Failed.Count > 0) return Faults.Report(invocation.Context, plan.Failed);
        if (plan.Exceeding.Count > 0) return ExitCode.Breached;
        return plan.Changes.Count == 0 && plan.Remakes.All(remake => remake.Meaning == PlannedMeaning.Nothing) ? ExitCode.Done : ExitCode.PlanHasChanges;
    }

    private static string Word(PlannedChangeKind kind) => kind switch
    {
        PlannedChangeKind.Create => "create",
        PlannedChangeKind.AddColumns => "add columns",
        PlannedChangeKind.DescribeColumns => "describe columns",
        PlannedChangeKind.DescribeTable => "describe table",
        _ => "change types",
    };

    private static string Word(PlannedMeaning meaning) => meaning switch
    {
        PlannedMeaning.JudgeQuarantine => "judge the quarantine again",
        PlannedMeaning.FillColumns => "fill columns",
        PlannedMeaning.MakeAnew => "make anew",
        _ => "nothing",
    };

    private static string Describe(PlannedColumn column) => column.Present is { } present
        ? $"{column.Name} {LakeType.Name(present)} -> {LakeType.Name(column.Wanted)}"
        : $"{column.Name} {LakeType.Name(column.Wanted)}";
}
