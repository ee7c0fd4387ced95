using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace Pipeline.Core.Columns;

/// <summary>
/// Fills one Arrow array straight from the source's bytes: no object a value. Arrow's own builders are slower than the
/// Parquet writer behind them.
/// </summary>
public abstract class ColumnBuilder(ColumnMemory memory)
{
    private byte[]? _validity;

    protected ColumnMemory Memory { get; } = memory;

    public int Length { get; protected set; }

    public int NullCount { get; private set; }

    public abstract void AppendNull();

    /// <summary>Takes back the value appended last, e.g. when a later column of the same row cannot be decoded.</summary>
    public void RemoveLast()
    {
        Length--;
        if (_validity is not null && (_validity[Length / 8] & (1 << (Length % 8))) == 0) NullCount--;
        OnRemoved();
    }

    /// <summary>The array over what was appended; valid until the <see cref="ColumnMemory"/> is disposed.</summary>
    public abstract IArrowArray Build();

    protected virtual void OnRemoved()
    {
    }

    protected ArrowBuffer Validity() => _validity is null ? ArrowBuffer.Empty : new ArrowBuffer(_validity.AsMemory(0, BitmapBytes(Length)));

    /// <summary>Records the validity of the value at index <see cref="Length"/> and moves on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected void Advance(bool isValid)
    {
        if (!isValid || _validity is not null) MarkValidity(isValid);
        Length++;
    }

    /// <summary>As <see cref="Advance(bool)"/>, so many times.</summary>
    protected void Advance(bool isValid, int times)
    {
        if (isValid && _validity is null) Length += times;
        else
            for (var i = 0; i < times; i++) Advance(isValid);
    }

    private void MarkValidity(bool isValid)
    {
        var needed = BitmapBytes(Length + 1);
        if (_validity is null)
        {
            _validity = Memory.Rent(Math.Max(needed, 64));
            _validity.AsSpan(0, Length / 8).Fill(0xFF);
            if (Length % 8 != 0) _validity[Length / 8] = (byte)((1 << (Length % 8)) - 1);
        }
        else if (needed > _validity.Length)
        {
            _validity = Memory.Grow(_validity, BitmapBytes(Length), needed);
        }

        ref var bits = ref _validity[Length / 8];
        var bit = Length % 8;
        // Rented memory is not zeroed: the first bit of a byte sets all of it.
        if (bit == 0) bits = isValid ? (byte)1 : (byte)0;
        else if (isValid) bits |= (byte)(1 << bit);
        else bits &= (byte)~(1 << bit);
        if (!isValid) NullCount++;
    }

    private protected static int BitmapBytes(int bits) => (bits + 7) / 8;
}

/// <summary>
/// Values of one fixed width: integers, floats, dates (days since the epoch), timestamps (microseconds since the epoch),
/// decimals (<see cref="Int128"/>: the unscaled value).
/// </summary>
public sealed class FixedColumn<T>(ColumnMemory memory, IArrowType type, int capacity = 1024) : ColumnBuilder(memory)
    where T : unmanaged
{
    private byte[] _values = memory.Rent(capacity * Unsafe.SizeOf<T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Append(T value)
    {
        Write(value);
        Advance(isValid: true);
    }

    /// <summary>Appends the value so many times.</summary>
    public void Append(T value, int times)
    {
        var at = Length * Unsafe.SizeOf<T>();
        var end = checked(at + times * Unsafe.SizeOf<T>());
        if (end > _values.Length) _values = Memory.Grow(_values, at, end);
        MemoryMarshal.Cast<byte, T>(_values.AsSpan(at, end - at)).Fill(value);
        Advance(isValid: true, times);
    }

    public override void AppendNull()
    {
        Write(default);
        Advance(isValid: false);
    }

    public override IArrowArray Build() => ArrowArrayFactory.BuildArray(new ArrayData(type, Length, NullCount, 0,
        [Validity(), new ArrowBuffer(_values.AsMemory(0, Length * Unsafe.SizeOf<T>()))]));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Write(T value)
    {
        var at = Length * Unsafe.SizeOf<T>();
        if (at + Unsafe.SizeOf<T>() > _values.Length) _values = Memory.Grow(_values, at, at + Unsafe.SizeOf<T>());
        Unsafe.WriteUnaligned(ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_values), at), value);
    }
}

