using Pipeline.Core;
using Pipeline.Node.Cli;

namespace Pipeline.Demo.Session;

/// <summary>A demo on one screen, in the size that there is: sums and what is not well first, then a line a source table, then one a Gold table.</summary>
internal static class DemoScreen
{
    /// <summary>Of tables that are not well; the others are counted.</summary>
    private const int ToldMax = 3;

    /// <summary>Lines that one of them takes at most: what failed elsewhere is told in many, which are in the log.</summary>
    private const int LinesOfOne = 2;

    public static IEnumerable<string> Lines(DemoProgress progress, TerminalSize size, Ink ink)
    {
        List<string> top =
        [
            .. Prose.Fold($"{progress.Elapsed.TotalSeconds:0} s: {ProgressWords.Pace(progress)}{(progress.IsAllGenerated ? "; all is generated" : "")}", size.Width),
            .. Prose.Fold(ProgressWords.Generated(progress.Rows), size.Width),
            .. Prose.Fold(RowWords.Fates(progress.Rows), size.Width),
        ];
        var bad = progress.NotWell.ToList();
        foreach (var (table, state) in bad.Take(ToldMax))
            top.AddRange(Prose.Fold(TextCells.OnOneLine($"{table}: {state.Split('\n')[0]}"), size.Width).Take(LinesOfOne).Select(line => ink.Paint(line, Tone.Bad)));
        if (bad.Count > ToldMax) top.Add(ink.Paint($"and {bad.Count - ToldMax} more {(bad.Count - ToldMax == 1 ? "is" : "are")} not well", Tone.Bad));

        var room = size.Height - 1 - top.Count;
        var sources = Fit(progress.Sources.Count, room, shown => SourcesOf(progress, shown, size.Width), "source table", size.Width, ink).ToList();
        return [.. top, .. sources, .. Fit(progress.Gold.Count, room - sources.Count, shown => GoldOf(progress, shown), "Gold table", size.Width, ink)];
    }

    private static IEnumerable<string> Fit(int count, int lines, Func<int, Listing> of, string thing, int width, Ink ink) =>
        new RunningScreen.Section(count, of, shown => $"and {Plural.Of(count - shown, shown > 0 ? $"more {thing}" : thing)}", ink).Lines(width, lines);

    /// <summary>In full where there is room for all the places of a row.</summary>
    private static Listing SourcesOf(DemoProgress progress, int shown, int width)
    {
        var full = new Listing("table", "generated", "on the way", "dead letters", "bronze", "silver", "quarantined", "superseded", "deleted", "unread", ((Column)"state").Extra());
        var brief = new Listing("table", "generated", "silver", "elsewhere", "to come", ((Column)"rows/s").Extra(), ((Column)"state").Extra());
        foreach (var table in progress.Sources.OrderBy(table => !DemoProgress.IsBad(table.State)).Take(shown))
        {
            var (name, rows, state) = (table.Bronze.ToString(), table.Rows, StateOf(table.State));
            full.Add(name, rows.Generated, rows.OnTheWay, rows.DeadLetters, rows.Bronze, rows.Silver, rows.Quarantined, rows.Superseded, rows.Deleted, rows.Unread, state);
            brief.Add(name, rows.Generated, rows.Silver, rows.Elsewhere, rows.ToCome, (long)table.RowsPerSecond, state);
        }

        return full.IsTableIn(width) ? full : brief;
    }

    private static Listing GoldOf(DemoProgress progress, int shown)
    {
        var listing = new Listing("table", "rows", Column.Id("version"), "fresh", "state");
        foreach (var gold in progress.Gold.OrderBy(gold => !DemoProgress.IsBad(gold.State)).Take(shown))
            listing.Add(gold.Table.ToString(), gold.Glance.Exists ? gold.Glance.Rows : null, gold.Glance.Exists ? gold.Glance.Version : null, gold.Glance.Age, StateOf(gold.State));
        return listing;
    }

    /// <summary>Its first word: the cause is told above.</summary>
    private static Cell StateOf(string state) => Cell.Word(state.Split(':')[0], DemoProgress.IsBad(state) ? Tone.Bad : state is "running" or "up to date" ? Tone.Good : Tone.Plain);
}
