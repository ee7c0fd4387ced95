using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace Pipeline.Sources.Kafka.Client;

/// <summary>
/// Asks the leaders of partitions where these end now. What a client remembers of its last fetch says nothing of a leader that is
/// away since.
/// </summary>
internal static unsafe partial class EndQuestion
{
    /// <summary>Of ListOffsets: the high watermark. What an open transaction holds back behind it is not read, and so not looked at.</summary>
    private const long Latest = -1;
    private const long Earliest = -2;
    private const int ErrorBytes = 512;

    /// <summary>What a partition answers that has no record of a time or later.</summary>
    public const long None = -1;

    /// <summary>How long it may take until somebody who gives up is noticed.</summary>
    private const int LookMs = 50;

    // A client is there, so that the library is loaded and the imports find it.
    static EndQuestion() => _ = LibRdKafka.Loaded;

    /// <summary>The ends of those partitions whose leaders have answered in time. Blocks until they have, or it is cancelled.</summary>
    public static IReadOnlyDictionary<TopicPartition, long> Ask(ClientLease lease, IReadOnlyCollection<TopicPartition> partitions, TimeSpan timeout, CancellationToken cancellationToken) =>
        Ask(lease, partitions, Latest, timeout, cancellationToken);

    /// <summary>The oldest offsets that they have, in the same way.</summary>
    public static IReadOnlyDictionary<TopicPartition, long> AskForBeginnings(ClientLease lease, IReadOnlyCollection<TopicPartition> partitions, TimeSpan timeout, CancellationToken cancellationToken) =>
        Ask(lease, partitions, Earliest, timeout, cancellationToken);

    /// <summary>The first offsets of records of a time or a later one, in the same way; <see cref="None"/> of a partition that has no such record.</summary>
    public static IReadOnlyDictionary<TopicPartition, long> AskForTime(ClientLease lease, IReadOnlyCollection<TopicPartition> partitions, DateTimeOffset at, TimeSpan timeout, CancellationToken cancellationToken) =>
        Ask(lease, partitions, Math.Max(0, at.ToUnixTimeMilliseconds()), timeout, cancellationToken);

    private static IReadOnlyDictionary<TopicPartition, long> Ask(ClientLease lease, IReadOnlyCollection<TopicPartition> partitions, long which, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var held = lease.Share();
        var client = held.Client;
        var (queue, options) = (NewQueue(client), NewOptions(client, operation: 0));
        var list = NativePartitions.New(partitions.Count);
        nint answer = 0;
        try
        {
            var error = stackalloc byte[ErrorBytes];
            _ = SetTimeout(options, (int)timeout.TotalMilliseconds, error, ErrorBytes);
            foreach (var partition in partitions) NativePartitions.Add(list, partition.Topic, partition.Partition.Value)->Offset = which;
            ListOffsets(client, list, options, queue);
            // The client's own timer should end it: ours is for the day that it does not.
            for (var waited = 0L; answer == 0 && waited < 2 * (long)timeout.TotalMilliseconds && !cancellationToken.IsCancellationRequested; waited += LookMs)
                answer = Poll(queue, LookMs);
            return answer == 0 || ErrorOf(answer) != ErrorCode.NoError ? new Dictionary<TopicPartition, long>() : Read(ResultOf(answer), which >= 0 ? None : 0);
        }
        finally
        {
            if (answer != 0) DestroyEvent(answer);
            NativePartitions.Destroy(list);
            DestroyOptions(options);
            DestroyQueue(queue);
        }
    }

    private static Dictionary<TopicPartition, long> Read(nint result, long least)
    {
        var ends = new Dictionary<TopicPartition, long>();
        var infos = InfosOf(result, out var count);
        for (nint i = 0; i < count; i++)
        {
            var end = PartitionOf(infos[i]);
            if (end->Error == ErrorCode.NoError && end->Offset >= least) ends[new TopicPartition(Marshal.PtrToStringUTF8(end->Topic)!, end->Partition)] = end->Offset;
        }

        return ends;
    }

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_queue_new")]
    private static partial nint NewQueue(nint client);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_queue_poll")]
    private static partial nint Poll(nint queue, int timeoutMs);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_queue_destroy")]
    private static partial void DestroyQueue(nint queue);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_AdminOptions_new")]
    private static partial nint NewOptions(nint client, int operation);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_AdminOptions_set_request_timeout")]
    private static partial ErrorCode SetTimeout(nint options, int timeoutMs, byte* error, nint errorSize);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_AdminOptions_destroy")]
    private static partial void DestroyOptions(nint options);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_ListOffsets")]
    private static partial void ListOffsets(nint client, NativePartitions* partitions, nint options, nint queue);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_event_error")]
    private static partial ErrorCode ErrorOf(nint answer);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_event_ListOffsets_result")]
    private static partial nint ResultOf(nint answer);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_ListOffsets_result_infos")]
    private static partial nint* InfosOf(nint result, out nint count);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_ListOffsetsResultInfo_topic_partition")]
    private static partial NativePartition* PartitionOf(nint info);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_event_destroy")]
    private static partial void DestroyEvent(nint answer);
}
