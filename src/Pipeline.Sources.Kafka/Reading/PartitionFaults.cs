using System.Globalization;
using System.Text.RegularExpressions;
using Confluent.Kafka;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>What became of one partition, when the client reports an error of it.</summary>
internal static partial class PartitionFaults
{
    /// <summary>Asks the brokers which records are left, where that matters. Blocks.</summary>
    public static PipelineException Describe(KafkaConnection connection, PartitionReading partition, ErrorCode code, string reason, TimeProvider time)
    {
        var thing = $"{connection.Thing}, topic {partition.Topic}, partition {partition.Partition}";
        if (code is ErrorCode.Local_AutoOffsetReset or ErrorCode.OffsetOutOfRange or ErrorCode.Local_LogTruncation) return DescribeGap(connection, partition, thing, code, reason, time);
        var fault = KafkaFaults.Describe(thing, new Error(code, reason));
        // A topic that is gone is one fact for all of its partitions.
        if (code is ErrorCode.UnknownTopicOrPart or ErrorCode.Local_UnknownTopic) return KafkaFaults.Describe($"{connection.Thing}, topic {partition.Topic}", new Error(code, reason));
        return new PipelineException(fault.Kind, fault.Thing, fault.Cause, fault.NextStep) { Split = partition.Split };
    }

    private static PipelineException DescribeGap(KafkaConnection connection, PartitionReading partition, string thing, ErrorCode code, string reason, TimeProvider time)
    {
        WatermarkOffsets range;
        try
        {
            range = connection.QueryOffsets(partition.Place);
        }
        catch (KafkaException e)
        {
            return new PipelineException(FaultKind.Unreachable, thing, $"offsets cannot be looked up: {e.Error.Reason}", "Check the brokers' logs.", e) { Split = partition.Split };
        }

        var noticed = time.GetUtcNow().InWords();
        // librdkafka's own words for it: other records stand where these were, so every offset is in range.
        if (code == ErrorCode.Local_LogTruncation || reason.Contains("truncation detected", StringComparison.Ordinal) || reason.StartsWith("No epoch found", StringComparison.Ordinal))
            return Behind(thing, partition.Split, partition.Table, range.Low.Value, CutAt(reason), $"brokers have lost records behind a new leader, and others stand at their offsets (noticed {noticed}): {reason.TrimEnd('.')}");
        if (partition.Position is not { } position || (position >= range.Low.Value && position <= range.High.Value))
            return new PipelineException(FaultKind.Unreachable, thing, $"reading cannot start: {reason.TrimEnd('.')}", "Check the brokers' logs if it lasts.") { Split = partition.Split };
        return OutOfRange(thing, partition.Split, partition.Table, position, range.Low.Value, range.High.Value, time);
    }

    /// <summary>Null: the position is one that the partition has, or reading it tells more.</summary>
    /// <param name="isEpochKnown">Whether the leader can be asked for the epoch that the position is of, which reading does: how far the two logs are the same, only that says.</param>
    public static PipelineException? Compare(string source, KafkaSplitName name, SplitId split, string table, long position, long? beginning, long? end, bool isEpochKnown, TimeProvider time)
    {
        if (!(position < beginning) && (!(position > end) || isEpochKnown)) return null;
        return OutOfRange($"{source}, topic {name.Topic}, partition {name.Partition}", split, table, position, beginning ?? 0, end ?? long.MaxValue, time);
    }

    private static PipelineException OutOfRange(string thing, SplitId split, string table, long position, long beginning, long end, TimeProvider time)
    {
        var noticed = time.GetUtcNow().InWords();
        if (position > end) return Behind(thing, split, table, beginning, differsFrom: null, $"position {position} is beyond the end, {end} (noticed {noticed}): the topic was re-created, or brokers lost records");
        return new PipelineException(FaultKind.Gap, thing,
            $"records [{position}, {beginning}) are gone (noticed {noticed}): they expired or were deleted before they were read",
            $"Restore them, or accept the loss with ./pipeline resume bronze/{split.Source}/{table} --accept-gap; raise the topic's retention.")
        {
            Split = split,
            Gap = new PositionRange(position, beginning),
        };
    }

    /// <summary>Whether the log looks well again later says nothing: it may have grown with other records.</summary>
    /// <param name="beginning">The oldest offset that there is.</param>
    /// <param name="differsFrom">The offset behind the last record that the log may have in common with what was read; null: not known.</param>
    private static PipelineException Behind(string thing, SplitId split, string table, long beginning, long? differsFrom, string cause)
    {
        // Without an id nobody can tell the topic that was read from one that was made anew, whose first records are others too; of a log that is only known to be
        // shorter nobody can tell how many of its last records have come since.
        var from = KafkaSplitName.Parse(split).TopicId is null ? beginning : Math.Max(differsFrom ?? beginning, beginning);
        return new PipelineException(FaultKind.Gap, thing, cause,
            $"Accept it with ./pipeline resume bronze/{split.Source}/{table} --accept-gap: what the topic has from offset {from} on is read again in a new epoch and is newer than what was read, which stays, marked by its epoch.")
        {
            Split = split,
            ReadAgainFrom = from,
        };
    }

    /// <summary>The offset behind the last record that both have; null: it is not said.</summary>
    private static long? CutAt(string reason) => BrokerEnd().Match(reason) is { Success: true } match && long.TryParse(match.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var end) ? end : null;

    [GeneratedRegex("broker end offset is ([0-9]+)")]
    private static partial Regex BrokerEnd();
}
