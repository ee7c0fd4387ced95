using Pipeline.Sources.Kafka.Client;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>
/// How long brokers may hold the fetches of a client. A broker has one fetch of a client at a time: while it holds one for
/// partitions that are at their end, the client cannot ask for those that had no room when that fetch was sent, whatever
/// waits in them. So the wait is short as long as any reading is behind, and only then long.
/// </summary>
internal sealed class FetchWait(ClientLease client, TimeSpan max)
{
    private static readonly TimeSpan WhileBehind = TimeSpan.FromMilliseconds(20);

    private readonly Lock _gate = new();
    private int _behind;

    /// <summary>Another reading has more to read than it has taken.</summary>
    public void FallBehind()
    {
        lock (_gate)
            if (_behind++ == 0) Set(WhileBehind);
    }

    /// <summary>One of those that had fallen behind has read what there is, or has left.</summary>
    public void CatchUp()
    {
        lock (_gate)
            if (--_behind == 0) Set(max);
    }

    private void Set(TimeSpan wait)
    {
        if (!LibRdKafka.TrySetFetchWaitMax(client, (int)Math.Min(wait.TotalMilliseconds, max.TotalMilliseconds)))
            throw new InvalidOperationException("librdkafka refuses another fetch.wait.max.ms for a running client.");
    }
}
