namespace Pipeline.Sources.Kafka.Reading;

/// <summary>
/// Why brokers are away now, as one of them said: the client tells it before it tells that all are away, and then only now
/// and then. What was said in an outage before, or of one broker long ago, is none of now. For one thread.
/// </summary>
internal sealed class OutageReason(TimeProvider time)
{
    private static readonly TimeSpan AgeMax = TimeSpan.FromSeconds(30);

    private string? _last;
    private long _at;

    public string Now => _last is not null && time.GetElapsedTime(_at) < AgeMax ? _last.TrimEnd('.') : "all brokers are down";

    public void Note(string reason) => (_last, _at) = (reason, time.GetTimestamp());

    /// <summary>They answer.</summary>
    public void Clear() => _last = null;
}
