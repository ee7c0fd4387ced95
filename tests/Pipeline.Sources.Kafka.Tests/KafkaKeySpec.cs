using Pipeline.Emulation.Kafka;
using Pipeline.Sources.Kafka.Decoding;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>Keys whose schemas are in a registry.</summary>
public sealed class KafkaKeySpec : KafkaSpec
{
    private const string Proto = """syntax = "proto3"; message Key { int64 id = 1; string site = 2; }""";

    [Theory]
    [InlineData(KafkaKeyFormat.Avro, "0000000001 0E 02 C3A4", null)]
    [InlineData(KafkaKeyFormat.Avro, "0000000001 0E 04 C3A4", """{"id":7,"site":"ä"}""")]
    [InlineData(KafkaKeyFormat.Avro, "0000000002 54", "42")]
    [InlineData(KafkaKeyFormat.Avro, "0000000003 06 612262", "a\"b")]
    [InlineData(KafkaKeyFormat.Avro, "0000000009 54", null, "unknown_schema")]
    [InlineData(KafkaKeyFormat.Avro, "54", null)]
    [InlineData(KafkaKeyFormat.Protobuf, "0000000004 00 0807 120161", """{"id":"7","site":"a"}""")]
    [InlineData(KafkaKeyFormat.Protobuf, "0000000004 00 08", null)]
    [InlineData(KafkaKeyFormat.Protobuf, "0000000001 00 08", null, "unknown_schema")]
    [InlineData(KafkaKeyFormat.JsonSchema, "0000000007 7B7D", "{}")]
    [InlineData(KafkaKeyFormat.JsonSchema, "7B7D", null)]
    public async Task A_key_is_read_by_its_schema_whatever_the_values_are(KafkaKeyFormat format, string hex, string? text, string code = "invalid_key")
    {
        await using var registry = await EmbeddedSchemaRegistry.StartAsync();
        registry.Register(1, "k1", """{"type":"record","name":"Key","fields":[{"name":"id","type":"long"},{"name":"site","type":"string"}]}""");
        registry.Register(2, "k2", "\"long\"");
        registry.Register(3, "k3", "\"string\"");
        registry.Register(4, "k4", Proto, schemaType: "PROTOBUF");
        await using var fixture = new KafkaFixture(partitions: 1);
        var key = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
        await fixture.ProduceAsync(0, ReadRecords.Utf8("{}"), key);
        await fixture.ProduceAsync(0, ReadRecords.Utf8("{}"));
        await fixture.ProduceAsync(0, null, key);
        var options = KafkaFixture.Options(fixture.Kafka.Bootstrap);
        await using var source = fixture.Open(options with
        {
            Registry = new SchemaRegistryOptions { Url = registry.Url },
            Tables = [options.Tables[0] with { KeyFormat = format, Envelope = KafkaEnvelope.Tombstone }],
        });

        var read = await ReadRecords.ReadAsync(source, 3, Deadline);

        Assert.Equal(text is null ? [(null, "c")] : [(text, "c"), (null, "c"), (text, "d")], read.Records.Select(record => (record.Key, record.Op)));
        Assert.All(read.DeadLetters, letter => Assert.Equal((code, Convert.ToHexString(key)), (letter.Code, Convert.ToHexString(letter.Key!))));
        Assert.Equal(text is null ? 2 : 0, read.DeadLetters.Count);
    }
}
