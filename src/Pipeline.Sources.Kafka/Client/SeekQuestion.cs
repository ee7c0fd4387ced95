using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace Pipeline.Sources.Kafka.Client;

/// <summary>
/// Moves assigned partitions to positions whose leader's epoch is known. Other than with an assignment the client asks the leader then
/// where that epoch ends in its log, before it fetches; a log that was cut below is an error of the partition.
/// </summary>
internal static unsafe partial class SeekQuestion
{
    // A client is there, so that the library is loaded and the imports find it.
    static SeekQuestion() => _ = LibRdKafka.Loaded;

    /// <summary>What was fetched before is dropped by the client. Blocks until it has begun; no broker is waited for.</summary>
    /// <param name="positions">Of partitions that are assigned, each with its epoch.</param>
    /// <returns>Those whose fetching has not started yet, because the client still stops others.</returns>
    /// <exception cref="KafkaException">One cannot be moved, or not in time.</exception>
    public static IReadOnlyList<TopicPartitionOffset> Seek(ClientLease consumer, IReadOnlyList<TopicPartitionOffset> positions, TimeSpan timeout)
    {
        using var held = consumer.Share();
        var list = NativePartitions.New(positions.Count);
        try
        {
            foreach (var position in positions)
            {
                var one = NativePartitions.Add(list, position.Topic, position.Partition.Value);
                one->Offset = position.Offset.Value;
                SetLeaderEpoch(one, position.LeaderEpoch!.Value);
            }

            if (SeekAll(held.Client, list, (int)timeout.TotalMilliseconds) is var error and not 0)
            {
                var code = CodeOf(error);
                DestroyError(error);
                throw new KafkaException(code);
            }

            var left = new List<TopicPartitionOffset>();
            foreach (var (position, at) in positions.Select((position, at) => (position, at)))
            {
                var code = list->Elements[at].Error;
                if (code is ErrorCode.Local_State or ErrorCode.Local_PrevInProgress) left.Add(position);
                else if (code != ErrorCode.NoError) throw new KafkaException(code);
            }

            return left;
        }
        finally
        {
            NativePartitions.Destroy(list);
        }
    }

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_seek_partitions")]
    private static partial nint SeekAll(nint consumer, NativePartitions* list, int timeoutMs);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_topic_partition_set_leader_epoch")]
    private static partial void SetLeaderEpoch(NativePartition* partition, int epoch);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_error_code")]
    private static partial ErrorCode CodeOf(nint error);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_error_destroy")]
    private static partial void DestroyError(nint error);
}
