using Pipeline.Testing;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>Gives up waiting after minutes, of which a night has more, so that a lost record is a failure and not a hang.</summary>
public abstract class KafkaSpec : IDisposable
{
    private readonly CancellationTokenSource _deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);

    protected KafkaSpec() => _deadline.CancelAfter(Deadlines.Test);

    protected CancellationToken Deadline => _deadline.Token;

    public void Dispose()
    {
        _deadline.Dispose();
        GC.SuppressFinalize(this);
    }
}
