using Confluent.Kafka;
using Pipeline.Core;
using Pipeline.Emulation.Kafka;
using Pipeline.Sources.Kafka.Decoding;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>Protobuf records whose schemas are in a registry.</summary>
public sealed class KafkaProtobufSpec : KafkaSpec
{
    private const string Name = """syntax = "proto3"; message Event { string name = 1; }""";
    private const string NameAndAge = """syntax = "proto3"; message Other {} message Event { message Inner { string user_name = 1; optional int64 age = 2; } }""";

    [Fact]
    public async Task Reads_each_record_by_the_schema_and_the_message_it_was_written_with()
    {
        await using var registry = await EmbeddedSchemaRegistry.StartAsync();
        registry.Register(7, "events-value", Name, "PROTOBUF");
        registry.Register(300, "events-value-2", NameAndAge, "PROTOBUF");
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.ProduceAsync(0, Wire(7, 0, 0x0A, 1, (byte)'a'));
        // Two indexes, zigzag: the second message's first.
        await fixture.ProduceAsync(0, Wire(300, 4, 2, 0, 0x0A, 1, (byte)'b', 0x10, 42));
        await fixture.ProduceAsync(0, null, ReadRecords.Utf8("k"));
        // One index, written out.
        await fixture.ProduceAsync(0, Wire(7, 2, 0, 0x0A, 1, (byte)'c'));
        await using var source = Open(fixture, registry);

        var rows = await ReadRecords.RegisteredAsync(source, 4, Deadline);

        Assert.Equal([("""{"name":"a"}""", 7), ("""{"userName":"b","age":"42"}""", 300), (null, null), ("""{"name":"c"}""", 7)], rows);
        Assert.Equal(1, registry.RequestsFor(7));
        Assert.Equal(["_partition", "_offset", "_timestamp", "_key", "_headers", "value", "_schema_id", "_op", "_position"],
            (await source.DescribeAsync("user_events", Deadline)).FieldsList.Select(field => field.Name));
    }

    [Fact]
    public async Task What_no_schema_explains_becomes_a_dead_letter()
    {
        await using var registry = await EmbeddedSchemaRegistry.StartAsync();
        registry.Register(7, "events-value", Name, "PROTOBUF");
        registry.Register(8, "other-value", "\"string\"");
        registry.Register(9, "grouped-value", "message A { optional group G = 1 {} }", "PROTOBUF");
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.ProduceAsync(0, "{}");
        await fixture.ProduceAsync(0, Wire(99, 0));
        await fixture.ProduceAsync(0, Wire(8, 0));
        await fixture.ProduceAsync(0, Wire(9, 0));
        await fixture.ProduceAsync(0, Wire(7));
        await fixture.ProduceAsync(0, Wire(7, 2, 8));
        await fixture.ProduceAsync(0, Wire(7, 0, 0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 1));
        await fixture.ProduceAsync(0, Wire(7, 0, 0x0A, 1, 0xFF));
        await fixture.ProduceAsync(0, Wire(7, 0, 0x0A, 1, (byte)'a'));
        await using var source = Open(fixture, registry);

        var read = await ReadRecords.ReadAsync(source, 9, Deadline);

        Assert.Equal(["invalid_wire_format", "unknown_schema", "unknown_schema", "unknown_schema", "invalid_protobuf", "invalid_protobuf", "invalid_protobuf", "invalid_protobuf"],
            read.DeadLetters.Select(letter => letter.Code));
        Assert.Equal(Enumerable.Range(0, 8).Select(offset => (long)offset), read.DeadLetters.Select(letter => letter.Position));
        Assert.Contains("its language is AVRO, and the table's format is protobuf", read.DeadLetters[2].Reason, StringComparison.Ordinal);
        Assert.Contains("group G of A is not supported", read.DeadLetters[3].Reason, StringComparison.Ordinal);
        Assert.Contains("no message 4 of 1", read.DeadLetters[5].Reason, StringComparison.Ordinal);
        Assert.Equal(Wire(7, 0, 0x0A, 1, 0xFF), read.DeadLetters[7].Value);
        Assert.Equal(8, read.Records.Single().Position);
    }

