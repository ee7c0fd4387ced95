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
        var tables = Sorted(pipeline);
        if (invocation.Format == OutputFormat.Table) PrintScreen(invocation, pipeline, tables, tablesMax);
        else invocation.Print(InFull(tables));
        return Answer(invocation, pipeline, tables);
    }

    /// <summary>On one screen, over what was there.</summary>
    /// <returns>As <see cref="Print"/>.</returns>
    public static int Draw(Invocation invocation, RunningPipeline pipeline, Frames frames)
    {
        var (tables, ink) = (Sorted(pipeline), Ink.Of(invocation.Context));
        string[] told = [.. ((string[])[Summary(pipeline, tables), .. AwayOf(pipeline), .. Waits(tables, pipeline.At)]).Select(TextCells.OnOneLine)];
        frames.Show(size => RunningScreen.Lines(size, told,
            new(tables.Count, shown => ListingOf(tables.Take(shown), pipeline.At), shown => $"and {Plural.Of(tables.Count - shown, "more table")}, {Counted(tables.Skip(shown))}", ink),
            new(pipeline.Sources.Count, shown => ListingOf(pipeline.Sources.Take(shown)), shown => $"and {Plural.Of(pipeline.Sources.Count - shown, "more source")}", ink),
            new(pipeline.Nodes.Count, shown => ListingOf(pipeline.Nodes.Take(shown), pipeline.At), shown => $"and {Plural.Of(pipeline.Nodes.Count - shown, "more node")}", ink)));
        return Answer(invocation, pipeline, tables);
    }

    private static int Answer(Invocation invocation, RunningPipeline pipeline, IReadOnlyList<WorkItem> tables)
    {
        invocation.Answer.Take("at", pipeline.At);
        invocation.Answer.Take("lake_away_since", pipeline.LakeAwaySince);
        invocation.Answer.Take("nodes", pipeline.Nodes);
        invocation.Answer.Take("sources", pipeline.Sources);
        return tables.FirstOrDefault(table => table.State == States[0]) is { } halted ? halted.Fault?.Code == ApiCodes.Of(FaultKind.NotAuthorised) ? ExitCode.NotAuthorised : ExitCode.Failed
            : tables.Any(table => table.IsLate) ? ExitCode.Breached : ExitCode.Done;
    }

    private static List<WorkItem> Sorted(RunningPipeline pipeline) =>
        [.. pipeline.Tables.OrderBy(table => table.State == States[0] ? 0 : table.IsLate ? 1 : 2).ThenBy(table => Array.IndexOf(States, table.State)).ThenBy(table => table.Table, TableId.ByName)];

    private static Listing InFull(IEnumerable<WorkItem> tables)
    {
        var listing = new Listing("table", "state", "since", Column.Seconds("lag"), Column.Seconds("sla"), Column.Named("rows/s", "rows_per_second"), "pending", "version", "rows", "reflects until", "nodes", "wait", "fault");
        foreach (var table in tables)
            listing.Add(table.Table.ToString(), table.State, table.Since, Seconds(table.LagSeconds), Seconds(table.SlaSeconds), table.RowsPerSecond, table.Pending, table.Version, table.Rows, table.ReflectsUntil, Cell.List(table.Nodes), table.Wait, table.Fault);
        return listing;
    }

    private static void PrintScreen(Invocation invocation, RunningPipeline pipeline, IReadOnlyList<WorkItem> tables, int tablesMax)
    {
        var screen = invocation.Context;
        invocation.Print(ListingOf(pipeline.Nodes, pipeline.At));
        invocation.Print(ListingOf(pipeline.Sources));
        invocation.Print(ListingOf(tables.Take(tablesMax), pipeline.At));
        if (tables.Count > tablesMax) screen.Say($"  and {tables.Count - tablesMax} more, {Counted(tables.Skip(tablesMax))}: --all shows them");
        screen.Say($"  {Summary(pipeline, tables)}");
        foreach (var away in AwayOf(pipeline)) screen.Say($"  {away}");
        var waits = Waits(tables, pipeline.At).ToList();
        if (waits.Count > 0) screen.Say("\n  What is waited for:");
        foreach (var wait in waits.Take(WaitsMax)) screen.Say($"  {wait}");
        if (waits.Count > WaitsMax) screen.Say($"  and {Plural.Of(waits.Count - WaitsMax, "other reason")}: -o json has all");
    }

    private static Listing ListingOf(IEnumerable<WorkItem> tables, DateTimeOffset now)
    {
        var listing = new Listing("table", "state", "for", "lag", ((Column)"sla").Extra(), "rows/s", "pending", ((Column)"nodes").Extra());
        foreach (var table in tables)
            listing.Add(table.Table.ToString(), StateOf(table), now.Since(table.Since), Seconds(table.LagSeconds), Seconds(table.SlaSeconds), Whole(table.RowsPerSecond), table.Pending, string.Join(", ", table.Nodes));
        return listing;
    }

    private static Listing ListingOf(IEnumerable<SourceItem> sources)
    {
        var listing = new Listing("source", "kind", "tables", "worst state", "lag", "rows/s");
        foreach (var source in sources) listing.Add(source.Source, source.Kind, source.Tables, Cell.Word(source.State, source.State == States[0] ? Tone.Bad : Tone.Plain), Seconds(source.LagSeconds), Whole(source.RowsPerSecond));
        return listing;
    }

    private static Listing ListingOf(IEnumerable<NodeItem> nodes, DateTimeOffset now)
    {
        var listing = new Listing("node", "roles", ((Column)"release").Extra(), "up for", ((Column)"buffered bytes").Extra(), "rests", "away");
        foreach (var node in nodes) listing.Add(node.Node, string.Join(", ", node.Roles), node.Release, now.Since(node.StartedAt), node.BufferBytes, node.IsHeld, string.Join(", ", node.Away));
        return listing;
    }

    private static Cell StateOf(WorkItem table) => Cell.Word(table.IsLate ? $"{table.State}, late" : table.State, table.IsLate || table.State == States[0] ? Tone.Bad : Tone.Plain);

    private static string Summary(RunningPipeline pipeline, IReadOnlyList<WorkItem> tables)
    {
        var late = tables.Count(table => table.IsLate) switch
        {
            0 => "None is",
            1 => "1 is",
            var several => $"{several:#,0} are",
        };
        return $"{Plural.Of(tables.Count, "table")}: {(tables.Count == 0 ? "none is worked on yet" : Counted(tables))}. {late} later than is promised. As the nodes said at {Listing.Format(pipeline.At)}.";
    }

    private static IEnumerable<string> AwayOf(RunningPipeline pipeline) =>
        pipeline.LakeAwaySince is { } away ? [$"The lake does not answer, for {Listing.Format(pipeline.At.Since(away))}: what operators want holds as it was."] : [];

    /// <summary>One reason may keep many tables.</summary>
    private static IEnumerable<string> Waits(IReadOnlyList<WorkItem> tables, DateTimeOffset now)
    {
        foreach (var same in tables.Where(table => table.Wait is { Cause: not "turn" }).GroupBy(table => (table.Wait!.Cause, table.Wait.Thing, table.Wait.Why)))
        {
            var (first, others) = (same.First(), same.Count() - 1);
            yield return $"{first.Table}{(others > 0 ? $" and {others} more" : "")}, for {Listing.Format(now.Since(first.Since))}: {Word(same.Key.Cause)} {same.Key.Thing}{(WhyOf(same.Key.Why) is { } why ? $": {why}" : "")}.{(first.Fault is { NextStep.Length: > 0 } fault ? $" {fault.NextStep}" : "")}";
        }
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

    private static object? Whole(double? number) => number is { } known ? (long)Math.Round(known) : null;

    private static object? Seconds(double? seconds) => seconds is { } known ? TimeSpan.FromSeconds(known) : null;
}
