using Confluent.Kafka;
using Pipeline.Core;
using Pipeline.Sources.Kafka.Catalog;
using Pipeline.Sources.Kafka.Client;
using Pipeline.Sources.Kafka.Decoding;
using Pipeline.Sources.Kafka.Reading;

namespace Pipeline.Sources.Kafka;

/// <summary>Looks at everything that reading needs and tells what puts it right.</summary>
internal sealed class KafkaSourceCheck(KafkaSourceOptions options, KafkaClients clients, KafkaTopics topics, KafkaConnections connections, SourceSchemas? schemas, ISourceOwner owner)
{
    public async ValueTask<IReadOnlyList<Finding>> RunAsync(CancellationToken cancellationToken) =>
        [.. await CheckBrokersAsync(cancellationToken), .. await CheckRegistryAsync(cancellationToken)];

    private async ValueTask<IReadOnlyList<Finding>> CheckRegistryAsync(CancellationToken cancellationToken)
    {
        if (schemas is null) return [];
        var fault = await Blocking.RunAsync(() => schemas.Try(cancellationToken), cancellationToken);
        // Any schema may be one that we must not read, and subjects are asked for here only.
        if (fault is { Kind: not FaultKind.NotAuthorised }) return [new Finding(schemas.Thing, Ok: false, fault.Cause, fault.NextStep)];
        try
        {
            var missing = await Blocking.RunAsync(() => options.Tables.SelectMany(table => schemas.MissingOf(table, cancellationToken)).Distinct(StringComparer.Ordinal).ToList(), cancellationToken);
            return [new Finding(schemas.Thing, Ok: true, missing.Count == 0 ? "answers" : $"answers; it has no {string.Join(" or ", missing)}: what contracts read of these documents is not compared with a schema")];
        }
        catch (PipelineException refused)
        {
            return [fault is null ? new Finding(schemas.Thing, Ok: true, $"answers; which schemas its subjects have cannot be asked for, so that contracts are not compared with them: {refused.Cause}")
                : new Finding(schemas.Thing, Ok: false, fault.Cause, fault.NextStep)];
        }
    }

    private async ValueTask<IReadOnlyList<Finding>> CheckBrokersAsync(CancellationToken cancellationToken)
    {
        try
        {
            var described = await topics.DescribeAsync([.. options.Tables.Select(table => table.Topic)], cancellationToken);
            var unread = await FetchAsync(described, cancellationToken);
            return [new Finding(options.Thing, Ok: true, "brokers answer"), .. described.Select(topic => CheckTopic(topic, unread)), .. await CheckGroupAsync(described, cancellationToken)];
        }
        catch (PipelineException e)
        {
            return [new Finding(e.Thing, Ok: false, e.Cause, e.NextStep)];
        }
    }

    /// <summary>The topics that can be described and not be read, and why: one partition of each is fetched from.</summary>
    private async ValueTask<IReadOnlyDictionary<string, Error>> FetchAsync(IReadOnlyList<KafkaTopic> described, CancellationToken cancellationToken)
    {
        var led = described.Where(topic => topic.Error is null && topic.Leaderless.Count < topic.Partitions)
            .Select(topic => new TopicPartition(topic.Name, Enumerable.Range(0, topic.Partitions).Except(topic.Leaderless).First())).Distinct().ToList();
        if (led.Count == 0) return new Dictionary<string, Error>();
        var config = await clients.ConfigureAsync(cancellationToken);
        var failed = await Blocking.RunAsync(() => FetchTrial.Run(clients, config, led, options.RequestTimeout, cancellationToken), cancellationToken);
        return failed.ToDictionary(pair => pair.Key.Topic, pair => pair.Value, StringComparer.Ordinal);
    }

    /// <summary>Whose the group's offsets are; nothing where none are committed.</summary>
    private async ValueTask<IReadOnlyList<Finding>> CheckGroupAsync(IReadOnlyList<KafkaTopic> described, CancellationToken cancellationToken)
    {
        if (options.Group is not { } group) return [];
        var thing = $"{options.Name}: group {group}";
        TopicPartition[] partitions = [.. described.Where(topic => topic.Error is null)
            .SelectMany(topic => Enumerable.Range(0, topic.Partitions).Select(partition => new TopicPartition(topic.Name, partition)))];
        var connection = await connections.EnterAsync([], cancellationToken);
        try
        {
            var marks = await Blocking.RunAsync(() => GroupQuestion.Ask(connection.Client, partitions, options.RequestTimeout), cancellationToken);
            return [GroupOffsets.Stranger(marks, new SourceClaim(options.Name, await owner.IdAsync(cancellationToken)), options) is { } stranger
                ? new Finding(thing, Ok: false, stranger.Cause, stranger.NextStep)
                : new Finding(thing, Ok: true, "its offsets are this source's to commit")];
        }
        catch (KafkaException e) when (KafkaFaults.IsRefusal(e.Error.Code))
        {
            var fault = KafkaFaults.Describe(thing, e.Error, inner: e);
            return [new Finding(thing, Ok: false, fault.Cause, fault.NextStep)];
        }
        catch (KafkaException e)
        {
            return [new Finding(thing, Ok: true, $"whose its offsets are cannot be told now: {e.Error.Reason.TrimEnd('.')}")];
        }
        finally
        {
            await connections.LeaveAsync(connection, []);
        }
    }

    private Finding CheckTopic(KafkaTopic topic, IReadOnlyDictionary<string, Error> unread)
    {
        var thing = options.ThingOf(topic.Name);
        if (unread.TryGetValue(topic.Name, out var refused))
        {
            var refusal = KafkaFaults.Describe(thing, refused);
            return new Finding(refusal.Thing, Ok: false, refusal.Cause, refusal.NextStep);
        }

        if (topic.Leaderless.Count > 0)
            return new Finding(thing, Ok: false, $"of its {Plural.Of(topic.Partitions, "partition")} nobody leads {string.Join(", ", topic.Leaderless)}", "Start the broker that holds them: the others are read meanwhile.");
        if (topic.Error is null)
            return new Finding(thing, Ok: true, topic.Id is not null ? PartitionsOf(topic)
                : $"{PartitionsOf(topic)}; its brokers give topics no ids (before 2.8): one that is deleted and made anew is noticed when it is shorter than what was read, or by its leaders' epochs, and not otherwise");
        var fault = KafkaFaults.Describe(thing, topic.Error);
        return new Finding(fault.Thing, Ok: false, fault.Cause, fault.NextStep);
    }

    private static string PartitionsOf(KafkaTopic topic) => Plural.Of(topic.Partitions, "partition")
        + (topic.Partitions == 1 ? "" : ": records of one key are in the order in which they came only within one; where keys are missing, or partitions are added, their times order them");
}
