using Pipeline.Core;
using Pipeline.Emulation.Kafka;
using Pipeline.Sources.Kafka.Decoding;
using Pipeline.Testing;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>Records that were changed by chance, in one partition of a topic and before good ones.</summary>
public sealed class ChangedRecordsSpec : KafkaSpec
{
    private const int Schema = 7;
    private const int Changed = 300;
    private const int Good = 20;

    private static readonly ProtobufCase Message = new(seed: 0);

    [Theory]
    [InlineData(KafkaFormat.Avro)]
    [InlineData(KafkaFormat.Protobuf)]
    [InlineData(KafkaFormat.Json)]
    public async Task Changed_records_are_each_a_row_or_a_dead_letter_and_halt_no_partition(KafkaFormat format)
    {
        await using var registry = await EmbeddedSchemaRegistry.StartAsync();
        if (format == KafkaFormat.Protobuf) registry.Register(Schema, "events-value", Message.Schema, "PROTOBUF");
        else registry.Register(Schema, "events-value", DecoderFuzzSpec.AvroSchemas[0]);
        var (good, changed) = await ValuesAsync(format);
        await using var kafka = new KafkaFixture(partitions: 3);
        await Task.WhenAll(changed.Select(value => kafka.ProduceAsync(0, value)));
        for (var i = 0; i < Good; i++)
            for (var partition = 0; partition < 3; partition++) await kafka.ProduceAsync(partition, good);
        var options = KafkaFixture.Options(kafka.Kafka.Bootstrap);
        await using var source = kafka.Open(options with
        {
            Tables = [options.Tables[0] with { Format = format }],
            Registry = new SchemaRegistryOptions { Url = registry.Url, Retry = new RetryPolicy { BackoffMin = TimeSpan.FromMilliseconds(10), AttemptsMax = 3 } },
        });

        var read = await ReadRecords.ReadAsync(source, changed.Count + (3 * Good), Deadline);

        Assert.All(read.DeadLetters, letter => Assert.EndsWith("/0", letter.Split, StringComparison.Ordinal));
        Assert.All(read.DeadLetters, letter => Assert.InRange(letter.Position, 0, changed.Count - 1));
        var ofChanged = read.Records.Where(row => row.Partition == 0 && row.Offset < changed.Count).Select(row => row.Offset).Concat(read.DeadLetters.Select(letter => letter.Position));
        Assert.Equal(Enumerable.Range(0, changed.Count).Select(offset => (long)offset), ofChanged.Order());
        for (var partition = 0; partition < 3; partition++)
        {
            var first = partition == 0 ? changed.Count : 0;
            Assert.Equal(Enumerable.Range(first, Good).Select(offset => (long)offset), read.Records.Where(row => row.Partition == partition && row.Offset >= first).Select(row => row.Offset));
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{read.DeadLetters.Count} of {changed.Count} changed records are dead letters");
        Assert.NotEmpty(read.DeadLetters);
    }

    /// <summary>One good value, and what the decoders' own tests give them, as it lies on the wire.</summary>
    private static async Task<(byte[] Good, List<byte[]> Changed)> ValuesAsync(KafkaFormat format)
    {
        var (corpus, values) = format switch
        {
            KafkaFormat.Avro => (nameof(DecoderFuzzSpec.Avro_values), DecoderFuzzSpec.AvroValues()),
            KafkaFormat.Protobuf => (nameof(DecoderFuzzSpec.Protobuf_values), [[0, .. Message.Wire]]),
            _ => (nameof(DecoderFuzzSpec.Json_records_and_headers), ["""{"id":1,"name":"süß"}"""u8.ToArray()]),
        };
        var changed = new List<byte[]>();
        await new Fuzz(values, test: corpus).RunAsync(changed.Add, _ => false, Changed);
        // Of some the header is what the first bytes happen to be.
        return (OnTheWire(values[0], 1), [.. changed.Select(OnTheWire)]);

        byte[] OnTheWire(byte[] value, int number) => format == KafkaFormat.Json || number % 8 == 0 ? value : [0, 0, 0, 0, Schema, .. value];
    }
}
