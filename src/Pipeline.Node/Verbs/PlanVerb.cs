using System.CommandLine;
using System.Text.Json.Nodes;
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

        var listing = new Listing("table", "change", "columns", "engine", Column.ForPeople("why"), Column.ForPrograms("details"));
        void Add(TableId table, string? change, object? columns, string? engine, string? why, object? details = null) =>
            listing.Add(table.ToString(), change is null ? null : Cell.Code(change), columns, engine, why, details);
        var engines = plan.Engines.ToDictionary(planned => planned.Table);
        foreach (var change in plan.Changes)
        {
            engines.Remove(change.Table, out var planned);
            Add(change.Table, Word(change.Kind), Columns(change.Columns), planned?.Engine, planned?.Why);
        }

        foreach (var planned in plan.Engines.Where(planned => engines.ContainsKey(planned.Table))) Add(planned.Table, null, null, planned.Engine, planned.Why);
        foreach (var remake in plan.Remakes) Add(remake.Table, Word(remake.Meaning), null, null, remake.What, new { Part = remake.What });
        foreach (var field in plan.Fields) Add(field.Table, "new field", new Cell(field.Line, null), null, $"{field.Path}: {field.Type} in {Plural.Of(field.Records, "record")}, and no column reads it", new { field.Path, field.Type, field.Records, field.Line });
        foreach (var mass in plan.Exceeding)
            Add(mass.Table, "too many quarantined", null, null, VerificationText.Quarantined(mass.Rows, mass.Quarantined, mass.PercentMax, mass.Rule), new { mass.Rows, mass.Quarantined, mass.PercentMax, mass.Rule });
        foreach (var table in plan.Misplaced) Add(table.Table, "lies elsewhere", null, null, table.Describe(), new { table.Lies, table.Wanted });
        foreach (var left in plan.Leftovers)
            Add(left.Table, "not configured", null, null, $"it has left the configuration: its {(left.Rows is { } rows ? Plural.Of(rows, "row", "stays", "stay") : "rows stay")} as they are, and no run reads or writes them. Configured again, it goes on from there; to be rid of it, delete its directory", new { left.Rows });
        if (plan.Changes.Count == 0 && plan.Remakes.Count == 0 && plan.Failed.Count == 0) invocation.Context.Messages.WriteLine($"The lake {plan.Lake} has every table in its right shape.");
        invocation.Print(listing);
        if (plan.Failed.Count > 0) return invocation.Report(plan.Failed);
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

    private static Cell Columns(IReadOnlyList<PlannedColumn> columns) => new(string.Join(", ", columns.Select(Describe)),
        new JsonArray([.. columns.Select(column => (JsonNode)new JsonObject { ["name"] = column.Name, ["type"] = LakeType.Name(column.Wanted), ["present_type"] = column.Present is { } present ? LakeType.Name(present) : null })]));

    private static string Describe(PlannedColumn column) => column.Present is { } present
        ? $"{column.Name} {LakeType.Name(present)} -> {LakeType.Name(column.Wanted)}"
        : $"{column.Name} {LakeType.Name(column.Wanted)}";
}
