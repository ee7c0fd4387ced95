using System.Globalization;
using Pipeline.Node.Cli;
using Spectre.Console;

namespace Pipeline.Demo.Session;

/// <summary>A table that is drawn again in its place: one line a source table, one a Gold table.</summary>
internal sealed class TerminalDisplay(LiveDisplayContext live) : IDemoDisplay
{
    /// <summary>Three lines of its column.</summary>
    private const int StateMax = 72;

    public void Show(DemoProgress progress)
    {
        live.UpdateTarget(new Rows(SourcesOf(progress), GoldOf(progress)));
        live.Refresh();
    }

    private static Table SourcesOf(DemoProgress progress)
    {
        var table = Columns($"{progress.Elapsed.TotalSeconds:0} s", "generated", "bronze", "rows/s", "silver", "quarantine", "fresh", "state");
        foreach (var source in progress.Sources)
        {
            table.AddRow(Name(source.Bronze.ToString()), Number(source.Generated), Number(source.InBronze), Rate(source.InBronze), Number(source.InSilver),
                Number(source.InQuarantine), Age(source.InBronze), State(source.State));
        }

        table.AddRow(new Text("all", new Style(decoration: Decoration.Bold)), Number(progress.Generated), Number(progress.InBronze),
            new Text(progress.BronzeRowsPerSecond.ToString("#,0", CultureInfo.InvariantCulture)), Number(progress.InSilver), Number(progress.InQuarantine),
            Text.Empty, Text.Empty);
        return table;
    }

    private static Table GoldOf(DemoProgress progress)
    {
        var table = Columns("gold", "rows", "version", "fresh", "state");
        foreach (var gold in progress.Gold)
            table.AddRow(Name(gold.Table.ToString()), Number(gold.Glance), new Text(gold.Glance.Exists ? $"{gold.Glance.Version}" : ""), Age(gold.Glance), State(gold.State));
        return table;
    }

    private static Table Columns(string first, params ReadOnlySpan<string> others)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumn(new TableColumn(first).Width(34));
        foreach (var name in others) table.AddColumn(name == "state" ? new TableColumn(name).Width(24) : new TableColumn(name) { Alignment = Justify.Right, Width = 10 });
        return table;
    }

    private static Text Name(string name) => new(name);

    private static Text Number(TableGlance glance) => glance.Exists ? Number(glance.Rows) : Text.Empty;

    private static Text Number(long? number) => new(Listing.Format(number));

    private static Text Rate(TableGlance glance) => new(glance.RowsPerSecond.ToString("#,0", CultureInfo.InvariantCulture));

    private static Text Age(TableGlance glance) => new(Listing.Format(glance.Age));

    /// <summary>The first line of a state, and not all of a long one: what failed elsewhere is told in many, which are in the log.</summary>
    internal static string Brief(string state)
    {
        var line = state.Split('\n')[0];
        return line.Length > StateMax ? $"{line[..(StateMax - 1)]}…" : line;
    }

    private static Text State(string state) => new(Brief(state), state is "running" or "up to date" ? new Style(Color.Green) : state.StartsWith("retrying", StringComparison.Ordinal) || state.StartsWith("halted", StringComparison.Ordinal) ? new Style(Color.Red) : Style.Plain);
}
