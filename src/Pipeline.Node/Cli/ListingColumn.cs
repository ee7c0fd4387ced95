namespace Pipeline.Node.Cli;

/// <summary>A column of a listing as it is printed.</summary>
/// <param name="IsNumber">It is aligned to the right.</param>
/// <param name="IsWhole">Nothing in it is shortened: numbers, times and what is pasted elsewhere.</param>
/// <param name="IsExtra">It is left out where all are too wide.</param>
internal sealed record ListingColumn(string Title, bool IsNumber, bool IsWhole, bool IsExtra);
