namespace Pipeline.Ingest.DeadLetters;

/// <summary>Which dead letters of a table are meant; what is null does not matter.</summary>
/// <param name="Split">All of a split's text form or its end behind a slash: <c>events/clicks/0</c>, <c>clicks/0</c>, <c>0</c>.</param>
/// <param name="Epoch">Of the table, in which the letter was read: 0 is that of its first source.</param>
public sealed record LetterSelection(string? Code = null, string? Split = null, long? Position = null, int? Epoch = null)
{
    public bool Includes(string code, string split, long position, int epoch) =>
        (Code is null || code == Code) && (Position is null || position == Position) && (Epoch is null || epoch == Epoch)
        && (Split is null || split == Split || split.EndsWith($"/{Split}", StringComparison.Ordinal));
}
