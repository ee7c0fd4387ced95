using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka;

/// <summary>The columns of a topic's chunks.</summary>
internal static class KafkaSchemas
{
    public static readonly Schema Text = Make(StringType.Default);
    public static readonly Schema Binary = Make(BinaryType.Default);

    public static Schema Of(KafkaFormat format) => format == KafkaFormat.Bytes ? Binary : Text;

    private static Schema Make(IArrowType value) => new(
    [
        new Field("_partition", Int32Type.Default, nullable: false),
        new Field("_offset", Int64Type.Default, nullable: false),
        new Field("_timestamp", BronzeColumns.Timestamp, nullable: true),
        new Field("_key", StringType.Default, nullable: true),
        new Field("_headers", StringType.Default, nullable: true),
        // Null for a tombstone.
        new Field("value", value, nullable: true),
        BronzeColumns.OpField,
        BronzeColumns.PositionField,
    ], null);
}
