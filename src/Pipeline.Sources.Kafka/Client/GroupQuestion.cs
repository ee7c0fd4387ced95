using System.Runtime.InteropServices;
using System.Text;
using Confluent.Kafka;

namespace Pipeline.Sources.Kafka.Client;

/// <summary>
/// The text that a group's offsets carry beside their number (<c>metadata</c> of OffsetCommit and OffsetFetch): librdkafka sends and
/// reads it, Confluent.Kafka does not hand it on.
/// </summary>
internal static unsafe partial class GroupQuestion
{
    // A client is there, so that the library is loaded and the imports find it.
    static GroupQuestion() => _ = LibRdKafka.Loaded;

    /// <summary>The texts of the partitions whose offset has one. Blocks until there is an answer or the time is over.</summary>
    /// <exception cref="KafkaException">There was none, or the group may not be used.</exception>
    public static IReadOnlyDictionary<TopicPartition, string> Ask(ClientLease consumer, IReadOnlyCollection<TopicPartition> partitions, TimeSpan timeout)
    {
        using var held = consumer.Share();
        var list = NativePartitions.New(partitions.Count);
        try
        {
            foreach (var partition in partitions) NativePartitions.Add(list, partition.Topic, partition.Partition.Value);
            if (Committed(held.Client, list, (int)timeout.TotalMilliseconds) is var failed and not ErrorCode.NoError) throw new KafkaException(failed);
            var texts = new Dictionary<TopicPartition, string>();
            for (var i = 0; i < list->Count; i++)
            {
                ref var one = ref list->Elements[i];
                if (one.Error != ErrorCode.NoError) throw new KafkaException(one.Error);
                if (one.Offset >= 0 && one.MetadataBytes > 0)
                    texts[new TopicPartition(Marshal.PtrToStringUTF8(one.Topic)!, one.Partition)] = Encoding.UTF8.GetString(one.Metadata, (int)one.MetadataBytes).TrimEnd('\0');
            }

            return texts;
        }
        finally
        {
            NativePartitions.Destroy(list);
        }
    }

    /// <summary>Lets the client commit an offset with this text when it commits next.</summary>
    /// <exception cref="KafkaException">The partition is not assigned.</exception>
    public static void Store(ClientLease consumer, TopicPartition partition, long offset, string text)
    {
        using var held = consumer.Share();
        var list = NativePartitions.New(1);
        try
        {
            NativePartitions.Add(list, partition.Topic, partition.Partition.Value);
            var bytes = Encoding.UTF8.GetBytes(text);
            fixed (byte* metadata = bytes)
            {
                ref var one = ref list->Elements[0];
                one.Offset = offset;
                one.Metadata = metadata;
                one.MetadataBytes = (nuint)bytes.Length;
                var failed = StoreAll(held.Client, list);
                // Copied by now, and not the list's to free.
                one.Metadata = null;
                one.MetadataBytes = 0;
                if (failed != ErrorCode.NoError) throw new KafkaException(failed);
                if (one.Error != ErrorCode.NoError) throw new KafkaException(one.Error);
            }
        }
        finally
        {
            NativePartitions.Destroy(list);
        }
    }

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_committed")]
    private static partial ErrorCode Committed(nint consumer, NativePartitions* list, int timeoutMs);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_offsets_store")]
    private static partial ErrorCode StoreAll(nint consumer, NativePartitions* list);
}
