using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace Pipeline.Sources.Kafka.Client;

/// <summary><c>rd_kafka_topic_partition_list_t</c> of rdkafka.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe partial struct NativePartitions
{
    public int Count;
    private readonly int _size;
    public NativePartition* Elements;

    // A client is there, so that the library is loaded and the imports find it.
    static NativePartitions() => _ = LibRdKafka.Loaded;

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_topic_partition_list_new")]
    public static partial NativePartitions* New(int size);

    /// <returns>The new element.</returns>
    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_topic_partition_list_add", StringMarshalling = StringMarshalling.Utf8)]
    public static partial NativePartition* Add(NativePartitions* list, string topic, int partition);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_topic_partition_list_destroy")]
    public static partial void Destroy(NativePartitions* list);
}

/// <summary><c>rd_kafka_topic_partition_t</c> of rdkafka.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativePartition
{
    public nint Topic;
    public int Partition;
    public long Offset;
    public byte* Metadata;
    public nuint MetadataBytes;
    private readonly nint _opaque;
    public ErrorCode Error;
    private readonly nint _private;
}
