namespace Pipeline.Core;

/// <summary>A table whose rows cannot be taken out of a split of several tables for a stretch. With a snapshot it begins anew, behind that.</summary>
/// <param name="Table">In the lake.</param>
/// <param name="At">The position of such a row, or how far could be read before it. A table that is further on goes on.</param>
public sealed record TableAnew(string Table, long At);
