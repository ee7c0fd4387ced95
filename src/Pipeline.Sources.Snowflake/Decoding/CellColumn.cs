using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Core.Columns;
using Pipeline.Sources.Snowflake.Client;

namespace Pipeline.Sources.Snowflake.Decoding;

/// <summary>
/// One column of a result on its way into an Arrow array. What Snowflake's types become:
/// NUMBER(p ≤ 18, 0) int64, other NUMBER decimal(p, s); FLOAT double; BOOLEAN; DATE; TIMESTAMP_* timestamp (microseconds;
/// NTZ is taken as UTC, TZ keeps the moment); BINARY; TIME, VARIANT, OBJECT, ARRAY and everything else text.
/// </summary>
internal abstract class CellColumn
{
    public abstract ColumnBuilder Builder { get; }

    /// <summary>The value appended last as a position, for watermark columns; null when it is none.</summary>
    public virtual long? LastPosition => null;

    /// <summary>Appends the cell that the reader stands on; false, and nothing appended, when it cannot be decoded.</summary>
    public abstract bool TryAppend(in Utf8JsonReader cell);

    public static IArrowType TypeOf(ResultColumn column) => column.Type switch
    {
        "fixed" when IsLong(column) => Int64Type.Default,
        "fixed" when IsDecimal(column) => new Decimal128Type(column.Precision is 0 ? 38 : column.Precision, column.Scale),
        "real" => DoubleType.Default,
        "boolean" => BooleanType.Default,
        "date" => Date32Type.Default,
        "timestamp_ntz" or "timestamp_ltz" or "timestamp_tz" => BronzeColumns.Timestamp,
        "binary" => BinaryType.Default,
        _ => StringType.Default,
    };

    public static CellColumn Create(ResultColumn column, ColumnMemory memory)
    {
        var type = TypeOf(column);
        return column.Type switch
        {
            "fixed" when IsLong(column) => new Parsed<long>(memory, type, CellParsers.TryLong, value => value),
            "fixed" when IsDecimal(column) => new Parsed<Int128>(memory, type,
                (ReadOnlySpan<byte> text, out Int128 value) => CellParsers.TryDecimal(text, ((Decimal128Type)type).Precision, column.Scale, out value),
                value => value >= long.MinValue && value <= long.MaxValue ? (long)value : null),
            "real" => new Parsed<double>(memory, type, CellParsers.TryDouble),
            "boolean" => new Booleans(memory),
            "date" => new Parsed<int>(memory, type, CellParsers.TryDate),
            "timestamp_ntz" or "timestamp_ltz" or "timestamp_tz" => new Parsed<long>(memory, type, CellParsers.TryTimestamp, value => value),
            "binary" => new Hexadecimal(memory),
            "time" => new Times(memory),
            _ => new Texts(memory),
        };
    }

    /// <summary>What the lake's decimals hold; Snowflake has no others.</summary>
    private static bool IsDecimal(ResultColumn column) => column.Precision is >= 0 and <= 38 && column.Scale >= 0 && column.Scale <= (column.Precision is 0 ? 38 : column.Precision);

    private static bool IsLong(ResultColumn column) => column is { Scale: 0, Precision: > 0 and <= 18 };

    /// <summary>The cell's text; empty when it has escapes, which no number or time has.</summary>
    private static ReadOnlySpan<byte> Plain(in Utf8JsonReader cell) => cell.ValueIsEscaped ? [] : cell.ValueSpan;

    private delegate bool Parser<T>(ReadOnlySpan<byte> text, out T value);

    private sealed class Parsed<T>(ColumnMemory memory, IArrowType type, Parser<T> parser, Func<T, long?>? position = null) : CellColumn
        where T : unmanaged
    {
        private readonly FixedColumn<T> _column = new(memory, type);
        private T _last;

        public override ColumnBuilder Builder => _column;

        public override long? LastPosition => position?.Invoke(_last);

        public override bool TryAppend(in Utf8JsonReader cell)
        {
            if (!parser(Plain(cell), out _last)) return false;
            _column.Append(_last);
            return true;
        }
    }

    private sealed class Booleans(ColumnMemory memory) : CellColumn
    {
        private readonly BooleanColumn _column = new(memory);

        public override ColumnBuilder Builder => _column;

        public override bool TryAppend(in Utf8JsonReader cell)
        {
            if (!CellParsers.TryBoolean(Plain(cell), out var value)) return false;
            _column.Append(value);
            return true;
        }
    }

    private sealed class Texts(ColumnMemory memory) : CellColumn
    {
        private readonly BytesColumn _column = new(memory, StringType.Default);

        public override ColumnBuilder Builder => _column;

        public override bool TryAppend(in Utf8JsonReader cell)
        {
            var raw = cell.ValueSpan;
            if (!cell.ValueIsEscaped)
            {
                if (!Utf8.IsValid(raw)) return false;
                _column.Append(raw);
                return true;
            }

            int length;
            try
            {
                length = cell.CopyString(_column.Reserve(raw.Length));
            }
            catch (InvalidOperationException)
            {
                // Half of a surrogate pair, or bytes that are not UTF-8.
                return false;
            }

            _column.Commit(length);
            return true;
        }
    }

    private sealed class Hexadecimal(ColumnMemory memory) : CellColumn
    {
        private readonly BytesColumn _column = new(memory, BinaryType.Default);

        public override ColumnBuilder Builder => _column;

        public override bool TryAppend(in Utf8JsonReader cell)
        {
            var text = cell.ValueSpan;
            if (cell.ValueIsEscaped || text.Length % 2 != 0) return false;
            var target = _column.Reserve(text.Length / 2);
            for (var i = 0; i < target.Length; i++)
                if (!byte.TryParse(text.Slice(i * 2, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out target[i])) return false;
            _column.Commit(target.Length);
            return true;
        }
    }

    private sealed class Times(ColumnMemory memory) : CellColumn
    {
        private const int TextLengthMax = 18;

        private readonly BytesColumn _column = new(memory, StringType.Default);

        public override ColumnBuilder Builder => _column;

        public override bool TryAppend(in Utf8JsonReader cell)
        {
            var length = CellParsers.FormatTime(Plain(cell), _column.Reserve(TextLengthMax));
            if (length < 0) return false;
            _column.Commit(length);
            return true;
        }
    }
}
