using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>
/// A partition as the name of a split: <c>TOPIC/PARTITION</c>, or <c>TOPIC@ID/PARTITION</c> where the cluster gives its
/// topics an identity, so that a topic that was deleted and made again has splits of its own.
/// </summary>
internal readonly record struct KafkaSplitName(string Topic, string? TopicId, int Partition)
{
    /// <exception cref="PipelineException">The split is not one of a Kafka source.</exception>
    public static KafkaSplitName Parse(SplitId split)
    {
        // Neither topics nor ids contain these two characters.
        var slash = split.Name.LastIndexOf('/');
        if (slash <= 0 || !int.TryParse(split.Name.AsSpan(slash + 1), out var partition))
            throw new PipelineException(FaultKind.Invalid, $"Split {split}", "it names no topic and partition", "Ask the source for its splits.");
        var topic = split.Name[..slash];
        return topic.IndexOf('@') is var at and > 0 ? new(topic[..at], topic[(at + 1)..], partition) : new(topic, null, partition);
    }

    public override string ToString() => TopicId is null ? $"{Topic}/{Partition}" : $"{Topic}@{TopicId}/{Partition}";
}
