using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Tables;

namespace Pipeline.Node.Verbs;

/// <summary>One screen: what is wrong first.</summary>
internal sealed class StatusVerb : Verb
{
    private const int TablesMax = 30;
    private const int FaultsMax = 5;

    private readonly Option<bool> _all;
    private readonly Option<bool> _running;
    private readonly NodeOptions _node;

    public StatusVerb() : base("status", "How the lake is, from its own logs: tables, ages against their SLA, rows, quarantine, what was last said to be wrong. With --running, how the pipeline's nodes say that it is now.")
    {
        _all = Add(new Option<bool>("--all") { Description = $"Every table, not only the first {TablesMax}; those of which something is wrong come first." });
        _running = Add(new Option<bool>("--running") { Description = "Ask a running node: nodes, sources, what each table is doing, how late it is and what it waits for. Nothing is read from the lake." });
        _node = new NodeOptions(Add, Add);
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        if (parsed.GetValue(_running) || _node.IsNamed(parsed)) return await RunningAsync(invocation, parsed, cancellationToken);
        var status = await StatusOfLake.RunAsync(new StatusOfLakeRequest(), invocation.OpenLake(), invocation.Context.Time, cancellationToken);
        if (invocation.Format == OutputFormat.Table) Print(invocation, status, parsed.GetValue(_all));
        else invocation.Print(InFull(status));
        invocation.Answer.Take("told_at", status.ToldAt);
        invocation.Answer.Take("dead_letters", status.DeadLetters);
        invocation.Answer.Take("maintained", status.Maintained);
        var failed = invocation.Report(status.Failed);
        return failed != ExitCode.Done ? failed : status.Halt is { } halt ? Faults.CodeOf(halt.Kind) : status.IsBreached ? ExitCode.Breached : ExitCode.Done;
    }

    private async Task<int> RunningAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        using var node = _node.Connect(invocation, parsed);
        return RunningText.Print(invocation, await RunningPipeline.AskAsync(node, cancellationToken), parsed.GetValue(_all) ? int.MaxValue : RunningText.TablesMax);
    }

    private static Listing InFull(StatusOfLakeResult status)
    {
        var listing = new Listing("table", "state", Column.Seconds("age"), Column.Seconds("sla"), "version", "rows", "quarantine", "quality", "fault", "doubt");
        foreach (var table in status.Tables) listing.Add(table.Table.ToString(), WordOf(table), table.Age, table.Sla, table.Version, table.Rows, table.Quarantine, table.Quality, table.Fault, table.Doubt);
        return listing;
    }

    private static void Print(Invocation invocation, StatusOfLakeResult status, bool all)
    {
        var (screen, now) = (invocation.Context, invocation.Context.Time.GetUtcNow());
        if (status.Tables.Count == 0)
        {
            invocation.Context.Messages.WriteLine($"The lake {status.Lake} has no tables yet.");
            return;
        }

        var shown = all ? status.Tables : status.Tables.Take(TablesMax).ToList();
        var listing = new Listing("table", "state", Column.Seconds("age"), Column.Seconds("sla"), Column.Id("version").Extra(), "rows", "quarantine", "quality %");
        foreach (var table in shown) listing.Add(table.Table.ToString(), StateOf(table), table.Age, table.Sla, table.Version, table.Rows, table.Quarantine, table.Quality is { } quality ? Math.Round(100 * quality, 1) : null);
        invocation.Print(listing);
        screen.Say("");
        if (status.Tables.Count - shown.Count is > 0 and var more)
            screen.Say($"  and {more} more, {string.Join(", ", status.Tables.Skip(shown.Count).CountBy(WordOf).Select(pair => $"{pair.Value} {pair.Key}"))}: --all shows them");

        screen.Say($"  {Plural.Of(status.Tables.Count, "table")}: {string.Join(", ", status.Tables.CountBy(WordOf).Select(pair => $"{pair.Value} {pair.Key}"))}. "
            + (status.ToldAt is { } at ? $"A node last said so {Listing.Format(now > at ? now - at : TimeSpan.Zero)} ago." : "No node has said how fresh they are: ages are since the last commit."));
        foreach (var (source, letters) in status.DeadLetters.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            screen.Say($"  Source {source} has {Plural.Of(letters, "dead letter")}: pipeline dlq list");
        if (status.Maintained is { } maintained)
            screen.Say($"  Small files were last put together {AgeOf(maintained.CompactedAt, now)} ago{(maintained.VacuumedAt is { } vacuumed ? $", {Plural.Of(maintained.FilesDeleted, "file")} that nobody needed any more were deleted {AgeOf(vacuumed, now)} ago" : "")}.");
        PrintFaults(screen, status, now);
        PrintDoubts(screen, status);
    }

    private static void PrintDoubts(NodeContext screen, StatusOfLakeResult status)
    {
        var doubted = status.Tables.Where(table => table.Doubt is not null).OrderBy(table => table.Doubt!.At).ToList();
        if (doubted.Count > 0) screen.Say("\n  May lack rows that their source has, though they are read on:");
        foreach (var table in doubted.Take(FaultsMax)) screen.Say($"  {table.Table}: {table.Doubt!.Cause}. {table.Doubt.NextStep}");
        if (doubted.Count > FaultsMax) screen.Say($"  and {doubted.Count - FaultsMax} more: -o json shows them");
    }

    private static void PrintFaults(NodeContext screen, StatusOfLakeResult status, DateTimeOffset now)
    {
        // One reason may keep many tables.
        var faults = status.Tables.Where(table => table.Fault is not null).GroupBy(table => (table.Fault!.Thing, table.Fault.Cause, IsOver: table.Fault.EndedAt is not null))
            .OrderBy(same => same.Key.IsOver).ThenByDescending(same => same.Max(table => table.Fault!.At)).ToList();
        if (faults.Count > 0) screen.Say("\n  Last said to be wrong:");
        foreach (var same in faults.Take(FaultsMax))
        {
            var (table, fault) = (same.First().Table, same.First().Fault!);
            var others = same.Count() > 1 ? $" and {same.Count() - 1} more" : "";
            var over = fault.EndedAt is { } ended ? $"over for {AgeOf(ended, now)}" : $"for {AgeOf(fault.At, now)}";
            screen.Say($"  {table}{others}, {over}: {fault.Thing}: {fault.Cause}. {fault.NextStep}");
        }

        if (faults.Count > FaultsMax) screen.Say($"  and {faults.Count - FaultsMax} more: -o json shows them");
    }

    private static string AgeOf(DateTimeOffset at, DateTimeOffset now) => Listing.Format(now > at ? now - at : TimeSpan.Zero);

    private static Cell StateOf(TableSummary table) => Cell.Word(WordOf(table), table.Health switch
    {
        TableHealth.Halted or TableHealth.Late => Tone.Bad,
        TableHealth.Fresh => Tone.Good,
        _ => Tone.Plain,
    });

    private static string WordOf(TableSummary table) => table.Health.ToString().ToLowerInvariant();
}
