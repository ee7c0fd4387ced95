using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Apache.Arrow;
using Apache.Arrow.Types;
using ParquetSharp;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Schemas;
using Pipeline.Delta.Storage;
using Statistics = ParquetSharp.Statistics;

namespace Pipeline.Delta.Parquet;

/// <summary>What a data file says about itself, whoever wrote it.</summary>
/// <param name="Columns">As Arrow types.</param>
/// <param name="Stats">Delta's statistics of the columns that were asked for.</param>
public sealed record ParquetFooter(IReadOnlyList<Field> Columns, long Rows, string Stats)
{
    /// <param name="what">What the file is, for errors.</param>
    /// <param name="columns">The table's columns in order; those that are marked get no bounds.</param>
    /// <param name="table">Says how many of them have statistics; null: it is new.</param>
    /// <exception cref="PipelineException">The file is missing or none of Parquet.</exception>
    public static async ValueTask<ParquetFooter> ReadAsync(IObjectStore store, string path, string what, IReadOnlyList<Field> columns, Snapshot? table,
        CancellationToken cancellationToken)
    {
        using var source = await ParquetSource.OpenAsync(store, path, what, cancellationToken);
        try
        {
            var schema = source.Reader.Schema;
            using var parquet = source.Reader.ParquetReader;
            return new ParquetFooter(schema.FieldsList, parquet.FileMetaData.NumRows, FooterBounds.ToDelta(parquet, IndexedColumns.Of(table?.Metadata).Among(columns)));
        }
        catch (Exception e) when (ParquetSource.IsDamage(e))
        {
            throw source.Explain(e);
        }
    }

    /// <summary>Rows of a small file of two columns, a text and a number.</summary>
    /// <exception cref="PipelineException">The file is missing, or none of Parquet with these columns.</exception>
    public static async IAsyncEnumerable<(string Text, long Number)> PairsAsync(IObjectStore store, string path, string what,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var source = await ParquetSource.OpenAsync(store, path, what, cancellationToken);
        using var batches = source.Reader.GetRecordBatchReader();
        while (await NextAsync() is { } batch)
        {
            using (batch)
            {
                if (batch.ColumnCount != 2 || batch.Column(0) is not StringArray texts || batch.Column(1) is not Int64Array numbers || texts.NullCount + numbers.NullCount > 0)
                    throw ParquetSource.Damaged(store, path, what, "its columns are not a text and a long without nulls");
                for (var i = 0; i < batch.Length; i++) yield return (texts.GetString(i), numbers.GetValue(i)!.Value);
            }
        }

        async ValueTask<RecordBatch?> NextAsync()
        {
            try
            {
                return await batches.ReadNextRecordBatchAsync(cancellationToken);
            }
            catch (Exception e) when (ParquetSource.IsDamage(e))
            {
                throw source.Explain(e);
            }
        }
    }
}

