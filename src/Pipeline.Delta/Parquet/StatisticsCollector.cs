using System.Buffers;
using System.Text;
using System.Text.Json;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Delta.Log;

namespace Pipeline.Delta.Parquet;

/// <summary>
/// Collects a data file's statistics from the batches written to it, as the reference implementation does:
/// the first leaf columns up to a number, nested ones under the names of their structs.
/// See PROTOCOL.md, section "Per-file Statistics".
/// </summary>
internal sealed class StatisticsCollector
{
    private readonly List<StatisticsNode> _columns;
    private long _rows;

    /// <param name="withoutBounds">Top-level columns whose minimum and maximum nobody may see.</param>
    public StatisticsCollector(Schema schema, IndexedColumns indexed, IReadOnlyCollection<string> withoutBounds)
    {
        var left = indexed.Leaves < 0 ? int.MaxValue : indexed.Leaves;
        _columns = [.. StatisticsNode.Create(schema.FieldsList, withoutBounds, ref left).Where(column => indexed.Has(column.Name))];
    }

    public void Add(RecordBatch batch)
    {
        _rows += batch.Length;
        foreach (var column in _columns)
        {
            var array = batch.Column(column.Index).Data;
            column.Add(new ColumnSlice(array, array.Offset, batch.Length, Parent: null));
        }
    }

    public string ToJson()
    {
        var text = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(text, ActionWriter.Json))
        {
            json.WriteStartObject();
            json.WriteNumber("numRecords"u8, _rows);
            if (_rows > 0)
            {
                WriteObject(json, "minValues", static (column, json) => column.WriteMinimum(json));
                WriteObject(json, "maxValues", static (column, json) => column.WriteMaximum(json));
                WriteObject(json, "nullCount", static (column, json) => column.WriteNullCount(json));
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(text.WrittenSpan);
    }

    private void WriteObject(Utf8JsonWriter json, string name, Action<StatisticsNode, Utf8JsonWriter> write)
    {
        json.WriteStartObject(name);
        foreach (var column in _columns) write(column, json);
        json.WriteEndObject();
    }
}

/// <summary>Some rows of one column.</summary>
/// <param name="Start">The first row's place in the buffers.</param>
/// <param name="Parent">The validity of the enclosing structs, one byte a row; null when all are there.</param>
internal readonly record struct ColumnSlice(ArrayData Data, int Start, int Length, byte[]? Parent)
{
    /// <summary>One byte a row, 1 for a value; null when every row has one.</summary>
    public byte[]? Validity()
    {
        var bitmap = Data.Buffers[0].Span;
        if (bitmap.IsEmpty || Data.NullCount == 0) return Parent;
        var valid = new byte[Length];
        var all = 1;
        for (var i = 0; i < Length; i++)
        {
            var place = Start + i;
            valid[i] = (byte)((bitmap[place >> 3] >> (place & 7)) & 1 & (Parent is null ? 1 : Parent[i]));
            all &= valid[i];
        }

        return all == 1 ? null : valid;
    }

    public ReadOnlySpan<T> Values<T>()
        where T : unmanaged =>
        System.Runtime.InteropServices.MemoryMarshal.Cast<byte, T>(Data.Buffers[1].Span).Slice(Start, Length);
}

/// <summary>A column in the statistics: a leaf, or a struct with its fields.</summary>
internal abstract class StatisticsNode(string name, int index)
{
    public string Name { get; } = name;

    /// <summary>The place in the batch or the enclosing struct.</summary>
    public int Index { get; } = index;

    public abstract void Add(in ColumnSlice column);

    public abstract void WriteMinimum(Utf8JsonWriter json);

    public abstract void WriteMaximum(Utf8JsonWriter json);

    public abstract void WriteNullCount(Utf8JsonWriter json);

    /// <param name="left">How many more leaves may have statistics; counted down.</param>
    public static List<StatisticsNode> Create(IReadOnlyList<Field> fields, IReadOnlyCollection<string> withoutBounds, ref int left, bool hideBounds = false)
    {
        List<StatisticsNode> nodes = [];
        for (var i = 0; i < fields.Count && left > 0; i++)
        {
            var field = fields[i];
            var isHidden = hideBounds || withoutBounds.Contains(field.Name);
            if (field.DataType is StructType structure)
            {
                nodes.Add(new StructStatistics(field.Name, i, Create(structure.Fields, [], ref left, isHidden)));
                continue;
            }

            left--;
            nodes.Add(new LeafStatistics(field.Name, i, isHidden ? null : Bounds.Create(field.DataType)));
        }

        return nodes;
    }
}

/// <summary>A struct: its fields' statistics in an object of its name.</summary>
internal sealed class StructStatistics(string name, int index, List<StatisticsNode> fields) : StatisticsNode(name, index)
{
    public override void Add(in ColumnSlice column)
    {
        var validity = column.Validity();
        foreach (var field in fields)
        {
            var child = column.Data.Children[field.Index];
            field.Add(new ColumnSlice(child, child.Offset + column.Start, column.Length, validity));
        }
    }

    public override void WriteMinimum(Utf8JsonWriter json) => Write(json, static (field, json) => field.WriteMinimum(json));

    public override void WriteMaximum(Utf8JsonWriter json) => Write(json, static (field, json) => field.WriteMaximum(json));

    public override void WriteNullCount(Utf8JsonWriter json) => Write(json, static (field, json) => field.WriteNullCount(json));

    private void Write(Utf8JsonWriter json, Action<StatisticsNode, Utf8JsonWriter> write)
    {
        json.WriteStartObject(Name);
        foreach (var field in fields) write(field, json);
        json.WriteEndObject();
    }
}

/// <summary>A column of values. Without bounds (binaries, lists, maps, personal data) only nulls are counted.</summary>
internal sealed class LeafStatistics(string name, int index, Bounds? bounds) : StatisticsNode(name, index)
{
    private long _nulls;

    public override void Add(in ColumnSlice column)
    {
        var validity = column.Validity();
        if (validity is not null) _nulls += validity.AsSpan().Count((byte)0);
        bounds?.Add(column, validity);
    }

    public override void WriteMinimum(Utf8JsonWriter json) => bounds?.WriteMinimum(json, Name);

    public override void WriteMaximum(Utf8JsonWriter json) => bounds?.WriteMaximum(json, Name);

    public override void WriteNullCount(Utf8JsonWriter json) => json.WriteNumber(Name, _nulls);
}
