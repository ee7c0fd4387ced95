namespace Pipeline.Ingest.Tests.Captures;

/// <summary>What a <see cref="TableHistory"/> knows of its table at one moment.</summary>
internal sealed record TableState(IReadOnlyList<KeyValuePair<int, string>> Partitions, IReadOnlyList<string> Added, string Key)
{
    /// <summary>The table that had the name before and will have it again, as it is called meanwhile; null: none.</summary>
    public (string Name, TableState State)? Away { get; init; }
}
