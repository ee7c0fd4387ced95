using System.Globalization;
using System.Runtime.InteropServices;
using Confluent.Kafka;
using Pipeline.Sources.Kafka.Client;

namespace Pipeline.Sources.Kafka.Catalog;

/// <summary>
/// Asks brokers about topics by librdkafka's own call. Confluent.Kafka's DescribeTopics ends its client at a partition
/// without a leader and never completes.
/// </summary>
internal static unsafe partial class TopicQuestion
{
    private const string LibraryName = LibRdKafka.Name;
    private const int ErrorBytes = 512;

    /// <summary>How long it may take until somebody who gives up is noticed.</summary>
    private const int LookMs = 50;

    // A client is there, so that the library is loaded and the imports find it.
    static TopicQuestion() => _ = LibRdKafka.Loaded;

    /// <summary>Blocks until there is an answer, the time is over or it is cancelled; null: there was none.</summary>
    /// <exception cref="KafkaException">The client says that there will be none.</exception>
    public static IReadOnlyList<KafkaTopic>? Ask(ClientLease lease, IReadOnlyCollection<string> topics, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var held = lease.Share();
        var client = held.Client;
        var queue = NewQueue(client);
        var options = NewOptions(client, operation: 0);
        var collection = CollectionOf([.. topics], topics.Count);
        nint answer = 0;
        try
        {
            Span<byte> error = stackalloc byte[ErrorBytes];
            if (SetTimeout(options, (int)timeout.TotalMilliseconds, error, error.Length) is var refused and not ErrorCode.NoError) throw new KafkaException(refused);
            Describe(client, collection, options, queue);
            // The client's own timer should end it: ours is for the day that it does not.
            for (var waited = 0L; answer == 0 && waited < 2 * (long)timeout.TotalMilliseconds && !cancellationToken.IsCancellationRequested; waited += LookMs)
                answer = Poll(queue, LookMs);
            if (answer == 0) return null;
            if (ErrorOf(answer) is var code and not ErrorCode.NoError) throw new KafkaException(new Error(code, Marshal.PtrToStringUTF8(ErrorTextOf(answer))));
            var described = TopicsOf(ResultOf(answer), out var count);
            var read = new KafkaTopic[count];
            for (nint i = 0; i < count; i++) read[i] = Read(described[i]);
            return read;
        }
        finally
        {
            if (answer != 0) DestroyEvent(answer);
            DestroyCollection(collection);
            DestroyOptions(options);
            DestroyQueue(queue);
        }
    }

    private static KafkaTopic Read(nint topic)
    {
        var id = IdOf(topic);
        var (most, least) = id == 0 ? (0, 0) : (MostBits(id), LeastBits(id));
        var partitions = PartitionsOf(topic, out var count);
        var leaderless = new List<int>();
        var leaders = new HashSet<string>(StringComparer.Ordinal);
        for (nint i = 0; i < count; i++)
        {
            if (LeaderOf(partitions[i]) is var leader && (leader == 0 || NodeOf(leader) < 0)) leaderless.Add(PartitionOf(partitions[i]));
            else leaders.Add(string.Create(CultureInfo.InvariantCulture, $"{Marshal.PtrToStringUTF8(HostOf(leader))}:{PortOf(leader)}"));
        }

        var error = TopicErrorOf(topic);
        var code = error == 0 ? ErrorCode.NoError : CodeOf(error);
        return new KafkaTopic(Marshal.PtrToStringUTF8(NameOf(topic))!, (most | least) == 0 ? null : new Uuid(most, least).ToString(), (int)count,
            code == ErrorCode.NoError ? null : new Error(code, Marshal.PtrToStringUTF8(TextOf(error)))) { Leaderless = leaderless, Leaders = leaders };
    }

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_queue_new")]
    private static partial nint NewQueue(nint client);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_queue_poll")]
    private static partial nint Poll(nint queue, int timeoutMs);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_queue_destroy")]
    private static partial void DestroyQueue(nint queue);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_AdminOptions_new")]
    private static partial nint NewOptions(nint client, int operation);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_AdminOptions_set_request_timeout")]
    private static partial ErrorCode SetTimeout(nint options, int timeoutMs, Span<byte> error, nint errorSize);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_AdminOptions_destroy")]
    private static partial void DestroyOptions(nint options);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_TopicCollection_of_topic_names", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint CollectionOf(string[] topics, nint count);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_TopicCollection_destroy")]
    private static partial void DestroyCollection(nint collection);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_DescribeTopics")]
    private static partial void Describe(nint client, nint collection, nint options, nint queue);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_event_error")]
    private static partial ErrorCode ErrorOf(nint answer);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_event_error_string")]
    private static partial nint ErrorTextOf(nint answer);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_event_DescribeTopics_result")]
    private static partial nint ResultOf(nint answer);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_event_destroy")]
    private static partial void DestroyEvent(nint answer);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_DescribeTopics_result_topics")]
    private static partial nint* TopicsOf(nint result, out nint count);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_TopicDescription_name")]
    private static partial nint NameOf(nint topic);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_TopicDescription_topic_id")]
    private static partial nint IdOf(nint topic);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_TopicDescription_error")]
    private static partial nint TopicErrorOf(nint topic);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_TopicDescription_partitions")]
    private static partial nint* PartitionsOf(nint topic, out nint count);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_TopicPartitionInfo_partition")]
    private static partial int PartitionOf(nint partition);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_TopicPartitionInfo_leader")]
    private static partial nint LeaderOf(nint partition);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_Node_id")]
    private static partial int NodeOf(nint node);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_Node_host")]
    private static partial nint HostOf(nint node);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_Node_port")]
    private static partial ushort PortOf(nint node);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_Uuid_most_significant_bits")]
    private static partial long MostBits(nint id);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_Uuid_least_significant_bits")]
    private static partial long LeastBits(nint id);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_error_code")]
    private static partial ErrorCode CodeOf(nint error);

    [LibraryImport(LibraryName, EntryPoint = "rd_kafka_error_string")]
    private static partial nint TextOf(nint error);
}
