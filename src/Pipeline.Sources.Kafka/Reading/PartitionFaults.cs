using Confluent.Kafka;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>What became of one partition, when the client reports an error of it.</summary>
internal static class PartitionFaults
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

        var noticed = $"{time.GetUtcNow():yyyy-MM-dd HH:mm:ss}Z";
        // librdkafka's own words for it: other records stand where these were, so every offset is in range.
        if (code == ErrorCode.Local_LogTruncation || reason.Contains("truncation detected", StringComparison.Ordinal))
            return new PipelineException(FaultKind.Gap, thing, $"brokers have lost records behind a new leader, and others stand at their offsets (noticed {noticed}): {reason.TrimEnd('.')}",
                "Read the table anew from its beginning, or go on by resuming it: records may be missing, and some that it has are in the topic no more.") { Split = partition.Split };
        if (partition.Position is not { } position || (position >= range.Low.Value && position <= range.High.Value))
            return new PipelineException(FaultKind.Unreachable, thing, $"reading cannot start: {reason.TrimEnd('.')}", "Check the brokers' logs if it lasts.") { Split = partition.Split };
        if (position > range.High.Value)
            return new PipelineException(FaultKind.Gap, thing,
                $"position {position} is beyond the end, {range.High.Value} (noticed {noticed}): the topic was re-created, or brokers lost records",
                "Restore the topic. Or drop the Bronze table's rows of this partition and read it from its beginning.") { Split = partition.Split };
        return new PipelineException(FaultKind.Gap, thing,
            $"records [{position}, {range.Low.Value}) are gone (noticed {noticed}): they expired or were deleted before they were read",
            $"Restore them, or accept the loss with ./pipeline resume bronze/{partition.Split.Source}/{partition.Table} --accept-gap; raise the topic's retention.")
        {
            Split = partition.Split,
            Gap = new PositionRange(position, range.Low.Value),
        };
    }
}
