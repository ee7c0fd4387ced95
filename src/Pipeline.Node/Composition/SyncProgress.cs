using System.Globalization;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Inspection;

namespace Pipeline.Node.Composition;

/// <summary>Says about once a second where the rows of a table are, and how fast they come. For one thread at a time.</summary>
/// <param name="before">What was there before it began: another run may have read a part.</param>
internal sealed class SyncProgress(TableId table, RowCounter counter, RowCount before, TextWriter messages, TimeProvider time)
{
    private static readonly TimeSpan SayEvery = TimeSpan.FromSeconds(1);

    private readonly long _began = time.GetTimestamp();
    private long _lookedAt = time.GetTimestamp();
    private readonly RowCount _before = before;
    private RowCount _said = before;
    private TimeSpan _read;

    /// <summary>Says it where it has changed, and not too often.</summary>
    public async Task LookAsync(CancellationToken cancellationToken)
    {
        if (time.GetElapsedTime(_lookedAt) >= SayEvery) await SayAsync(cancellationToken);
    }

    /// <summary>Says it where it has changed.</summary>
    public async Task SayAsync(CancellationToken cancellationToken)
    {
        var rows = await counter.CountAsync(cancellationToken);
        _lookedAt = time.GetTimestamp();
        if (rows != _said) Say(rows);
    }

    /// <summary>Says it once more, by which it ends.</summary>
    public async Task<RowCount> EndAsync(CancellationToken cancellationToken)
    {
        var rows = await counter.CountAsync(cancellationToken);
        Say(rows);
        return rows;
    }

    private void Say(RowCount rows)
    {
        var took = time.GetElapsedTime(_began);
        // While Silver is made nothing is read, and that makes no reading slower.
        if (rows.Arrived != _said.Arrived) _read = took;
        _said = rows;
        messages.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{table}: {took.TotalSeconds:0.0} s  {RowWords.Arrived(rows)}; {RowWords.Fates(rows)}; {(rows.Arrived - _before.Arrived) / Math.Max(_read.TotalSeconds, 0.001):#,0} rows/s"));
    }
}
