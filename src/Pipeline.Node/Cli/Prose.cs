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
        var rest = text[indent..];
        // Where the piece before ended; null: the line has none yet.
        int? end = null;
        foreach (Match piece in Pieces().Matches(rest))
        {
            var between = rest[(end ?? piece.Index)..piece.Index];
            if (end is not null && TextCells.Count(line) + between.Length + TextCells.Count(piece.Value) > max)
            {
                yield return line;
                (line, between) = (blanks, "");
            }

            line += between + piece.Value;
            end = piece.Index + piece.Length;
        }

        yield return line;
    }

    // A command ends where its line, its quotes or its parentheses do, or a sentence begins.
    [GeneratedRegex(@"'(?:\./)?pipeline [^']*'[^ ]*|(?<=^|[:;(] )(?:\./)?pipeline [a-z](?:(?![.;)] |[.)]?$).)*[.;)]?|[^ ]+", RegexOptions.ExplicitCapture)]
    private static partial Regex Pieces();
}
