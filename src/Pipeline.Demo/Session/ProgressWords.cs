using System.Globalization;
using Pipeline.Node.Cli;

namespace Pipeline.Demo.Session;

/// <summary>Progress in words: sums that come out, so that no row is without a place.</summary>
internal static class ProgressWords
{
    /// <summary>What each word means, for those who ask for help.</summary>
    public const string Meanings = """
        What it says while it runs adds up, for each table and for all:
          generated = Bronze + dead letters + on the way
          Bronze = Silver + quarantined + superseded + deleted + not yet read
        generated: row versions and records that the sources have sent. Dead letters: records that could not be decoded. On the way: not yet in
        Bronze. Quarantined: rows that break a rule. Superseded: rows that lost to a newer row of their key. Deleted: rows whose key its source
        has deleted. Not yet read: rows of Bronze that Silver has not seen. On a narrow terminal, elsewhere is what Silver will never have (dead
        letters, quarantined, superseded, deleted) and to come is what it has not seen (on the way, not yet read).
        """;

    public static string Generated(RowCount rows) =>
        $"generated {Listing.Format(rows.Generated)} = Bronze {Listing.Format(rows.Bronze)} + dead letters {Listing.Format(rows.DeadLetters)} + on the way {Listing.Format(rows.OnTheWay)}";

    public static string Fates(RowCount rows) =>
        $"Bronze {Listing.Format(rows.Bronze)} = Silver {Listing.Format(rows.Silver)} + quarantined {Listing.Format(rows.Quarantined)} + superseded {Listing.Format(rows.Superseded)} + deleted {Listing.Format(rows.Deleted)} + not yet read {Listing.Format(rows.Unread)}";

    public static string Pace(DemoProgress progress) => string.Create(CultureInfo.InvariantCulture,
        $"{progress.BronzeRowsPerSecond:#,0} rows/s, gold tables with rows {progress.GoldTablesWithRows} of {progress.Gold.Count}");
}
