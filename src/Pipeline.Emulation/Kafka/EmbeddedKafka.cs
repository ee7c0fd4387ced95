using System.Runtime.InteropServices;
using System.Text;
using Confluent.Kafka;
using Pipeline.Core;

namespace Pipeline.Emulation.Kafka;

/// <summary>
/// A Kafka cluster inside this process, reachable from other processes too: librdkafka's mock cluster on free loopback
/// ports. No TLS, no SASL, nothing survives the process.
/// </summary>
/// <remarks>
/// <para>A partition keeps only its newest <see cref="RetentionBytes"/> (as sent, so compressed) or
/// <see cref="RetentionBatches"/>; older records vanish silently, whether read or not. Producers that must not lose
/// records stay behind the reader with a <see cref="RetentionGuard"/>.</para>
/// <para>Aborted transactions stay visible, old transactional producers are not fenced, and offsets cannot be looked up
/// by time. Listing consumer groups with an admin client ends the process: do not.</para>
/// <para>Topics that are not created are created on first use by a producer, with four partitions.</para>
/// </remarks>
public sealed class EmbeddedKafka : IAsyncDisposable
{
    /// <summary>Bytes of batches that a partition keeps.</summary>
    public const long RetentionBytes = 5L << 20;

    /// <summary>Batches that a partition keeps.</summary>
    public const int RetentionBatches = 100_000;

    private readonly nint _client;
    private readonly nint _cluster;
    private readonly Lazy<IConsumer<Null, Null>> _observer;
    private readonly HandleGate _gate = new(nameof(EmbeddedKafka));

    private EmbeddedKafka(nint client, nint cluster, string bootstrap)
    {
        _client = client;
        _cluster = cluster;
        Bootstrap = bootstrap;
        _observer = new(() => new ConsumerBuilder<Null, Null>(new ConsumerConfig { BootstrapServers = bootstrap, GroupId = "observer" }).Build());
    }

    /// <summary>Host and port of every broker.</summary>
    public string Bootstrap { get; }

    /// <summary>Starts brokers numbered from 1 and creates topics.</summary>
    /// <exception cref="InvalidOperationException">No port or no memory.</exception>
    public static EmbeddedKafka Start(int brokers = 1, params ReadOnlySpan<(string Topic, int Partitions)> topics) =>
        Start(brokers, hasTopicIds: false, topics);

    /// <param name="hasTopicIds">
    /// Whether topics have an identity that a re-created one does not share, as since Kafka 2.8. Ids are random: without
    /// them a cluster that was refilled with the same records looks like the one before.
    /// </param>
    public static EmbeddedKafka Start(int brokers, bool hasTopicIds, params ReadOnlySpan<(string Topic, int Partitions)> topics)
    {
        Span<byte> error = stackalloc byte[512];
        var configuration = MockCluster.NewConfiguration();
        // Quiet: brokers that a test takes down are not news.
        _ = MockCluster.Set(configuration, "log_level", "0", error, error.Length);
        var client = MockCluster.NewClient(type: 0, configuration, error, error.Length);
        if (client == 0) throw new InvalidOperationException($"The embedded Kafka broker cannot start: {Encoding.UTF8.GetString(error[..error.IndexOf((byte)0)])}");
        var cluster = MockCluster.New(client, brokers);
        if (cluster == 0)
        {
            MockCluster.DestroyClient(client);
            throw new InvalidOperationException("The embedded Kafka broker cannot start: no free loopback port.");
        }

        // Admin clients wait for a controller before they ask anything.
        MockCluster.SetController(cluster, broker: 1);
        if (!hasTopicIds)
        {
            // The last versions of both that know topics by name only.
            Check(MockCluster.SetApiVersion(cluster, KafkaRequest.Metadata, 0, 9), "metadata version");
            Check(MockCluster.SetApiVersion(cluster, KafkaRequest.Fetch, 0, 12), "fetch version");
        }

        var kafka = new EmbeddedKafka(client, cluster, Marshal.PtrToStringUTF8(MockCluster.Bootstraps(cluster))!);
        foreach (var (topic, partitions) in topics) kafka.CreateTopic(topic, partitions);
        return kafka;
    }

    public void CreateTopic(string topic, int partitions) =>
        Check(cluster => MockCluster.CreateTopic(cluster, topic, partitions, replicas: 1), $"topic {topic}");

    public void DeleteTopic(string topic) => Check(cluster => MockCluster.DeleteTopic(cluster, topic), $"topic {topic}");

    /// <summary>Answers metadata requests for the topic with an error until set to <see cref="ErrorCode.NoError"/>.</summary>
    public void SetTopicError(string topic, ErrorCode error) => Call(cluster => MockCluster.SetTopicError(cluster, topic, error));

    /// <summary>The next requests of this kind get these answers, one each, whichever broker they reach.</summary>
    public void FailNext(KafkaRequest request, params ReadOnlySpan<ErrorCode> errors)
    {
        using var use = _gate.Enter();
        MockCluster.PushErrors(_cluster, request, errors.Length, errors);
    }

    /// <summary>Forgets what <see cref="FailNext"/> has not used yet.</summary>
    public void ClearFailures(KafkaRequest request) => Call(cluster => MockCluster.ClearErrors(cluster, request));

    /// <summary>Closes a broker's connections and refuses new ones.</summary>
    public void TakeDown(int broker) => Check(cluster => MockCluster.SetDown(cluster, broker), $"broker {broker}");

    public void BringUp(int broker) => Check(cluster => MockCluster.SetUp(cluster, broker), $"broker {broker}");

    /// <summary>Delays every answer of a broker.</summary>
    public void SetRoundTrip(int broker, TimeSpan delay) =>
        Check(cluster => MockCluster.SetRoundTrip(cluster, broker, (int)delay.TotalMilliseconds), $"broker {broker}");

    /// <summary>What clients are told to connect to from now on; the broker itself stays where it is.</summary>
    public void Advertise(int broker, string host, int port) => Call(cluster => MockCluster.SetAddress(cluster, broker, host, port));

    public void MoveLeader(string topic, int partition, int broker) =>
        Check(cluster => MockCluster.SetLeader(cluster, topic, partition, broker), $"{topic}/{partition}");

    /// <summary>Removes records below an offset, as retention would.</summary>
    public void DeleteRecords(string topic, int partition, long beforeOffset) =>
        Check(cluster => MockCluster.DeleteRecords(cluster, topic, partition, beforeOffset), $"{topic}/{partition}");

    /// <summary>The offset of a partition's oldest record and of the next one to be produced.</summary>
    public (long Low, long High) Watermarks(string topic, int partition)
    {
        var offsets = _observer.Value.QueryWatermarkOffsets(new TopicPartition(topic, partition), TimeSpan.FromMinutes(1));
        return (offsets.Low.Value, offsets.High.Value);
    }

    /// <summary>Stops the brokers; their records are gone.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_observer.IsValueCreated) _observer.Value.Dispose();
        // Joins the brokers' threads.
        await Task.Run(() => _gate.End(() =>
        {
            MockCluster.Destroy(_cluster);
            MockCluster.DestroyClient(_client);
        }));
    }

    private void Call(Action<nint> call)
    {
        using var use = _gate.Enter();
        call(_cluster);
    }

    private void Check(Func<nint, ErrorCode> call, string thing)
    {
        using var use = _gate.Enter();
        Check(call(_cluster), thing);
    }

    private static void Check(ErrorCode code, string thing)
    {
        if (code != ErrorCode.NoError) throw new InvalidOperationException($"The embedded Kafka broker refused {thing}: {code}.");
    }
}
