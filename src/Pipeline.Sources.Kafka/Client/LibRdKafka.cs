using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using Confluent.Kafka;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Client;

/// <summary>A record or an event of a partition as librdkafka hands it out: <c>rd_kafka_message_t</c> of rdkafka.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeMessage
{
    public ErrorCode Error;
    public nint Topic;
    public int Partition;

    /// <summary>The value, or with an <see cref="Error"/> its text.</summary>
    public byte* Payload;
    public nuint PayloadLength;
    public byte* Key;
    public nuint KeyLength;
    public long Offset;
    private readonly nint _private;
}

/// <summary>
/// What librdkafka keeps behind a fetched message, <c>rd_kafka_msg_t</c> of rdkafka_msg.h: private, so it may be looked at
/// in the version it was read from only (<see cref="LibRdKafka.IsLayoutKnown"/>).
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeFetchedMessage
{
    public NativeMessage Message;
    private readonly nint _next;
    private readonly nint _previous;
    private readonly int _flags;
    private readonly int _timestampType;
    private readonly long _timestamp;
    private readonly nint _headers;
    private readonly int _status;
    private readonly int _brokerId;

    /// <summary>Bytes of the unparsed headers: their number as a varint, then the headers.</summary>
    public int HeaderBytes;

    /// <summary>Where they begin: right behind the value.</summary>
    public byte* Headers;
}

/// <summary>
/// The calls of librdkafka that Confluent.Kafka does not offer, on the very library it has loaded. One batch call
/// replaces an object, two arrays and a dozen native calls for each record.
/// </summary>
internal static unsafe class LibRdKafka
{
    /// <summary>What imported calls name as their library, to be resolved to the one that is loaded.</summary>
    public const string Name = "librdkafka";

    // 2.16.0, as rd_kafka_version() says it.
    private const int KnownLayout = 0x021000ff;

    private static readonly string[] Needed =
    [
        "rd_kafka_queue_get_consumer", "rd_kafka_queue_get_partition", "rd_kafka_queue_new", "rd_kafka_queue_forward", "rd_kafka_queue_length",
        "rd_kafka_queue_destroy", "rd_kafka_queue_yield", "rd_kafka_consume_batch_queue", "rd_kafka_conf", "rd_kafka_conf_set",
        "rd_kafka_message_destroy", "rd_kafka_message_timestamp", "rd_kafka_message_leader_epoch", "rd_kafka_message_headers", "rd_kafka_header_get_all", "rd_kafka_topic_name",
        "rd_kafka_version",
    ];

    private static readonly delegate* unmanaged[Cdecl]<nint, nint> QueueGetConsumer;
    private static readonly delegate* unmanaged[Cdecl]<nint, byte*, int, nint> QueueGetPartition;
    private static readonly delegate* unmanaged[Cdecl]<nint, nint> QueueNew;
    private static readonly delegate* unmanaged[Cdecl]<nint, nint, void> QueueForward;
    private static readonly delegate* unmanaged[Cdecl]<nint, nuint> QueueLength;
    private static readonly delegate* unmanaged[Cdecl]<nint, void> QueueDestroy;
    private static readonly delegate* unmanaged[Cdecl]<nint, void> QueueYield;
    private static readonly delegate* unmanaged[Cdecl]<nint, int, NativeMessage**, nint, nint> ConsumeBatchQueue;
    private static readonly delegate* unmanaged[Cdecl]<NativeMessage*, void> MessageDestroy;
    private static readonly delegate* unmanaged[Cdecl]<nint, byte*> TopicNameOf;
    private static readonly delegate* unmanaged[Cdecl]<nint, nint> ConfOf;
    private static readonly delegate* unmanaged[Cdecl]<nint, byte*, byte*, byte*, nuint, int> ConfSet;

    private static readonly delegate* unmanaged[Cdecl]<NativeMessage*, nint*, ErrorCode> MessageHeaders;
    private static readonly delegate* unmanaged[Cdecl]<nint, nuint, byte**, byte**, nuint*, ErrorCode> HeaderGetAll;

    // Reads a field: too short to tell the garbage collector about.
    private static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<NativeMessage*, int*, long> MessageTimestamp;

    private static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<NativeMessage*, int> MessageLeaderEpoch;

