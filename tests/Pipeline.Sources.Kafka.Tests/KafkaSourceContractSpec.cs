using Pipeline.Testing;

namespace Pipeline.Sources.Kafka.Tests;

public sealed class KafkaSourceContractSpec : SourceContract
{
    protected override ValueTask<SourceFixture> StartAsync(CancellationToken cancellationToken) => ValueTask.FromResult<SourceFixture>(new KafkaFixture());

    [Fact]
    public void The_fast_way_is_there() => Assert.Null(Native.LibRdKafka.Unavailable);
}

/// <summary>The same without librdkafka's batch calls.</summary>
public sealed class KafkaSourceOneByOneContractSpec : SourceContract
{
    protected override ValueTask<SourceFixture> StartAsync(CancellationToken cancellationToken) => ValueTask.FromResult<SourceFixture>(new KafkaFixture(isNative: false));
}