/// <summary>Text (UTF-8, which the caller has checked) or binary values; at most 2 GiB in one array.</summary>
public sealed class BytesColumn : ColumnBuilder
{
    private readonly IArrowType _type;
    private byte[] _offsets;
    private byte[] _values;
    private int _used;

    public BytesColumn(ColumnMemory memory, IArrowType type, int capacity = 1024, int bytesCapacity = 16 * 1024)
        : base(memory)
    {
        _type = type;
        _offsets = memory.Rent((capacity + 1) * sizeof(int));
        _values = memory.Rent(bytesCapacity);
        SetOffset(0, 0);
    }

    /// <summary>Bytes of all values so far.</summary>
    public int ValueBytes => _used;

    public void Append(ReadOnlySpan<byte> value)
    {
        value.CopyTo(Reserve(value.Length));
        Commit(value.Length);
    }

    /// <summary>Appends the value so many times.</summary>
    public void Append(ReadOnlySpan<byte> value, int times)
    {
        var room = Reserve(checked(value.Length * times));
        if (value.Length == 1) room.Fill(value[0]);
        else
            for (var at = 0; at < room.Length; at += value.Length) value.CopyTo(room[at..]);
        for (var i = 1; i <= times; i++) SetOffset(Length + i, _used + i * value.Length);
        _used += room.Length;
        Advance(isValid: true, times);
    }

    /// <summary>Room for a value of at most <paramref name="bytesMax"/>; fill it, then <see cref="Commit"/>.</summary>
    public Span<byte> Reserve(int bytesMax)
    {
        if (checked(_used + bytesMax) > _values.Length) _values = Memory.Grow(_values, _used, _used + bytesMax);
        return _values.AsSpan(_used, bytesMax);
    }

    /// <summary>Ends the value begun with <see cref="Reserve"/>.</summary>
    public void Commit(int bytes)
    {
        _used += bytes;
        SetOffset(Length + 1, _used);
        Advance(isValid: true);
    }

    public override void AppendNull()
    {
        SetOffset(Length + 1, _used);
        Advance(isValid: false);
    }

    /// <summary>Appends so many nulls.</summary>
    public void AppendNull(int times)
    {
        for (var i = 1; i <= times; i++) SetOffset(Length + i, _used);
        Advance(isValid: false, times);
    }

    protected override void OnRemoved() =>
        _used = Unsafe.ReadUnaligned<int>(ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_offsets), Length * sizeof(int)));

    public override IArrowArray Build() => ArrowArrayFactory.BuildArray(new ArrayData(_type, Length, NullCount, 0,
        [Validity(), new ArrowBuffer(_offsets.AsMemory(0, (Length + 1) * sizeof(int))), new ArrowBuffer(_values.AsMemory(0, _used))]));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void SetOffset(int index, int offset)
    {
        var at = index * sizeof(int);
        if (at + sizeof(int) > _offsets.Length) _offsets = Memory.Grow(_offsets, at, at + sizeof(int));
        Unsafe.WriteUnaligned(ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_offsets), at), offset);
    }
}

/// <summary>Booleans, one bit each.</summary>
public sealed class BooleanColumn(ColumnMemory memory, int capacity = 1024) : ColumnBuilder(memory)
{
    private byte[] _bits = memory.Rent(BitmapBytes(capacity));

    public void Append(bool value)
    {
        Write(value);
        Advance(isValid: true);
    }

    public override void AppendNull()
    {
        Write(value: false);
        Advance(isValid: false);
    }

    public override IArrowArray Build() => ArrowArrayFactory.BuildArray(new ArrayData(BooleanType.Default, Length, NullCount, 0,
        [Validity(), new ArrowBuffer(_bits.AsMemory(0, BitmapBytes(Length)))]));

    private void Write(bool value)
    {
        var needed = BitmapBytes(Length + 1);
        if (needed > _bits.Length) _bits = Memory.Grow(_bits, BitmapBytes(Length), needed);
        ref var bits = ref _bits[Length / 8];
        var bit = Length % 8;
        if (bit == 0) bits = value ? (byte)1 : (byte)0;
        else if (value) bits |= (byte)(1 << bit);
        else bits &= (byte)~(1 << bit);
    }
}
