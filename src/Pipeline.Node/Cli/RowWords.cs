using Pipeline.Operations.Inspection;

namespace Pipeline.Node.Cli;

/// <summary>Where rows are, in words: sums that come out, so that no row is without a place.</summary>
internal static class RowWords
{
    /// <summary>How those of <see cref="Fates"/> add up.</summary>
    public const string FatesSum = "Bronze = Silver + quarantined + superseded + deleted + not yet read";

    /// <summary>What the words of <see cref="Fates"/> mean.</summary>
    public const string FatesMeanings = """
        Quarantined: rows that break a rule. Superseded: rows that lost to a newer row of their key. Deleted: rows whose key its source
        has deleted. Not yet read: rows of Bronze that Silver has not seen.
        """;

    /// <summary>What each word means where nobody knows what the source has yet to send.</summary>
    public const string Meanings = $"""
        What it says while it runs adds up:
          read = Bronze + dead letters
          {FatesSum}
        Read: row versions and records that have come from the source. Dead letters: records that could not be decoded.
        {FatesMeanings}
        """;

    public static string Arrived(RowCount rows) => $"read {Listing.Format(rows.Arrived)} = Bronze {Listing.Format(rows.Bronze)} + dead letters {Listing.Format(rows.DeadLetters)}";

    public static string Fates(RowCount rows) =>
        $"Bronze {Listing.Format(rows.Bronze)} = Silver {Listing.Format(rows.Silver)} + quarantined {Listing.Format(rows.Quarantined)} + superseded {Listing.Format(rows.Superseded)} + deleted {Listing.Format(rows.Deleted)} + not yet read {Listing.Format(rows.Unread)}";
}
