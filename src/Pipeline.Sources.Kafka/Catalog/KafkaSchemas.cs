using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Catalog;

/// <summary>The columns of a topic's chunks.</summary>
internal static class KafkaSchemas
{
    public const string SchemaId = "_schema_id";

    /// <summary>By which a contract may order rows.</summary>
    public static readonly IReadOnlyList<string> Ordering = ["_timestamp", "_partition", "_offset"];

    /// <summary>What a record without a value has.</summary>
    public static readonly IReadOnlyList<string> OfTombstones = [.. Ordering, "_key", "_headers"];

    private static readonly Schema Text = Make(StringType.Default);
    private static readonly Schema Binary = Make(BinaryType.Default);
    private static readonly Schema Registered = Make(StringType.Default, new Field(SchemaId, Int32Type.Default, nullable: true));

    private static readonly Schema TextInOrder = InOrder(Text);
    private static readonly Schema BinaryInOrder = InOrder(Binary);
    private static readonly Schema RegisteredInOrder = InOrder(Registered);

    public static Schema Of(KafkaFormat format) => format switch
    {
        KafkaFormat.Bytes => Binary,
        KafkaFormat.Avro or KafkaFormat.Protobuf or KafkaFormat.JsonSchema => Registered,
        _ => Text,
    };

    /// <summary>The schema of chunks with a record whose time goes back; the same object for the same schema.</summary>
    public static Schema WithOrderTime(Schema schema) => schema == Text ? TextInOrder : schema == Binary ? BinaryInOrder : RegisteredInOrder;

    private static Schema InOrder(Schema schema) => new([.. schema.FieldsList, BronzeColumns.OrderTimeField], null);

    private static Schema Make(IArrowType value, params ReadOnlySpan<Field> more) => new(
    [
        new Field("_partition", Int32Type.Default, nullable: false).As(BronzeRole.Identifies | BronzeRole.Orders | BronzeRole.Split),
        new Field("_offset", Int64Type.Default, nullable: false).As(BronzeRole.Orders | BronzeRole.Number),
        new Field("_timestamp", BronzeColumns.Timestamp, nullable: true).As(BronzeRole.Identifies | BronzeRole.RecordTime),
        new Field("_key", StringType.Default, nullable: true),
        new Field("_headers", StringType.Default, nullable: true),
        // Null for a tombstone.
        new Field("value", value, nullable: true).As(BronzeRole.Document),
        .. more,
        BronzeColumns.OpField,
        BronzeColumns.PositionField,
    ], null);
}
