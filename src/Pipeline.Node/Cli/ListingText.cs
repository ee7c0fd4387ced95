namespace Pipeline.Node.Cli;

/// <summary>
/// Rows as text: columns side by side where they fit, with names shortened in the middle; else one column a line. Neither a number nor a name is ever broken.
/// </summary>
internal sealed class ListingText(Ink ink, IReadOnlyList<ListingColumn> columns, IReadOnlyList<IReadOnlyList<ListingCell>> rows)
{
    private const string Between = "  ";

    /// <summary>A name is not shortened below this.</summary>
    private const int NameMin = 16;

    /// <param name="width">In which it is to fit; null: in any.</param>
    public IEnumerable<string> Lines(int? width) => TableIn(width) is { } shown ? SideBySide(shown) : Records(width!.Value);

    public bool IsTableIn(int width) => TableIn(width) is not null;

    /// <summary>Null: those that are needed do not fit beside each other.</summary>
    private Place[]? TableIn(int? width)
    {
        int[] all = [.. Enumerable.Range(0, columns.Count)];
        if (PlacesOf(all, width) is { } places) return places;
        int[] needed = [.. all.Where(i => !columns[i].IsExtra)];
        return needed.Length < all.Length ? PlacesOf(needed, width) : null;
    }

    private IEnumerable<string> SideBySide(Place[] places)
    {
        yield return LineOf(i => new ListingCell(columns[i].Title, Tone.Strong));
        foreach (var row in rows) yield return LineOf(i => row[i]);

        string LineOf(Func<int, ListingCell> cellOf)
        {
            var line = "";
            var blanks = 0;
            foreach (var (i, width, cut) in places)
            {
                var (text, tone) = cellOf(i);
                text = TextCells.Shorten(text, width, cut);
                var rest = width - TextCells.Count(text);
                if (columns[i].IsNumber) blanks += rest;
                // Blanks at the end of a line are not written.
                if (text.Length > 0)
                {
                    line += new string(' ', blanks) + ink.Paint(text, tone);
                    blanks = 0;
                }

                blanks += Between.Length + (columns[i].IsNumber ? 0 : rest);
            }

            return line;
        }
    }

    /// <summary>Null: they do not fit, however names are shortened.</summary>
    private Place[]? PlacesOf(int[] shown, int? width)
    {
        int[] widths = [.. shown.Select(i => rows.Select(row => TextCells.Count(row[i].Text)).Append(TextCells.Count(columns[i].Title)).Max())];
        var over = widths.Sum() + (Between.Length * (shown.Length - 1)) - (width ?? int.MaxValue);
        var names = Enumerable.Range(0, shown.Length).Where(k => !columns[shown[k]].IsWhole && rows.All(row => IsName(row[shown[k]].Text))).ToList();
        for (; over > 0; over--)
        {
            var widest = names.Where(k => widths[k] > Math.Max(NameMin, columns[shown[k]].Title.Length)).OrderByDescending(k => widths[k]).Select(k => (int?)k).FirstOrDefault();
            if (widest is not { } name) return null;
            widths[name]--;
        }

        var places = shown.Zip(widths, (i, cells) => (Column: i, Width: cells, Cut: CutOf(i, cells))).ToList();
        return places.TrueForAll(place => place.Cut is not null) ? [.. places.Select(place => new Place(place.Column, place.Width, place.Cut!.Value))] : null;
    }

    /// <summary>Where names of a column are cut so that none is taken for another; null: they cannot be.</summary>
    private int? CutOf(int column, int cells) => TextCells.Cut(rows.Select(row => row[column].Text).Where(IsName).ToHashSet(StringComparer.Ordinal), cells);

    /// <summary>What has a blank is no name: of a sentence the middle matters.</summary>
    private static bool IsName(string text) => !text.Contains(' ', StringComparison.Ordinal);

    private IEnumerable<string> Records(int width)
    {
        var label = columns.Max(column => TextCells.Count(column.Title));
        var room = width - label - Between.Length;
        Lazy<int?>[] cuts = [.. columns.Select((_, i) => new Lazy<int?>(() => CutOf(i, room)))];
        foreach (var (row, number) in rows.Select((row, number) => (row, number)))
        {
            if (number > 0) yield return "";
            for (var i = 0; i < columns.Count; i++)
            {
                if (row[i].Text.Length == 0) continue;
                var title = columns[i].Title;
                // What must stay whole gets a line of its own where it does not fit beside its title.
                if (TextCells.Count(row[i].Text) > room && IsName(row[i].Text) && (columns[i].IsWhole || cuts[i].Value is null))
                {
                    yield return ink.Paint(title, Tone.Strong);
                    yield return Between + ink.Paint(row[i].Text, row[i].Tone);
                    continue;
                }

                var head = ink.Paint(title, Tone.Strong) + new string(' ', label - TextCells.Count(title));
                foreach (var line in Prose.Fold(row[i].Text, room, hanging: 0))
                {
                    // A command is pasted as it stands.
                    yield return head + Between + ink.Paint(IsName(line) && TextCells.Count(line) > room ? TextCells.Shorten(line, room, cuts[i].Value) : line, row[i].Tone);
                    head = new string(' ', label);
                }
            }
        }
    }

    /// <param name="Cut">Cells before the gap of a shortened name.</param>
    private readonly record struct Place(int Column, int Width, int Cut);
}
