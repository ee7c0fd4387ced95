using Pipeline.Core;
using Pipeline.Node.Http.Api;
using Pipeline.Node.Http.Api.Documents;
using Pipeline.Operations.Control;

namespace Pipeline.Node.Cli;

/// <summary>A running pipeline on one screen: nodes, sources, then tables, those of which something is wrong first.</summary>
internal static class RunningText
{
    /// <summary>Tables that are shown where nobody asks for more.</summary>
    public const int TablesMax = 30;

    private const int WaitsMax = 5;

    /// <summary>The worst first.</summary>
    private static readonly string[] States = [.. Enum.GetValues<WorkState>().OrderDescending().Select(ApiCodes.Of)];

    /// <param name="tablesMax">More are counted.</param>
    /// <returns>The exit code: that of the first halted table, else whether one is later than is promised.</returns>
    public static int Print(Invocation invocation, RunningPipeline pipeline, int tablesMax)
    {
        var tables = pipeline.Tables.OrderBy(table => table.State == States[0] ? 0 : table.IsLate ? 1 : 2).ThenBy(table => Array.IndexOf(States, table.State)).ThenBy(table => table.Table, TableId.ByName).ToList();
        if (invocation.Format == OutputFormat.Table) PrintScreen(invocation, pipeline, tables, tablesMax);
        else invocation.Print(InFull(tables));
        invocation.Answer.Take("at", pipeline.At);
        invocation.Answer.Take("lake_away_since", pipeline.LakeAwaySince);
        invocation.Answer.Take("nodes", pipeline.Nodes);
        invocation.Answer.Take("sources", pipeline.Sources);
        return tables.FirstOrDefault(table => table.State == States[0]) is { } halted ? halted.Fault?.Code == ApiCodes.Of(FaultKind.NotAuthorised) ? ExitCode.NotAuthorised : ExitCode.Failed
            : tables.Exists(table => table.IsLate) ? ExitCode.Breached : ExitCode.Done;
    }

    private static Listing InFull(IEnumerable<WorkItem> tables)
    {
        var listing = new Listing("table", "state", "since", Column.Seconds("lag"), Column.Seconds("sla"), Column.Named("rows/s", "rows_per_second"), "pending", "version", "rows", "reflects until", "nodes", "wait", "fault");
        foreach (var table in tables)
            listing.Add(table.Table.ToString(), table.State, table.Since, Seconds(table.LagSeconds), Seconds(table.SlaSeconds), table.RowsPerSecond, table.Pending, table.Version, table.Rows, table.ReflectsUntil, Cell.List(table.Nodes), table.Wait, table.Fault);
        return listing;
    }

    private static void PrintScreen(Invocation invocation, RunningPipeline pipeline, IReadOnlyList<WorkItem> tables, int tablesMax)
    {
        var screen = invocation.Context.Data;
        var nodes = new Listing("node", "roles", "release", "up for", "buffered bytes", "rests", "away");
        foreach (var node in pipeline.Nodes) nodes.Add(node.Node, string.Join(", ", node.Roles), node.Release, pipeline.At.Since(node.StartedAt), node.BufferBytes, node.IsHeld, string.Join(", ", node.Away));
        invocation.Print(nodes);
        var sources = new Listing("source", "kind", "tables", "worst state", "lag", "rows/s");
        foreach (var source in pipeline.Sources) sources.Add(source.Source, source.Kind, source.Tables, source.State, Seconds(source.LagSeconds), source.RowsPerSecond);
        invocation.Print(sources);
        var shown = new Listing("table", "state", "for", "lag", "sla", "rows/s", "pending", "nodes");
        foreach (var table in tables.Take(tablesMax))
            shown.Add(table.Table.ToString(), table.IsLate ? $"{table.State}, late" : table.State, pipeline.At.Since(table.Since), Seconds(table.LagSeconds), Seconds(table.SlaSeconds), table.RowsPerSecond, table.Pending, string.Join(", ", table.Nodes));
        invocation.Print(shown);
        if (tables.Count > tablesMax) screen.WriteLine($"  and {tables.Count - tablesMax} more, {Counted(tables.Skip(tablesMax))}: --all shows them");
        screen.WriteLine($"  {tables.Count} tables: {(tables.Count == 0 ? "none is worked on yet" : Counted(tables))}. {tables.Count(table => table.IsLate)} are later than is promised. As the nodes said at {Listing.Format(pipeline.At)}.");
        if (pipeline.LakeAwaySince is { } away) screen.WriteLine($"  The lake does not answer, for {Listing.Format(pipeline.At.Since(away))}: what operators want holds as it was.");
        PrintWaits(screen, tables, pipeline.At);
    }

    /// <summary>One reason may keep many tables.</summary>
    private static void PrintWaits(TextWriter screen, IReadOnlyList<WorkItem> tables, DateTimeOffset now)
    {
        var waits = tables.Where(table => table.Wait is { Cause: not "turn" }).GroupBy(table => (table.Wait!.Cause, table.Wait.Thing, table.Wait.Why)).ToList();
        if (waits.Count > 0) screen.WriteLine("\n  What is waited for:");
        foreach (var same in waits.Take(WaitsMax))
        {
            var (first, others) = (same.First(), same.Count() - 1);
            screen.WriteLine($"  {first.Table}{(others > 0 ? $" and {others} more" : "")}, for {Listing.Format(now.Since(first.Since))}: {Word(same.Key.Cause)} {same.Key.Thing}{(WhyOf(same.Key.Why) is { } why ? $": {why}" : "")}.{(first.Fault is { NextStep.Length: > 0 } fault ? $" {fault.NextStep}" : "")}");
        }

        if (waits.Count > WaitsMax) screen.WriteLine($"  and {waits.Count - WaitsMax} other reasons: -o json has them");
    }

    private static string Word(string cause) => cause switch
    {
        "wish" => "rests, as an operator wants of",
        "mend" => "waits until somebody mends",
        "away" => "asks again",
        "schedule" => "runs at",
        "configuration" => "is left alone, since not all nodes have the configuration of",
        _ => "waits for",
    };

    private static string? WhyOf(string? why) => why switch
    {
        "not-in-newest" => "it does not have this table",
        "not-everywhere" => "others do not know this table. Start them with the same",
        "otherwise" => "others have other workers or another contract. Start them with the same",
        _ => why?.TrimEnd('.'),
    };

    private static string Counted(IEnumerable<WorkItem> tables) => string.Join(", ", tables.CountBy(table => table.State).OrderBy(pair => Array.IndexOf(States, pair.Key)).Select(pair => $"{pair.Value} {pair.Key}"));

    private static object? Seconds(double? seconds) => seconds is { } known ? TimeSpan.FromSeconds(known) : null;
}
