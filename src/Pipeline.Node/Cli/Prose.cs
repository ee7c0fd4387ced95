using System.Text.RegularExpressions;

namespace Pipeline.Node.Cli;

/// <summary>Sentences on lines of a terminal: no word is broken, and a command to be typed stays whole, so that it can be pasted.</summary>
internal static partial class Prose
{
    /// <param name="width">Of a line; null: as long as it gets.</param>
    /// <param name="hanging">Blanks before what does not fit; null: two more than the text begins with.</param>
    public static IEnumerable<string> Fold(string text, int? width, int? hanging = null)
    {
        var indent = text.Length - text.TrimStart(' ').Length;
        if (width is not { } max || TextCells.Count(text) <= max) return [text];
        return Lines(text, indent, max, new string(' ', Math.Min(hanging ?? indent + 2, max / 2)));
    }

    private static IEnumerable<string> Lines(string text, int indent, int max, string blanks)
    {
        var line = text[..indent];
        var isBegun = false;
        foreach (Match piece in Pieces().Matches(text[indent..]))
        {
            if (isBegun && TextCells.Count(line) + 1 + TextCells.Count(piece.Value) > max)
            {
                yield return line;
                line = blanks;
                isBegun = false;
            }

            line += isBegun ? $" {piece.Value}" : piece.Value;
            isBegun = true;
        }

        yield return line;
    }

    // A command ends where its line, its quotes or its parentheses do, or a sentence begins.
    [GeneratedRegex(@"'(?:\./)?pipeline [^']*'[^ ]*|(?<=^|[:;(] )(?:\./)?pipeline [a-z](?:(?![.;)] |[.)]?$).)*[.;)]?|[^ ]+", RegexOptions.ExplicitCapture)]
    private static partial Regex Pieces();
}
