using System.Runtime.InteropServices;
using Apache.Arrow;
using Pipeline.Core;

namespace Pipeline.Ingest.Streams;

/// <summary>Turns a chunk's rows into a data file's: those the table lacks, with <c>_ingested_at</c>.</summary>
internal sealed class BronzeRows(TimeProvider time)
{
    // One time for a whole chunk, in a buffer that all chunks share: writers copy.
    private byte[] _times = new byte[4096 * sizeof(long)];

    /// <summary>The rows at or after <paramref name="skipBelow"/>, as few batches as possible; valid until the next call.</summary>
    public IEnumerable<RecordBatch> Prepare(RecordBatch rows, Schema fileSchema, long? skipBelow)
    {
        FillTimes(rows.Length);
        if (skipBelow is null)
        {
            yield return WithTime(rows, fileSchema);
            yield break;
        }

        var positions = (Int64Array)rows.Column(BronzeColumns.Position);
        var start = -1;
        for (var i = 0; i <= positions.Length; i++)
        {
            var isWanted = i < positions.Length && RollPositions.Lacks(positions.Values[i], skipBelow);
            if (isWanted && start < 0) start = i;
            if (isWanted || start < 0) continue;
            yield return WithTime(rows.Slice(start, i - start), fileSchema);
            start = -1;
        }
    }

    private RecordBatch WithTime(RecordBatch rows, Schema fileSchema)
    {
        var values = new ArrowBuffer(_times.AsMemory(0, rows.Length * sizeof(long)));
        var column = new TimestampArray(BronzeColumns.Timestamp, values, ArrowBuffer.Empty, rows.Length, 0, 0);
        var schema = rows.Schema.FieldsList.Count + 1 == fileSchema.FieldsList.Count
            ? fileSchema
            : new Schema([.. rows.Schema.FieldsList, BronzeColumns.IngestedAtField], null);
        return new RecordBatch(schema, [.. rows.Arrays, column], rows.Length);
    }

    private void FillTimes(int count)
    {
        if (_times.Length < count * sizeof(long)) _times = new byte[Math.Max(count * sizeof(long), _times.Length * 2)];
        MemoryMarshal.Cast<byte, long>(_times.AsSpan())[..count].Fill((time.GetUtcNow().UtcTicks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond);
    }
}
