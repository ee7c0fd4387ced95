using System.Globalization;
using Pipeline.Node.Cli;
using Pipeline.Operations.Inspection;

namespace Pipeline.Demo.Session;

/// <summary>Progress in words: sums that come out, so that no row is without a place.</summary>
internal static class ProgressWords
{
    /// <summary>What each word means, for those who ask for help.</summary>
    public const string Meanings = $"""
        What it says while it runs adds up, for each table and for all:
          generated = Bronze + dead letters + on the way
          {RowWords.FatesSum}
        Generated: row versions and records that the sources have sent. Dead letters: records that could not be decoded. On the way: not yet
        in Bronze.
        {RowWords.FatesMeanings}
        On a narrow terminal, elsewhere is what Silver will never have (dead letters, quarantined, superseded, deleted) and to come is what
        it has not seen (on the way, not yet read).
        """;

    public static string Generated(RowCount rows) =>
        $"generated {Listing.Format(rows.Generated)} = Bronze {Listing.Format(rows.Bronze)} + dead letters {Listing.Format(rows.DeadLetters)} + on the way {Listing.Format(rows.OnTheWay)}";

    public static string Pace(DemoProgress progress) => string.Create(CultureInfo.InvariantCulture,
        $"{progress.BronzeRowsPerSecond:#,0} rows/s, gold tables with rows {progress.GoldTablesWithRows} of {progress.Gold.Count}");
}
