using Pipeline.Delta.Log;

namespace Pipeline.DuckDb;

/// <summary>What files become of a table; not part of it until committed.</summary>
/// <param name="RowsAdded">Change of the table's number of rows.</param>
public sealed record MergeFiles(IReadOnlyList<AddFile> Adds, IReadOnlyList<RemoveFile> Removes, long RowsAdded);