    static LibRdKafka()
    {
        Library.Load(null);
        var isFound = TryFind(out var library);
        Loaded = library;
        NativeLibrary.SetDllImportResolver(typeof(LibRdKafka).Assembly, (name, _, _) => name == Name ? library : 0);
        if (!isFound)
        {
            Unavailable = "the loaded librdkafka was not found";
            return;
        }

        var missing = Needed.FirstOrDefault(name => !NativeLibrary.TryGetExport(library, name, out _));
        if (missing is not null)
        {
            Unavailable = $"librdkafka lacks {missing}";
            return;
        }

        if (HandleProperty is null)
        {
            Unavailable = "Confluent.Kafka keeps its native handle elsewhere";
            return;
        }

        QueueGetConsumer = (delegate* unmanaged[Cdecl]<nint, nint>)NativeLibrary.GetExport(library, "rd_kafka_queue_get_consumer");
        QueueGetPartition = (delegate* unmanaged[Cdecl]<nint, byte*, int, nint>)NativeLibrary.GetExport(library, "rd_kafka_queue_get_partition");
        QueueNew = (delegate* unmanaged[Cdecl]<nint, nint>)NativeLibrary.GetExport(library, "rd_kafka_queue_new");
        QueueForward = (delegate* unmanaged[Cdecl]<nint, nint, void>)NativeLibrary.GetExport(library, "rd_kafka_queue_forward");
        QueueLength = (delegate* unmanaged[Cdecl]<nint, nuint>)NativeLibrary.GetExport(library, "rd_kafka_queue_length");
        QueueDestroy = (delegate* unmanaged[Cdecl]<nint, void>)NativeLibrary.GetExport(library, "rd_kafka_queue_destroy");
        QueueYield = (delegate* unmanaged[Cdecl]<nint, void>)NativeLibrary.GetExport(library, "rd_kafka_queue_yield");
        ConsumeBatchQueue = (delegate* unmanaged[Cdecl]<nint, int, NativeMessage**, nint, nint>)NativeLibrary.GetExport(library, "rd_kafka_consume_batch_queue");
        MessageDestroy = (delegate* unmanaged[Cdecl]<NativeMessage*, void>)NativeLibrary.GetExport(library, "rd_kafka_message_destroy");
        MessageTimestamp = (delegate* unmanaged[Cdecl, SuppressGCTransition]<NativeMessage*, int*, long>)NativeLibrary.GetExport(library, "rd_kafka_message_timestamp");
        MessageLeaderEpoch = (delegate* unmanaged[Cdecl, SuppressGCTransition]<NativeMessage*, int>)NativeLibrary.GetExport(library, "rd_kafka_message_leader_epoch");
        MessageHeaders = (delegate* unmanaged[Cdecl]<NativeMessage*, nint*, ErrorCode>)NativeLibrary.GetExport(library, "rd_kafka_message_headers");
        HeaderGetAll = (delegate* unmanaged[Cdecl]<nint, nuint, byte**, byte**, nuint*, ErrorCode>)NativeLibrary.GetExport(library, "rd_kafka_header_get_all");
        ConfOf = (delegate* unmanaged[Cdecl]<nint, nint>)NativeLibrary.GetExport(library, "rd_kafka_conf");
        ConfSet = (delegate* unmanaged[Cdecl]<nint, byte*, byte*, byte*, nuint, int>)NativeLibrary.GetExport(library, "rd_kafka_conf_set");
        TopicNameOf = (delegate* unmanaged[Cdecl]<nint, byte*>)NativeLibrary.GetExport(library, "rd_kafka_topic_name");
        var version = ((delegate* unmanaged[Cdecl]<int>)NativeLibrary.GetExport(library, "rd_kafka_version"))();
        IsLayoutKnown = version == KnownLayout && sizeof(nint) == 8;
    }

    /// <summary>Whether this is the librdkafka whose <see cref="NativeFetchedMessage"/> is described here.</summary>
    public static bool IsLayoutKnown { get; }

    /// <summary>Why the calls cannot be used here; null when they can.</summary>
    public static string? Unavailable { get; }

    /// <summary>The library; zero when it was not found.</summary>
    public static nint Loaded { get; }

    // Internal to Confluent.Kafka: there is no public way from a consumer to librdkafka's handle.
    private static PropertyInfo? HandleProperty { get; } = typeof(Handle).GetProperty("LibrdkafkaHandle", BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public);

    /// <summary>A client as librdkafka knows it, to be held by a <see cref="ClientLease"/>.</summary>
    public static SafeHandle HandleOf(IClient client) => (SafeHandle)HandleProperty!.GetValue(client.Handle)!;

    public static PipelineException Missing(string thing, string reason) => new(FaultKind.Invalid, thing, $"records cannot be read: {reason}",
        "Use the versions of Confluent.Kafka and librdkafka that this release was built with.");

    /// <summary>
    /// The queue of a consumer's own events, and of all partitions that are not forwarded elsewhere.
    /// </summary>
    public static QueueHandle ConsumerQueue(ClientLease consumer) => new(consumer, client => QueueGetConsumer(client));

    /// <summary>A queue to which partitions can be forwarded.</summary>
    public static QueueHandle NewQueue(ClientLease client) => new(client, handle => QueueNew(handle));