    [Fact]
    public async Task Schemas_import_each_other_and_each_is_asked_for_once()
    {
        await using var registry = await EmbeddedSchemaRegistry.StartAsync();
        registry.Register(1, "money", """syntax = "proto3"; package shop; message Money { int64 cents = 1; }""", "PROTOBUF");
        registry.Register(2, "tax", """syntax = "proto3"; package shop; import "shop/money.proto"; message Tax { Money of = 1; }""", "PROTOBUF", ("shop/money.proto", "money"));
        registry.Register(3, "sale", """
            syntax = "proto3"; package shop; import "shop/money.proto"; import "shop/tax.proto"; import "google/protobuf/timestamp.proto";
            message Sale { Money price = 1; repeated Tax taxes = 2; google.protobuf.Timestamp at = 3; }
            """, "PROTOBUF", ("shop/money.proto", "money"), ("shop/tax.proto", "tax"));
        registry.Register(4, "refund", """syntax = "proto3"; import "shop/money.proto"; message Refund { shop.Money price = 1; }""", "PROTOBUF", ("shop/money.proto", "money"));
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.ProduceAsync(0, Wire(3, 0, 0x0A, 2, 8, 5, 0x12, 4, 0x0A, 2, 8, 1, 0x1A, 2, 8, 1));
        await fixture.ProduceAsync(0, Wire(4, 0, 0x0A, 2, 8, 7));
        await using var source = Open(fixture, registry);

        var read = await ReadRecords.ReadAsync(source, 2, Deadline);

        Assert.Equal(["""{"price":{"cents":"5"},"taxes":[{"of":{"cents":"1"}}],"at":"1970-01-01T00:00:01Z"}""", """{"price":{"cents":"7"}}"""], read.Records.Select(record => record.Value));
        Assert.Equal(1, registry.RequestsFor("money"));
    }

    [Fact]
    public async Task Tables_of_different_formats_share_a_registry()
    {
        await using var registry = await EmbeddedSchemaRegistry.StartAsync();
        registry.Register(7, "events-value", Name, "PROTOBUF");
        registry.Register(8, "clicks-value", "\"string\"");
        await using var fixture = new KafkaFixture(partitions: 1);
        fixture.Kafka.CreateTopic("clicks", 1);
        await fixture.ProduceAsync(0, Wire(7, 0, 0x0A, 1, (byte)'a'));
        await fixture.Producer.ProduceAsync("clicks", new Message<byte[]?, byte[]?> { Value = Wire(7, 0, 0x0A, 1, (byte)'a') }, Deadline);
        await fixture.Producer.ProduceAsync("clicks", new Message<byte[]?, byte[]?> { Value = Wire(8, 2, (byte)'b') }, Deadline);
        await using var source = Open(fixture, registry, new KafkaTableOptions { Name = "clicks", Topic = "clicks", Format = KafkaFormat.Avro });

        var clicks = await ReadRecords.ReadAsync(source, 2, Deadline, [.. (await source.ListSplitsAsync("clicks", Deadline)).Select(split => new SplitPosition(split.Id, null))]);
        var events = await ReadRecords.ReadAsync(source, 1, Deadline);

        Assert.Equal("unknown_schema", clicks.DeadLetters.Single().Code);
        Assert.Equal("\"b\"", clicks.Records.Single().Value);
        Assert.Equal("""{"name":"a"}""", events.Records.Single().Value);
    }

    private static ISource Open(KafkaFixture fixture, EmbeddedSchemaRegistry registry, params ReadOnlySpan<KafkaTableOptions> more)
    {
        var options = KafkaFixture.Options(fixture.Kafka.Bootstrap);
        return fixture.Open(options with
        {
            Tables = [options.Tables[0] with { Format = KafkaFormat.Protobuf }, .. more],
            Registry = new SchemaRegistryOptions { Url = registry.Url, Retry = new RetryPolicy { BackoffMin = TimeSpan.FromMilliseconds(10), AttemptsMax = 3 } },
        });
    }

    /// <summary>A value in the wire format.</summary>
    private static byte[] Wire(int schema, params byte[] indexesAndMessage) => [0, (byte)(schema >> 24), (byte)(schema >> 16), (byte)(schema >> 8), (byte)schema, .. indexesAndMessage];
}
