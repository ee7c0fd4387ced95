using Pipeline.Core;
using Pipeline.Sources.Kafka.Catalog;

namespace Pipeline.Sources.Kafka;

/// <summary>Looks at everything that reading needs and tells what puts it right.</summary>
internal sealed class KafkaSourceCheck(KafkaSourceOptions options, KafkaTopics topics)
{
    public async ValueTask<IReadOnlyList<Finding>> RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            var described = await topics.DescribeAsync([.. options.Tables.Select(table => table.Topic)], cancellationToken);
            return [new Finding(options.Thing, Ok: true, "brokers answer"), .. described.Select(CheckTopic)];
        }
        catch (PipelineException e)
        {
            return [new Finding(e.Thing, Ok: false, e.Cause, e.NextStep)];
        }
    }

    private Finding CheckTopic(KafkaTopic topic)
    {
        var thing = options.ThingOf(topic.Name);
        if (topic.Leaderless.Count > 0)
            return new Finding(thing, Ok: false, $"of its {topic.Partitions} partitions nobody leads {string.Join(", ", topic.Leaderless)}", "Start the broker that holds them: the others are read meanwhile.");
        if (topic.Error is null) return new Finding(thing, Ok: true, $"{topic.Partitions} partitions");
        var fault = KafkaFaults.Describe(thing, topic.Error);
        return new Finding(fault.Thing, Ok: false, fault.Cause, fault.NextStep);
    }
}
