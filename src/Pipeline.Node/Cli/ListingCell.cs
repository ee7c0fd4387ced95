namespace Pipeline.Node.Cli;

/// <summary>A value of a listing as it is printed.</summary>
internal readonly record struct ListingCell(string Text, Tone Tone);
