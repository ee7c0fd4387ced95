namespace Pipeline.Node.Cli;

/// <summary>What is on one screen of a running pipeline, in the height that there is: the summary and what is wrong first.</summary>
internal static class RunningScreen
{
    /// <summary>So much of a screen at most says what is waited for.</summary>
    private const int WaitsShare = 3;

    /// <param name="told">The summary, then a paragraph for each thing that is waited for.</param>
    /// <param name="tables">The worst first.</param>
    public static IEnumerable<string> Lines(TerminalSize size, IReadOnlyList<string> told, Section tables, Section sources, Section nodes)
    {
        var height = size.Height - 1;
        var top = told.Take(1).SelectMany(line => Prose.Fold(line, size.Width)).ToList();
        foreach (var wait in told.Skip(1))
        {
            List<string> lines = [.. Prose.Fold(wait, size.Width)];
            if (top.Count + lines.Count > Math.Max(top.Count, height / WaitsShare)) break;
            top.AddRange(lines);
        }

        var room = height - top.Count;
        // A table is worth more than who works on it.
        var (ofNodes, ofSources) = room < 12 ? (0, 0) : (Math.Min(nodes.Count + 1, room / 5), Math.Min(sources.Count + 1, room / 4));
        return [.. top, .. tables.Lines(size.Width, room - ofNodes - ofSources), .. sources.Lines(size.Width, ofSources), .. nodes.Lines(size.Width, ofNodes)];
    }

    /// <summary>Rows that are shown as far as there is room.</summary>
    /// <param name="Of">The listing of the first so many.</param>
    /// <param name="More">What is said of the others, by the number of those shown.</param>
    internal sealed record Section(int Count, Func<int, Listing> Of, Func<int, string> More, Ink Ink)
    {
        public IEnumerable<string> Lines(int width, int max)
        {
            for (var shown = Math.Min(Count, max - 1); shown > 0; shown--)
            {
                List<string> lines = [.. Of(shown).Lines(width, Ink)];
                if (shown < Count) lines.AddRange(Prose.Fold(More(shown), width));
                if (lines.Count <= max) return lines;
            }

            return Count > 0 && max > 0 ? Prose.Fold(More(0), width).Take(max) : [];
        }
    }
}
