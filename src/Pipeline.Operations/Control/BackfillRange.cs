using Pipeline.Core;

namespace Pipeline.Operations.Control;

/// <summary>Which part of a Bronze table is read again, in the words of its source, as it goes with <see cref="ControlVerb.BackfillPart"/>: <c>from 2026-11-01 to 2026-11-02</c>.</summary>
/// <param name="From">A value of the watermark, a time, or offsets; it is of the part.</param>
/// <param name="To">The same; it is not of the part. Null: all from <paramref name="From"/> on.</param>
public sealed record BackfillRange(string From, string? To)
{
    /// <exception cref="PipelineException">It names no part.</exception>
    public static BackfillRange Parse(string text)
    {
        var words = text.Split(' ');
        var end = Array.IndexOf(words, "to");
        var to = end < 0 ? null : PlaceOf(words[(end + 1)..]);
        if (words[0] == "from" && PlaceOf(words[1..(end < 0 ? words.Length : end)]) is { } from && (end < 0 || to is not null)) return new BackfillRange(from, to);
        throw new PipelineException(FaultKind.Invalid, "Which part is to be read again", $"'{text}' names none", "Write from X, or from X to Y: from 2026-11-01 to 2026-11-02T08:00:00Z.");
    }

    /// <summary>A time may have its day and its hours apart; null: it is none.</summary>
    private static string? PlaceOf(string[] words) => words.Length is 1 or 2 && !words.Contains("") ? string.Join(' ', words) : null;

    public override string ToString() => To is null ? $"from {From}" : $"from {From} to {To}";
}
