namespace Pipeline.Configuration;

/// <summary>What a source has that may be read.</summary>
/// <param name="Name">As <c>sync</c> and <c>init</c> take it.</param>
/// <param name="Kind">In the source's own words: table, view, topic.</param>
/// <param name="Rows">About how many; null: nobody knows without counting.</param>
/// <param name="Detail">What else tells it from others.</param>
public sealed record DiscoveredTable(string Name, string Kind, long? Rows, string Detail);
