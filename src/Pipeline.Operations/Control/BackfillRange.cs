using Pipeline.Core;

namespace Pipeline.Operations.Control;

/// <summary>Which part of a Bronze table is read again, in the words of its source, as it goes with <see cref="ControlVerb.Backfill"/>: <c>from 2026-11-01 to 2026-11-02</c>.</summary>
/// <param name="From">A value of the watermark, a time, or offsets; it is of the part.</param>
/// <param name="To">The same; it is not of the part. Null: all from <paramref name="From"/> on.</param>
public sealed record BackfillRange(string From, string? To)
{
    /// <exception cref="PipelineException">It names no part.</exception>
    public static BackfillRange Parse(string text) => text.Split(' ') switch
    {
        ["from", { Length: > 0 } from] => new BackfillRange(from, To: null),
        ["from", { Length: > 0 } from, "to", { Length: > 0 } to] => new BackfillRange(from, to),
        _ => throw new PipelineException(FaultKind.Invalid, "Which part is to be read again", $"'{text}' names none", "Write from X, or from X to Y, with X and Y without spaces: from 2026-11-01 to 2026-11-02T08:00:00Z."),
    };

    public override string ToString() => To is null ? $"from {From}" : $"from {From} to {To}";
}
