using Pipeline.Emulation.Kafka;

namespace Pipeline.Sources.Kafka.Tests;

public sealed class RetentionGuardSpec : KafkaSpec
{
    [Fact]
    public void Has_no_room_for_more_than_the_broker_keeps_beyond_the_reader()
    {
        var guard = new RetentionGuard(bytesMax: 1000);
        guard.Produced("t", 0, offset: 0, bytes: 400);
        Assert.True(guard.HasRoom("t", 0, readerPosition: 0, bytes: 400));

        guard.Produced("t", 0, offset: 1, bytes: 400);

        Assert.False(guard.HasRoom("t", 0, readerPosition: 0, bytes: 1));
        Assert.True(guard.HasRoom("t", 1, readerPosition: 0, bytes: 400));
        Assert.True(guard.HasRoom("t", 0, readerPosition: 1, bytes: 400));
    }

    [Fact]
    public async Task A_producer_that_asks_it_loses_nothing()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        var guard = new RetentionGuard();
        var payload = new string('x', 50_000);
        var offset = 0L;

        // Nobody reads: production stops before the broker forgets its first record.
        while (guard.HasRoom(KafkaFixture.Topic, 0, readerPosition: 0, payload.Length))
        {
            offset = (await fixture.ProduceAsync(0, payload).WaitAsync(Deadline)).Offset.Value;
            guard.Produced(KafkaFixture.Topic, 0, offset, payload.Length);
        }

        Assert.Equal((0, offset + 1), fixture.Kafka.Watermarks(KafkaFixture.Topic, 0));
        Assert.InRange((offset + 1) * payload.Length, EmbeddedKafka.RetentionBytes / 2, EmbeddedKafka.RetentionBytes);
    }
}