/// <summary>Turns the statistics of a Parquet footer into Delta's. See PROTOCOL.md, section "Per-file Statistics".</summary>
internal static class FooterBounds
{
    public static string ToDelta(ParquetFileReader parquet, IReadOnlyList<Field> columns)
    {
        var places = Enumerable.Range(0, parquet.FileMetaData.NumColumns).Where(i => parquet.FileMetaData.Schema.Column(i).Path.ToDotVector().Length == 1)
            .ToDictionary(i => parquet.FileMetaData.Schema.Column(i).Path.ToDotVector()[0], StringComparer.Ordinal);
        List<ColumnBounds> found = [.. columns.Where(column => places.ContainsKey(column.Name)).Select(column => new ColumnBounds(column))];
        for (var group = 0; group < parquet.FileMetaData.NumRowGroups; group++)
        {
            using var rows = parquet.RowGroup(group);
            foreach (var column in found)
            {
                using var chunk = rows.MetaData.GetColumnChunkMetaData(places[column.Name]);
                using var statistics = chunk.Statistics;
                // DuckDB's footers say nothing of booleans.
                if (column.LacksFlags(statistics)) column.Add(rows, places[column.Name], statistics);
                else column.Add(statistics, rows.MetaData.NumRows, parquet.FileMetaData.Schema.Column(places[column.Name]).TypeLength);
            }
        }

        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, ActionWriter.Json))
        {
            json.WriteStartObject();
            json.WriteNumber("numRecords", parquet.FileMetaData.NumRows);
            json.WriteStartObject("minValues");
            foreach (var column in found) column.Write(json, isMax: false);
            json.WriteEndObject();
            json.WriteStartObject("maxValues");
            foreach (var column in found) column.Write(json, isMax: true);
            json.WriteEndObject();
            json.WriteStartObject("nullCount");
            foreach (var column in found) column.WriteNulls(json);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return System.Text.Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    /// <summary>The bounds of one column over all row groups: known only where each that has a value says them.</summary>
    private sealed class ColumnBounds(Field column)
    {
        private object? _min;
        private object? _max;
        private long? _nulls = 0;
        private bool _isKnown = TableColumns.HasStatistics(column);

        public string Name => column.Name;

        public void Add(Statistics? statistics, long rows, int typeLength)
        {
            // Every writer that has statistics counts nulls in them.
            _nulls += statistics?.NullCount;
            if (!_isKnown || rows == 0 || statistics?.NullCount == rows) return;
            if (statistics is not { HasMinMax: true } || Of(statistics, typeLength) is not var (min, max))
            {
                _isKnown = false;
                return;
            }

            if (_min is null || Compare(min, _min) < 0) _min = min;
            if (_max is null || Compare(max, _max) > 0) _max = max;
        }

        public bool LacksFlags(Statistics? statistics) => column.DataType is BooleanType && _isKnown && statistics is not { HasMinMax: true };

        /// <summary>Looks at the values themselves.</summary>
        public void Add(RowGroupReader rows, int place, Statistics? statistics)
        {
            _nulls += statistics?.NullCount;
            using var reader = rows.Column(place).LogicalReader();
            var count = (int)rows.MetaData.NumRows;
            var flags = reader switch
            {
                LogicalColumnReader<bool?> some => some.ReadAll(count),
                LogicalColumnReader<bool> all => [.. all.ReadAll(count)],
                _ => throw new ArgumentException($"{reader} reads no booleans.", nameof(rows)),
            };
            foreach (var flag in flags.OfType<bool>().Distinct())
            {
                if (_min is null || Compare(flag, _min) < 0) _min = flag;
                if (_max is null || Compare(flag, _max) > 0) _max = flag;
            }
        }

        public void Write(Utf8JsonWriter json, bool isMax)
        {
            if (!_isKnown || (isMax ? _max : _min) is not { } bound || Text(bound, isMax) is not { } text) return;
            json.WritePropertyName(column.Name);
            json.WriteRawValue(text);
        }

        public void WriteNulls(Utf8JsonWriter json)
        {
            if (_nulls is { } nulls) json.WriteNumber(column.Name, nulls);
        }

        /// <summary>Integers, whatever they stand for, as such; null for types without bounds, and where a NaN is.</summary>
        private (object Min, object Max)? Of(Statistics statistics, int typeLength) => (column.DataType, statistics) switch
        {
            (BinaryType, _) => null,
            (BooleanType, Statistics<bool> flags) => (flags.Min, flags.Max),
            (_, Statistics<int> numbers) => ((Int128)numbers.Min, (Int128)numbers.Max),
            (_, Statistics<long> numbers) => ((Int128)numbers.Min, (Int128)numbers.Max),
            (_, Statistics<float> numbers) => Ordered(numbers.Min, numbers.Max),
            (_, Statistics<double> numbers) => Ordered(numbers.Min, numbers.Max),
            (Decimal128Type, Statistics<FixedLenByteArray> numbers) => (BigEndian(Bytes(numbers.Min.Pointer, typeLength)), BigEndian(Bytes(numbers.Max.Pointer, typeLength))),
            (StringType, Statistics<ByteArray> texts) => (Bytes(texts.Min.Pointer, texts.Min.Length), Bytes(texts.Max.Pointer, texts.Max.Length)),
            _ => null,
        };

        private static (object, object)? Ordered(double min, double max) => double.IsNaN(min) || double.IsNaN(max) ? null : (min, max);

        private static byte[] Bytes(IntPtr at, int length)
        {
            var bytes = new byte[length];
            if (length > 0) Marshal.Copy(at, bytes, 0, length);
            return bytes;
        }

        private static Int128 BigEndian(byte[] bytes)
        {
            var value = bytes is [>= 0x80, ..] ? Int128.NegativeOne : Int128.Zero;
            foreach (var part in bytes) value = (value << 8) | part;
            return value;
        }

        private static int Compare(object a, object b) => (a, b) switch
        {
            (Int128 x, Int128 y) => x.CompareTo(y),
            (double x, double y) => x.CompareTo(y),
            (bool x, bool y) => x.CompareTo(y),
            (byte[] x, byte[] y) => x.AsSpan().SequenceCompareTo(y),
            _ => throw new ArgumentException($"{a} and {b} are bounds of two kinds.", nameof(b)),
        };

        /// <summary>A bound as JSON; null when Delta has no safe form for it.</summary>
        private string? Text(object bound, bool isMax) => (column.DataType, bound) switch
        {
            (Date32Type, Int128 days) => Quoted(CalendarText.Date((long)days)),
            (TimestampType at, Int128 microseconds) => Quoted(isMax ? CalendarText.Maximum((long)microseconds, at.Timezone is not null) : CalendarText.Minimum((long)microseconds, at.Timezone is not null)),
            (Decimal128Type number, Int128 unscaled) => DecimalText.Of(unscaled, number.Scale),
            (_, Int128 number) => number.ToString(CultureInfo.InvariantCulture),
            (_, bool flag) => flag ? "true" : "false",
            (_, double number) => double.IsFinite(number) ? Zeroed(number, isMax) : Quoted(FloatText.OfInfinity(number > 0)),
            (_, byte[] text) => Quoted(isMax ? TextBounds.Maximum(text) : TextBounds.Minimum(text)),
            _ => null,
        };

        /// <summary>Zero has two signs that are equal here and ordered elsewhere: the bound takes the outer one.</summary>
        private string Zeroed(double number, bool isMax) => number == 0 ? isMax ? "0.0" : "-0.0"
            : column.DataType is FloatType ? ((float)number).ToString("R", CultureInfo.InvariantCulture) : number.ToString("R", CultureInfo.InvariantCulture);

        private static string? Quoted(string? text) => text is null ? null : JsonSerializer.Serialize(text);
    }
}
