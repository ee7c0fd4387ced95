using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Spectre.Console.Rendering;

namespace Pipeline.Node.Cli;

/// <summary>Text as a terminal shows it: in cells, of which some characters take two and some none.</summary>
internal static partial class TextCells
{
    private const string Gap = "…";

    public static int Count(string text) => Ascii.IsValid(text) ? text.Length : new Segment(text).CellCount();

    /// <summary>A name of at most so many cells: its ends tell it from others.</summary>
    /// <param name="head">Cells of its beginning; null: it is cut in the middle.</param>
    public static string Shorten(string name, int cells, int? head = null)
    {
        if (Count(name) <= cells) return name;
        var runes = name.EnumerateRunes().Select(rune => rune.ToString()).ToList();
        var before = head ?? MiddleOf(cells);
        return string.Concat(Taken(runes, before)) + Gap + string.Concat(Taken(Enumerable.Reverse(runes), cells - 1 - before).Reverse());
    }

    /// <summary>Where names of at most so many cells are cut so that none is taken for another, as near to the middle as may be; null: there is no such place.</summary>
    public static int? Cut(IReadOnlyCollection<string> names, int cells)
    {
        if (names.All(name => Count(name) <= cells)) return MiddleOf(cells);
        return Enumerable.Range(1, Math.Max(0, cells - 2)).OrderBy(head => Math.Abs(head - MiddleOf(cells)))
            .Where(head => AreDistinct(names.Select(name => Shorten(name, cells, head)))).Select(head => (int?)head).FirstOrDefault();
    }

    /// <summary>A line of at most so many cells: its beginning, and all that changes its colours.</summary>
    public static string Clip(string line, int cells)
    {
        if (Count(Colours().Replace(line, "")) <= cells) return line;
        var clipped = new StringBuilder();
        var (left, isFull) = (cells - Count(Gap), false);
        foreach (Match piece in ColoursAndTexts().Matches(line))
        {
            if (Colours().IsMatch(piece.Value)) clipped.Append(piece.ValueSpan);
            else if (!isFull)
            {
                var taken = string.Concat(Taken(piece.Value.EnumerateRunes().Select(rune => rune.ToString()), left));
                left -= Count(taken);
                isFull = taken.Length < piece.Length;
                clipped.Append(taken).Append(isFull ? Gap : "");
            }
        }

        return clipped.ToString();
    }

    /// <summary>On one line, and nothing in it that a terminal obeys: what a table holds may come from anybody.</summary>
    public static string OnOneLine(string text)
    {
        if (!text.Any(IsObeyed)) return text;
        var shown = new StringBuilder(text.Length);
        foreach (var letter in text.ReplaceLineEndings(" "))
        {
            if (letter == '\t') shown.Append(' ');
            else if (!IsObeyed(letter)) shown.Append(letter);
            else if (letter <= 0xFF) shown.Append(CultureInfo.InvariantCulture, $@"\x{(int)letter:X2}");
            else shown.Append(CultureInfo.InvariantCulture, $@"\u{(int)letter:X4}");
        }

        return shown.ToString();
    }

    /// <summary>Controls, line ends, and what turns the direction of writing; joiners are part of words.</summary>
    private static bool IsObeyed(char letter) => char.GetUnicodeCategory(letter) switch
    {
        UnicodeCategory.Control or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator => true,
        UnicodeCategory.Format => letter is not ('\u200C' or '\u200D'),
        _ => false,
    };

    /// <summary>Ends at the first that is there twice.</summary>
    private static bool AreDistinct(IEnumerable<string> texts)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        return texts.All(seen.Add);
    }

    private static int MiddleOf(int cells) => (cells - 1) / 2;

    private static IEnumerable<string> Taken(IEnumerable<string> runes, int cells)
    {
        foreach (var rune in runes)
        {
            cells -= Count(rune);
            if (cells < 0) yield break;
            yield return rune;
        }
    }

    [GeneratedRegex(@"\e\[[0-9;]*m")]
    private static partial Regex Colours();

    [GeneratedRegex(@"\e\[[0-9;]*m|[^\e]+|\e")]
    private static partial Regex ColoursAndTexts();
}
