using Pipeline.Testing;
using Pipeline.Sources.Kafka.Client;

namespace Pipeline.Sources.Kafka.Tests;

public sealed class KafkaSourceContractSpec : SourceContract
{
    protected override ValueTask<SourceFixture> StartAsync(CancellationToken cancellationToken) => ValueTask.FromResult<SourceFixture>(new KafkaFixture(hasTopicIds: true));

    [Fact]
    public void The_calls_on_librdkafka_are_there() => Assert.Null(LibRdKafka.Unavailable);
}
