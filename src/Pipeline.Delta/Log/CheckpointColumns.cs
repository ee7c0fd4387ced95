using Apache.Arrow;
using Apache.Arrow.Types;

namespace Pipeline.Delta.Log;

/// <summary>A column of a checkpoint being filled, row by row.</summary>
internal abstract class CheckpointColumn(string name, IArrowType type)
{
    public Field Field { get; } = new(name, type, nullable: true);

    public abstract void AppendNull();

    public abstract IArrowArray Build();
}

internal sealed class TextColumn(string name) : CheckpointColumn(name, StringType.Default)
{
    private readonly StringArray.Builder _values = new();

    public void Append(string? value)
    {
        if (value is null) _values.AppendNull();
        else _values.Append(value);
    }

    public override void AppendNull() => _values.AppendNull();

    public override IArrowArray Build() => _values.Build();
}

internal sealed class LongColumn(string name) : CheckpointColumn(name, Int64Type.Default)
{
    private readonly Int64Array.Builder _values = new();

    public void Append(long? value) => _values.Append(value);

    public override void AppendNull() => _values.AppendNull();

    public override IArrowArray Build() => _values.Build();
}

internal sealed class IntegerColumn(string name) : CheckpointColumn(name, Int32Type.Default)
{
    private readonly Int32Array.Builder _values = new();

    public void Append(int value) => _values.Append(value);

    public override void AppendNull() => _values.AppendNull();

    public override IArrowArray Build() => _values.Build();
}

internal sealed class FlagColumn(string name) : CheckpointColumn(name, BooleanType.Default)
{
    private readonly BooleanArray.Builder _values = new();

    public void Append(bool value) => _values.Append(value);

    public override void AppendNull() => _values.AppendNull();

    public override IArrowArray Build() => _values.Build();
}

internal sealed class TextListColumn(string name) : CheckpointColumn(name, ListOfText)
{
    private static readonly ListType ListOfText = new(new Field("element", StringType.Default, nullable: true));

    private readonly StringArray.Builder _items = new();
    private readonly RowOffsets _rows = new();
    private int _count;

    public void Append(IEnumerable<string> items)
    {
        foreach (var item in items)
        {
            _items.Append(item);
            _count++;
        }

        _rows.End(_count, isValid: true);
    }

    public override void AppendNull() => _rows.End(_count, isValid: false);

    public override IArrowArray Build() =>
        new ListArray(ListOfText, _rows.Length, _rows.Offsets(), _items.Build(), _rows.Validity(), _rows.NullCount);
}

internal sealed class TextMapColumn(string name) : CheckpointColumn(name, MapOfText)
{
    private static readonly MapType MapOfText = new(new Field("key", StringType.Default, nullable: false), new Field("value", StringType.Default, nullable: true));

    private readonly StringArray.Builder _keys = new();
    private readonly StringArray.Builder _values = new();
    private readonly RowOffsets _rows = new();
    private int _count;

    public void Append<T>(IEnumerable<KeyValuePair<string, T>>? entries)
        where T : class?
    {
        foreach (var (key, value) in entries ?? [])
        {
            _keys.Append(key);
            if (value is string text) _values.Append(text);
            else _values.AppendNull();
            _count++;
        }

        _rows.End(_count, entries is not null);
    }

    public override void AppendNull() => _rows.End(_count, isValid: false);

    public override IArrowArray Build()
    {
        var entries = new StructArray(new StructType([MapOfText.KeyField, MapOfText.ValueField]), _count, [_keys.Build(), _values.Build()],
            ArrowBuffer.Empty, nullCount: 0);
        return new MapArray(MapOfText, _rows.Length, _rows.Offsets(), entries, _rows.Validity(), _rows.NullCount);
    }
}

internal sealed class StructColumn(string name, params IReadOnlyList<CheckpointColumn> children)
    : CheckpointColumn(name, new StructType([.. children.Select(child => child.Field)]))
{
    private readonly RowOffsets _rows = new();

    /// <summary>Ends a row whose children have been appended.</summary>
    public void End() => _rows.End(0, isValid: true);

    public override void AppendNull()
    {
        foreach (var child in children) child.AppendNull();
        _rows.End(0, isValid: false);
    }

    public override IArrowArray Build() =>
        new StructArray(Field.DataType, _rows.Length, [.. children.Select(child => child.Build())], _rows.Validity(), _rows.NullCount);
}

/// <summary>Where each row of a nested column ends, and whether it is there.</summary>
internal sealed class RowOffsets
{
    private readonly ArrowBuffer.Builder<int> _offsets = new ArrowBuffer.Builder<int>().Append(0);
    private readonly ArrowBuffer.BitmapBuilder _validity = new();

    public int Length => _validity.Length;

    public int NullCount => _validity.UnsetBitCount;

    public void End(int offset, bool isValid)
    {
        _offsets.Append(offset);
        _validity.Append(isValid);
    }

    public ArrowBuffer Offsets() => _offsets.Build();

    public ArrowBuffer Validity() => _validity.Build();
}
