using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Core.Columns;
using Pipeline.Sources.Postgres.Decoding;

namespace Pipeline.Sources.Postgres.Catalog;

/// <summary>How a column's values come to the lake: their Arrow type, what is selected, what decodes it.</summary>
/// <remarks>
/// Types without a form of their own in the lake travel as the server's text, arrays as JSON made of it. <c>numeric</c> without precision or with more than 38 digits is text, so that no digit is lost.
/// <c>timestamp</c> without zone is taken as UTC.
/// </remarks>
/// <param name="Arrow">The column's type in the chunk.</param>
/// <param name="Select">The expression to select, given the quoted column.</param>
/// <param name="CreateDecoder">Makes the decoder over memory for about so many rows and bytes.</param>
internal sealed record ColumnType(IArrowType Arrow, Func<string, string> Select, Func<ColumnMemory, int, int, FieldDecoder> CreateDecoder)
{
    private const int DecimalDigitsMax = 38;
    private const int NumericModifierOffset = 4;

    private static readonly ColumnType Boolean = Plain(BooleanType.Default, (memory, rows, _) => new BooleanDecoder(memory, rows));
    private static readonly ColumnType Short = Plain(Int16Type.Default, (memory, rows, _) => new Int16Decoder(memory, rows));
    private static readonly ColumnType Int = Plain(Int32Type.Default, (memory, rows, _) => new Int32Decoder(memory, rows));
    private static readonly ColumnType Long = Plain(Int64Type.Default, (memory, rows, _) => new Int64Decoder(memory, rows));
    private static readonly ColumnType ObjectId = Plain(Int64Type.Default, (memory, rows, _) => new ObjectIdDecoder(memory, rows));
    private static readonly ColumnType Float = Plain(FloatType.Default, (memory, rows, _) => new FloatDecoder(memory, rows));
    private static readonly ColumnType Double = Plain(DoubleType.Default, (memory, rows, _) => new DoubleDecoder(memory, rows));
    private static readonly ColumnType Date = Plain(Date32Type.Default, (memory, rows, _) => new DateDecoder(memory, rows));
    private static readonly ColumnType Timestamp = Plain(BronzeColumns.Timestamp, (memory, rows, _) => new TimestampDecoder(memory, rows));
    private static readonly ColumnType Text = Plain(StringType.Default, (memory, rows, bytes) => new TextDecoder(memory, rows, bytes));
    private static readonly ColumnType Binary = Plain(BinaryType.Default, (memory, rows, bytes) => new BinaryDecoder(memory, rows, bytes));
    private static readonly ColumnType Jsonb = Plain(StringType.Default, (memory, rows, bytes) => new JsonbDecoder(memory, rows, bytes));
    private static readonly ColumnType Uuid = Plain(StringType.Default, (memory, rows, bytes) => new UuidDecoder(memory, rows, bytes));
    private static readonly ColumnType NumericText = Plain(StringType.Default, (memory, rows, bytes) => new NumericTextDecoder(memory, rows, bytes));
    private static readonly ColumnType ServerText = Text with
    {
        // What the type's output function says, as in a replication stream; a cast to text may say something else (inet). A row of which a
        // part is null is neither null nor not null, and is distinct from null.
        Select = column => $"case when {column} is distinct from null then format('%s', {column}) end",
        IsBinary = false,
    };

    public static ColumnType Of(PostgresColumn column) => column.TypeOid switch
    {
        TypeOids.Bool => Boolean,
        TypeOids.Int2 => Short,
        TypeOids.Int4 => Int,
        TypeOids.Int8 => Long,
        TypeOids.Oid => ObjectId,
        TypeOids.Float4 => Float,
        TypeOids.Float8 => Double,
        TypeOids.Date => Date,
        TypeOids.Timestamp or TypeOids.TimestampTz => Timestamp,
        TypeOids.Bytea => Binary,
        TypeOids.Text or TypeOids.Varchar or TypeOids.Bpchar or TypeOids.Name or TypeOids.Json or TypeOids.Xml => Text,
        TypeOids.Jsonb => Jsonb,
        TypeOids.Uuid => Uuid,
        TypeOids.Numeric => Numeric(column.TypeModifier),
        _ when column.TypeKind == 'e' => Text,
        _ when column.TypeCategory == 'A' => Array(column.ElementOid),
        _ => ServerText,
    };

    /// <summary>Whether the type's binary form is understood, so that the server need not make text of it.</summary>
    public bool IsBinary { get; private init; } = true;

    private static ColumnType Array(uint elementOid) =>
        ServerText with { CreateDecoder = (memory, rows, bytes) => new ArrayDecoder(memory, elementOid, rows, bytes) };

    private static ColumnType Numeric(int modifier)
    {
        if (modifier < NumericModifierOffset) return NumericText;
        var precision = ((modifier - NumericModifierOffset) >> 16) & 0xFFFF;
        // Eleven bits with sign: since version 15 a scale may be negative or beyond the precision.
        var scale = (((modifier - NumericModifierOffset) & 0x7FF) ^ 1024) - 1024;
        var digits = scale < 0 ? precision - scale : Math.Max(precision, scale);
        if (digits > DecimalDigitsMax) return NumericText;
        var type = new Decimal128Type(digits, Math.Max(scale, 0));
        return Plain(type, (memory, rows, _) => new DecimalDecoder(memory, type, rows));
    }

    private static ColumnType Plain(IArrowType arrow, Func<ColumnMemory, int, int, FieldDecoder> createDecoder) => new(arrow, column => column, createDecoder);
}

/// <summary>Object identifiers of built-in types; the same on every server.</summary>
internal static class TypeOids
{
    public const uint Bool = 16;
    public const uint Bytea = 17;
    public const uint Name = 19;
    public const uint Int8 = 20;
    public const uint Int2 = 21;
    public const uint Int4 = 23;
    public const uint Text = 25;
    public const uint Oid = 26;
    public const uint Json = 114;
    public const uint Xml = 142;
    public const uint Float4 = 700;
    public const uint Float8 = 701;
    public const uint Bpchar = 1042;
    public const uint Varchar = 1043;
    public const uint Date = 1082;
    public const uint Timestamp = 1114;
    public const uint TimestampTz = 1184;
    public const uint Numeric = 1700;
    public const uint Uuid = 2950;
    public const uint Jsonb = 3802;
}
