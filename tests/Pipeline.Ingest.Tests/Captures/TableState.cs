namespace Pipeline.Ingest.Tests.Captures;

/// <summary>What a <see cref="TableHistory"/> knows of its table at one moment.</summary>
internal sealed record TableState(IReadOnlyList<KeyValuePair<int, string>> Partitions, IReadOnlyList<string> Added, string Key);