    /// <summary>
    /// Lets what comes from a partition go to a queue, for good: also when the partition is assigned later. Null: to no
    /// queue any more.
    /// </summary>
    /// <returns>False when the client knows no such partition and cannot make one.</returns>
    public static bool TryForward(ClientLease client, string topic, int partition, QueueHandle? queue)
    {
        using var held = client.Share();
        nint from;
        fixed (byte* name = Encoding.UTF8.GetBytes(topic + '\0')) from = QueueGetPartition(held.Client, name, partition);
        if (from == 0) return false;
        // The client counts who forwards to a queue: it outlives this call by itself.
        if (queue is null)
        {
            QueueForward(from, 0);
        }
        else
        {
            using var to = new HeldHandle(queue);
            QueueForward(from, to.Value);
        }

        QueueDestroy(from);
        return true;
    }

    /// <summary>Messages and events that wait in a queue.</summary>
    public static long Length(QueueHandle queue)
    {
        using var held = new HeldHandle(queue);
        return (long)QueueLength(held.Value);
    }

    public static void Destroy(nint queue) => QueueDestroy(queue);

    /// <summary>Ends a waiting <see cref="ConsumeBatch"/> early; the only call on a queue that another thread may make.</summary>
    public static void Yield(QueueHandle queue)
    {
        using var held = new HeldHandle(queue);
        QueueYield(held.Value);
    }

    /// <summary>
    /// Changes how long brokers may hold a fetch, from the next one on. librdkafka reads this number for each request; its
    /// header calls the settings of a running client read-only, since most are looked at only once.
    /// </summary>
    public static bool TrySetFetchWaitMax(ClientLease client, int milliseconds)
    {
        using var held = client.Share();
        const int errorBytes = 512;
        var error = stackalloc byte[errorBytes];
        fixed (byte* name = "fetch.wait.max.ms\0"u8, value = Encoding.UTF8.GetBytes($"{milliseconds}\0"))
            return ConfSet(ConfOf(held.Client), name, value, error, errorBytes) == 0;
    }

    /// <summary>
    /// Takes up to <paramref name="countMax"/> messages, waiting until there are so many or the timeout has passed: with a
    /// timeout of zero whatever is there. Callbacks of the client run in here. Returns their number, -1 on misuse.
    /// </summary>
    public static int ConsumeBatch(QueueHandle queue, int timeoutMs, NativeMessage** messages, int countMax)
    {
        using var held = new HeldHandle(queue);
        return (int)ConsumeBatchQueue(held.Value, timeoutMs, messages, countMax);
    }

    public static void Destroy(NativeMessage* message) => MessageDestroy(message);

    /// <summary>Milliseconds since the epoch; negative when the record has no timestamp.</summary>
    public static long Timestamp(NativeMessage* message)
    {
        int type;
        var timestamp = MessageTimestamp(message, &type);
        return type == (int)TimestampType.NotAvailable ? -1 : timestamp;
    }

    /// <summary>The epoch of the leader that took the record; negative when brokers do not say.</summary>
    public static int LeaderEpoch(NativeMessage* message) => MessageLeaderEpoch(message);

    /// <summary>The record's headers, owned by the message; zero when it has none.</summary>
    /// <remarks>
    /// librdkafka builds a buffer object to read how many there are, which costs a record without any as much as all the
    /// rest of its way through here.
    /// </remarks>
    public static nint Headers(NativeMessage* message)
    {
        if (IsLayoutKnown && HasNone((NativeFetchedMessage*)message)) return 0;
        nint headers;
        return MessageHeaders(message, &headers) == ErrorCode.NoError ? headers : 0;
    }

    /// <summary>Only their number is there, so it is zero. Where they begin proves that this is the place.</summary>
    private static bool HasNone(NativeFetchedMessage* fetched) =>
        fetched->HeaderBytes == 1 && fetched->Message.Payload is not null && fetched->Headers == fetched->Message.Payload + fetched->Message.PayloadLength;

    public static bool TryGetHeader(nint headers, int index, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value, out bool isNull)
    {
        byte* nameBytes, valueBytes;
        nuint length;
        var found = HeaderGetAll(headers, (nuint)index, &nameBytes, &valueBytes, &length) == ErrorCode.NoError;
        name = found ? MemoryMarshal.CreateReadOnlySpanFromNullTerminated(nameBytes) : default;
        isNull = !found || valueBytes is null;
        value = isNull ? default : new ReadOnlySpan<byte>(valueBytes, (int)length);
        return found;
    }

    public static string TopicName(nint topic) => Marshal.PtrToStringUTF8((nint)TopicNameOf(topic))!;

    /// <summary>
    /// Confluent.Kafka carries several builds and loads the first that finds its own libraries on this system, under a
    /// name that a plain import does not know.
    /// </summary>
    private static bool TryFind(out nint library)
    {
        if (!OperatingSystem.IsLinux()) return NativeLibrary.TryLoad("librdkafka", typeof(Library).Assembly, null, out library);
        var loaded = File.ReadLines("/proc/self/maps")
            .Select(mapping => mapping.IndexOf('/') is var at and >= 0 ? mapping[at..] : "")
            .FirstOrDefault(file => file.Contains("librdkafka", StringComparison.Ordinal));
        library = 0;
        return loaded is not null && NativeLibrary.TryLoad(loaded, out library);
    }
}
