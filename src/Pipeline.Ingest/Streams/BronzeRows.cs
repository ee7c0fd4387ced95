using System.Runtime.InteropServices;
using Apache.Arrow;
using Pipeline.Core;

namespace Pipeline.Ingest.Streams;

/// <summary>Turns a chunk's rows into a data file's: those that enter, with <c>_ingested_at</c> and what else the table says of each.</summary>
internal sealed class BronzeRows(TimeProvider time)
{
    // One time for a whole chunk, in a buffer that all chunks share: writers copy.
    private byte[] _times = new byte[4096 * sizeof(long)];
    private byte[] _epochs = [];
    private int _epochsOf;
    private (Schema Rows, Schema Files, Schema With)? _last;

    /// <summary>The rows that enter, as few batches as possible; valid until the next call.</summary>
    /// <param name="enters">Whether a row does; null: all do.</param>
    /// <param name="epoch">Of all of them; files of rows of another than 0 have a column for it.</param>
    public IEnumerable<RecordBatch> Prepare(RecordBatch rows, Schema fileSchema, Func<int, bool>? enters, int epoch = 0)
    {
        FillTimes(rows.Length);
        if (epoch > 0) FillEpochs(rows.Length, epoch);
        if (enters is null)
        {
            yield return With(rows, fileSchema, epoch);
            yield break;
        }

        var start = -1;
        for (var i = 0; i <= rows.Length; i++)
        {
            var isWanted = i < rows.Length && enters(i);
            if (isWanted && start < 0) start = i;
            if (isWanted || start < 0) continue;
            yield return With(rows.Slice(start, i - start), fileSchema, epoch);
            start = -1;
        }
    }

    private RecordBatch With(RecordBatch rows, Schema fileSchema, int epoch)
    {
        var times = new TimestampArray(BronzeColumns.Timestamp, new ArrowBuffer(_times.AsMemory(0, rows.Length * sizeof(long))), ArrowBuffer.Empty, rows.Length, 0, 0);
        IEnumerable<IArrowArray> arrays = [.. rows.Arrays, times];
        if (epoch > 0) arrays = arrays.Append(new Int32Array(new ArrowBuffer(_epochs.AsMemory(0, rows.Length * sizeof(int))), ArrowBuffer.Empty, rows.Length, 0, 0));
        return new RecordBatch(SchemaOf(rows.Schema, fileSchema, epoch), arrays, rows.Length);
    }

    /// <summary>The same object for chunks of the same columns: writers know it again.</summary>
    private Schema SchemaOf(Schema rows, Schema fileSchema, int epoch)
    {
        Field[] added = epoch > 0 ? [BronzeColumns.IngestedAtField, BronzeColumns.EpochField] : [BronzeColumns.IngestedAtField];
        if (_last is { } last && ReferenceEquals(last.Rows, rows) && ReferenceEquals(last.Files, fileSchema) && last.With.FieldsList.Count == rows.FieldsList.Count + added.Length) return last.With;
        IReadOnlyList<Field> fields = [.. rows.FieldsList, .. added];
        // A file that has learnt a column has it in another place than a chunk that brings it.
        var with = fields.Select(field => field.Name).SequenceEqual(fileSchema.FieldsList.Select(field => field.Name)) ? fileSchema : new Schema(fields, null);
        _last = (rows, fileSchema, with);
        return with;
    }

    private void FillTimes(int count)
    {
        if (_times.Length < count * sizeof(long)) _times = new byte[Math.Max(count * sizeof(long), _times.Length * 2)];
        MemoryMarshal.Cast<byte, long>(_times.AsSpan())[..count].Fill((time.GetUtcNow().UtcTicks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond);
    }

    private void FillEpochs(int count, int epoch)
    {
        if (_epochs.Length >= count * sizeof(int) && _epochsOf == epoch) return;
        if (_epochs.Length < count * sizeof(int)) _epochs = new byte[Math.Max(count * sizeof(int), _times.Length / 2)];
        _epochsOf = epoch;
        MemoryMarshal.Cast<byte, int>(_epochs.AsSpan()).Fill(epoch);
    }
}
