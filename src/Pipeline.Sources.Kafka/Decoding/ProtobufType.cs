using System.Collections.Frozen;
using System.Text.Json;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>What one schema text declares.</summary>
/// <param name="Messages">Outermost ones, in order: the indexes before a value count them.</param>
internal sealed record ProtobufFile(IReadOnlyList<ProtobufMessage> Messages);

internal enum ProtobufKind
{
    Double,
    Float,
    Int32,
    Int64,
    UInt32,
    UInt64,
    SInt32,
    SInt64,
    Fixed32,
    Fixed64,
    SFixed32,
    SFixed64,
    Bool,
    String,
    Bytes,
    Enum,
    Message,
}

/// <summary>Messages whose JSON is not simply their fields.</summary>
internal enum ProtobufWellKnown
{
    None,
    Timestamp,
    Duration,
    FieldMask,
    Wrapper,
    Struct,
    Value,
    List,
}

/// <summary>A message; its fields are known once all texts are read, for a message may contain itself.</summary>
internal sealed class ProtobufMessage(string name)
{
    private FrozenDictionary<int, int> _ordinals = FrozenDictionary<int, int>.Empty;

    /// <summary>With its package and the messages around it.</summary>
    public string Name { get; } = name;

    public List<ProtobufMessage> Nested { get; } = [];

    public ProtobufWellKnown WellKnown { get; init; }

    /// <summary>By number.</summary>
    public IReadOnlyList<ProtobufField> Fields
    {
        get;
        set
        {
            field = value;
            _ordinals = value.Select((one, ordinal) => (one.Number, ordinal)).ToFrozenDictionary(pair => pair.Number, pair => pair.ordinal);
        }
    } = [];

    public int Oneofs { get; set; }

    /// <summary>Where in <see cref="Fields"/> a field is; negative when there is none.</summary>
    public int OrdinalOf(int number) => _ordinals.TryGetValue(number, out var ordinal) ? ordinal : -1;
}

internal sealed record ProtobufField
{
    public required string Name { get; init; }

    public required JsonEncodedText JsonName { get; init; }

    public required int Number { get; init; }

    public ProtobufKind Kind { get; init; }

    public bool IsRepeated { get; init; }

    /// <summary>A map's entries are messages of a key (1) and a value (2).</summary>
    public bool IsMap { get; init; }

    public bool IsRequired { get; init; }

    /// <summary>Whether the field can be absent; otherwise it is at its default when it is not written.</summary>
    public bool HasPresence { get; init; }

    /// <summary>Which of the message's oneofs it belongs to; negative for none.</summary>
    public int Oneof { get; init; } = -1;

    /// <summary>Of the kind <see cref="ProtobufKind.Message"/>.</summary>
    public ProtobufMessage? Message { get; init; }

    /// <summary>Of the kind <see cref="ProtobufKind.Enum"/>.</summary>
    public ProtobufEnum? Enum { get; init; }

    /// <summary>The wire type of one value.</summary>
    public int WireType => Kind switch
    {
        ProtobufKind.Double or ProtobufKind.Fixed64 or ProtobufKind.SFixed64 => 1,
        ProtobufKind.Float or ProtobufKind.Fixed32 or ProtobufKind.SFixed32 => 5,
        ProtobufKind.String or ProtobufKind.Bytes or ProtobufKind.Message => 2,
        _ => 0,
    };
}

internal sealed class ProtobufEnum(string name)
{
    public string Name { get; } = name;

    /// <summary>Its only value stands for JSON's null.</summary>
    public bool IsNull => Name == "google.protobuf.NullValue";

    /// <summary>By number; the first name of a number that has several.</summary>
    public FrozenDictionary<int, JsonEncodedText> Names { get; set; } = FrozenDictionary<int, JsonEncodedText>.Empty;
}
