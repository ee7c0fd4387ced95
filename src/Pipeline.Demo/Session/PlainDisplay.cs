using System.Globalization;
using Pipeline.Node.Cli;

namespace Pipeline.Demo.Session;

/// <summary>A line every few seconds, where nobody watches a terminal: totals, and each table that is not well.</summary>
internal sealed class PlainDisplay(TextWriter messages) : IDemoDisplay
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(3);

    private TimeSpan _next;
    private bool _hasSaidAll;

    public void Show(DemoProgress progress)
    {
        if (progress.IsAllGenerated && !_hasSaidAll)
        {
            messages.WriteLine("All rows are generated; waiting for what is on its way to Gold");
            _hasSaidAll = true;
        }

        if (progress.Elapsed < _next) return;
        _next = progress.Elapsed + Interval;
        messages.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{progress.Elapsed.TotalSeconds,4:0} s  generated {Listing.Format(progress.Generated)}  bronze {Listing.Format(progress.InBronze)} ({progress.BronzeRowsPerSecond:#,0} rows/s)  silver {Listing.Format(progress.InSilver)}  quarantine {Listing.Format(progress.InQuarantine)}  gold tables with rows {progress.GoldTablesWithRows} of {progress.Gold.Count}"));
        foreach (var table in progress.Sources.Where(table => table.State is not ("running" or "starting" or "paused" or "draining")))
            messages.WriteLine($"        {table.Bronze}: {table.State}");
    }
}
