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
        messages.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{progress.Elapsed.TotalSeconds,4:0} s  {ProgressWords.Generated(progress.Rows)}; {RowWords.Fates(progress.Rows)}; {ProgressWords.Pace(progress)}"));
        foreach (var (table, state) in progress.NotWell) messages.WriteLine($"        {table}: {state}");
    }
}
