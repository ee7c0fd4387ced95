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

    /// <summary>The row before a change.</summary>
    public const string Before = "_before";

    /// <summary>What a record without a value has.</summary>
    private static readonly IReadOnlyList<string> OfTombstones = [.. Ordering, "_key", "_headers"];

    private static readonly Field SchemaIdField = new(SchemaId, Int32Type.Default, nullable: true);
    private static readonly Field BeforeField = new(Before, StringType.Default, nullable: true);

    private static readonly Schema Text = Make(StringType.Default);
    private static readonly Schema Binary = Make(BinaryType.Default);
    private static readonly Schema Registered = Make(StringType.Default, SchemaIdField);
    private static readonly Schema TextChanges = Make(StringType.Default, BeforeField, BronzeColumns.ChangedField);
    private static readonly Schema RegisteredChanges = Make(StringType.Default, BeforeField, BronzeColumns.ChangedField, SchemaIdField);

    private static readonly Dictionary<Schema, Schema> WithTime = new Schema[] { Text, Binary, Registered, TextChanges, RegisteredChanges }.ToDictionary(schema => schema, InOrder);

    public static Schema Of(KafkaTableOptions table) => (table.Format, table.Envelope == KafkaEnvelope.Debezium) switch
    {
        (KafkaFormat.Bytes, _) => Binary,
        (KafkaFormat.Json, var areChanges) => areChanges ? TextChanges : Text,
        (_, var areChanges) => areChanges ? RegisteredChanges : Registered,
    };

    /// <summary>What every delete of a topic has; null: there are none. A key of an envelope is read into the value, where it is one that has members.</summary>
    public static IReadOnlyList<string>? OfDeletes(KafkaTableOptions table) => (table.Envelope, table.KeyFormat) switch
    {
        (KafkaEnvelope.None, _) => null,
        (KafkaEnvelope.Debezium, KafkaKeyFormat.Json or KafkaKeyFormat.Avro or KafkaKeyFormat.Protobuf or KafkaKeyFormat.JsonSchema) => [.. OfTombstones, "value"],
        _ => OfTombstones,
    };

    /// <summary>The schema of chunks with a record whose time goes back; the same object for the same schema.</summary>
    public static Schema WithOrderTime(Schema schema) => WithTime[schema];

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
