using System.Runtime.InteropServices;
using Apache.Arrow;
using Pipeline.Core;

namespace Pipeline.Ingest.Streams;

/// <summary>Turns a chunk's rows into a data file's: those that enter, with <c>_ingested_at</c> and what else the table says of each.</summary>
internal sealed class BronzeRows(TimeProvider time)
{
    private static readonly Field[] InFirst = [BronzeColumns.IngestedAtField];
    private static readonly Field[] InEpoch = [BronzeColumns.IngestedAtField, BronzeColumns.EpochField];
    private static readonly Field[] AgainInFirst = [BronzeColumns.IngestedAtField, BronzeColumns.ReadingField];
    private static readonly Field[] AgainInEpoch = [BronzeColumns.IngestedAtField, BronzeColumns.EpochField, BronzeColumns.ReadingField];

    // One time for a whole chunk, in a buffer that all chunks share: writers copy.
    private byte[] _times = new byte[4096 * sizeof(long)];
    private readonly Repeated _orders = new();
    private readonly Repeated _readings = new();
    private (Schema Rows, Schema Files, Field[] Added, Schema With)? _last;

    /// <summary>The columns that files of rows of an epoch have beside what is read.</summary>
    public static Field[] ColumnsOf(RowEpoch epoch) => epoch switch
    {
        { Order: 0, Reading: null } => InFirst,
        { Reading: null } => InEpoch,
        { Order: 0 } => AgainInFirst,
        _ => AgainInEpoch,
    };

    /// <summary>The rows that enter, as few batches as possible; valid until the next call.</summary>
    /// <param name="enters">Whether a row does; null: all do.</param>
    /// <param name="epoch">Of all of them; files of rows of another than 0 have columns for it.</param>
    public IEnumerable<RecordBatch> Prepare(RecordBatch rows, Schema fileSchema, Func<int, bool>? enters, RowEpoch epoch = default)
    {
        FillTimes(rows.Length);
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

    private RecordBatch With(RecordBatch rows, Schema fileSchema, RowEpoch epoch)
    {
        var times = new TimestampArray(BronzeColumns.Timestamp, new ArrowBuffer(_times.AsMemory(0, rows.Length * sizeof(long))), ArrowBuffer.Empty, rows.Length, 0, 0);
        IEnumerable<IArrowArray> arrays = [.. rows.Arrays, times];
        if (epoch.Order > 0) arrays = arrays.Append(_orders.Of(epoch.Order, rows.Length));
        if (epoch.Reading is { } reading) arrays = arrays.Append(_readings.Of(reading, rows.Length));
        return new RecordBatch(SchemaOf(rows.Schema, fileSchema, ColumnsOf(epoch)), arrays, rows.Length);
    }

    /// <summary>The same object for chunks of the same columns: writers know it again.</summary>
    private Schema SchemaOf(Schema rows, Schema fileSchema, Field[] added)
    {
        if (_last is { } last && ReferenceEquals(last.Rows, rows) && ReferenceEquals(last.Files, fileSchema) && ReferenceEquals(last.Added, added)) return last.With;
        IReadOnlyList<Field> fields = [.. rows.FieldsList, .. added];
        // A file that has learnt a column has it in another place than a chunk that brings it.
        var with = fields.Select(field => field.Name).SequenceEqual(fileSchema.FieldsList.Select(field => field.Name)) ? fileSchema : new Schema(fields, null);
        _last = (rows, fileSchema, added, with);
        return with;
    }

    private void FillTimes(int count)
    {
        if (_times.Length < count * sizeof(long)) _times = new byte[Math.Max(count * sizeof(long), _times.Length * 2)];
        MemoryMarshal.Cast<byte, long>(_times.AsSpan())[..count].Fill((time.GetUtcNow().UtcTicks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond);
    }

    /// <summary>One number for all rows of a batch, in a buffer that all batches share.</summary>
    private sealed class Repeated
    {
        private byte[] _values = [];
        private int _of;

        public Int32Array Of(int value, int count)
        {
            if (_values.Length < count * sizeof(int) || _of != value)
            {
                if (_values.Length < count * sizeof(int)) _values = new byte[Math.Max(count, 4096) * sizeof(int)];
                _of = value;
                MemoryMarshal.Cast<byte, int>(_values.AsSpan()).Fill(value);
            }

            return new Int32Array(new ArrowBuffer(_values.AsMemory(0, count * sizeof(int))), ArrowBuffer.Empty, count, 0, 0);
        }
    }
}
