using System.Globalization;
using Pipeline.Core;
using Pipeline.Ingest;

namespace Pipeline.Node.Composition;

/// <summary>Says about once a second how many rows of a table have landed, and how fast. For one thread.</summary>
internal sealed class SyncProgress(TableId table, TextWriter messages, TimeProvider time)
{
    private static readonly TimeSpan SayEvery = TimeSpan.FromSeconds(1);

    private readonly long _began = time.GetTimestamp();
    private long _saidAt = time.GetTimestamp();
    private long _said;

    public void On(IngestStatus status)
    {
        var rows = status.Tables.FirstOrDefault(one => one.Table == table)?.Rows ?? 0;
        if (rows == _said || time.GetElapsedTime(_saidAt) < SayEvery) return;
        (_said, _saidAt) = (rows, time.GetTimestamp());
        messages.WriteLine(Words(rows));
    }

    /// <summary>What has landed by now.</summary>
    public string Words(long rows)
    {
        var took = time.GetElapsedTime(_began).TotalSeconds;
        return string.Create(CultureInfo.InvariantCulture, $"{table}: {rows:#,0} rows in {took:0.0} s, {rows / Math.Max(took, 0.001):#,0} rows/s");
    }
}
