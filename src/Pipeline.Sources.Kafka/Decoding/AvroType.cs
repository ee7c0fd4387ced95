using System.Text.Json;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>A type of an Avro schema, ready to be walked beside the bytes that it describes.</summary>
internal abstract class AvroType;

internal enum AvroPrimitiveKind
{
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
}

/// <summary>What a primitive or fixed value stands for. Unknown logical types are none, as the specification asks.</summary>
internal enum AvroLogical
{
    None,
    Decimal,
    Date,
    TimeMillis,
    TimeMicros,
    TimestampMillis,
    TimestampMicros,
    LocalTimestampMillis,
    LocalTimestampMicros,
}

internal sealed class AvroPrimitive(AvroPrimitiveKind kind, AvroLogical logical = AvroLogical.None, int scale = 0) : AvroType
{
    public AvroPrimitiveKind Kind { get; } = kind;

    public AvroLogical Logical { get; } = logical;

    /// <summary>Digits after the point of a decimal.</summary>
    public int Scale { get; } = scale;
}

/// <summary>A record; its fields are known once the whole schema is read, for a record may contain itself.</summary>
internal sealed class AvroRecord : AvroType
{
    public IReadOnlyList<(JsonEncodedText Name, AvroType Type)> Fields { get; set; } = [];
}

internal sealed class AvroEnum(IReadOnlyList<JsonEncodedText> symbols) : AvroType
{
    public IReadOnlyList<JsonEncodedText> Symbols { get; } = symbols;
}

internal sealed class AvroFixed(int size, bool isDecimal, int scale) : AvroType
{
    public int Size { get; } = size;

    public bool IsDecimal { get; } = isDecimal;

    public int Scale { get; } = scale;
}

internal sealed class AvroArray(AvroType items) : AvroType
{
    public AvroType Items { get; } = items;
}

internal sealed class AvroMap(AvroType values) : AvroType
{
    public AvroType Values { get; } = values;
}

internal sealed class AvroUnion(IReadOnlyList<AvroType> branches) : AvroType
{
    public IReadOnlyList<AvroType> Branches { get; } = branches;
}
