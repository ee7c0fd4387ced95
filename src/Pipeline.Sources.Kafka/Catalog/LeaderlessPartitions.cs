using Microsoft.Extensions.Logging;

namespace Pipeline.Sources.Kafka.Catalog;

/// <summary>Tells of each partition once that nobody leads it, and once that somebody does again. An election takes a moment: that is not told.</summary>
internal sealed class LeaderlessPartitions(TimeProvider time, ILogger log)
{
    private static readonly TimeSpan SayAfter = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly Dictionary<(string Topic, int Partition), (long Since, bool IsSaid)> _known = [];

    public void See(KafkaTopic topic, string thing)
    {
        lock (_gate)
        {
            foreach (var partition in topic.Leaderless)
            {
                var (since, isSaid) = _known.TryGetValue((topic.Name, partition), out var known) ? known : (time.GetTimestamp(), false);
                if (!isSaid && time.GetElapsedTime(since) >= SayAfter)
                {
                    log.Leaderless(thing, partition);
                    isSaid = true;
                }

                _known[(topic.Name, partition)] = (since, isSaid);
            }

            foreach (var back in _known.Where(pair => pair.Key.Topic == topic.Name && !topic.Leaderless.Contains(pair.Key.Partition)).ToList())
            {
                if (back.Value.IsSaid) log.LeaderIsBack(thing, back.Key.Partition);
                _known.Remove(back.Key);
            }
        }
    }
}
