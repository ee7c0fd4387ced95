using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>
/// A consumer with its partitions assigned by hand, and what it complains about. librdkafka reconnects and retries by
/// itself; this decides when that is hopeless.
/// </summary>
internal sealed class KafkaConnection : IDisposable
{
    /// <summary>How long all brokers may be away before the reading ends with an error, to be tried again by its owner.</summary>
    private static readonly TimeSpan DownMax = TimeSpan.FromSeconds(10);

    /// <summary>After a rotation refusals of the old password may still arrive for so long: what a connection may take to be set up.</summary>
    private static readonly TimeSpan OldPasswordMax = TimeSpan.FromSeconds(30);

    private readonly KafkaClients _clients;
    private readonly ClientConfig _config;
    private readonly TimeSpan _requestTimeout;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly Lock _disposing = new();
    private (PartitionReading? Partition, ErrorCode Code, string Reason)? _recordError;
    private Error? _refusal;
    private Error? _fatal;
    private string _lastReason = "all brokers are down";
    private long? _downAt;
    private long? _rotatedAt;
    private bool _hasWarnedOfGroup;
    private bool _isDisposed;

    private KafkaConnection(KafkaClients clients, ClientConfig config, TimeSpan requestTimeout, TimeProvider time, ILogger log)
    {
        (_clients, _config, _requestTimeout, _time, _log) = (clients, config, requestTimeout, time, log);
        Consumer = clients.Build(() => new ConsumerBuilder<byte[]?, byte[]?>(config)
            .SetErrorHandler((_, error) => OnClientError(error))
            .SetLogHandler((_, line) => _log.Librdkafka(line.Facility, line.Message))
            .Build());
    }

    public IConsumer<byte[]?, byte[]?> Consumer { get; }

    public static async Task<KafkaConnection> OpenAsync(KafkaClients clients, KafkaSourceOptions options, TimeProvider time, ILogger log, CancellationToken cancellationToken)
    {
        var config = new ConsumerConfig(await clients.ConfigureAsync(cancellationToken))
        {
            GroupId = options.Group ?? "pipeline",
            // Commits what AcknowledgeAsync has stored, for lag tools; positions are in the lake.
            EnableAutoCommit = options.Group is not null,
            AutoCommitIntervalMs = 2_000,
            EnableAutoOffsetStore = false,
            // Never anywhere else than where we said: expired offsets are an operator's decision.
            AutoOffsetReset = AutoOffsetReset.Error,
            IsolationLevel = IsolationLevel.ReadCommitted,
            // Where a partition ends for now: the only sign of markers and aborted records at its end.
            EnablePartitionEof = true,
            QueuedMaxMessagesKbytes = (int)(options.ReadingBytesMax / 2 / 1024),
            // The size alone decides when to stop fetching.
            QueuedMinMessages = 10_000_000,
            FetchQueueBackoffMs = 10,
            FetchWaitMaxMs = (int)options.FetchWaitMax.TotalMilliseconds,
            FetchMaxBytes = (int)Math.Clamp(options.ReadingBytesMax / 4, 1 << 20, 50 << 20),
            MaxPartitionFetchBytes = 1 << 20,
            // Assigned by hand: nobody waits for our polls, and a full queue may keep us away for long.
            MaxPollIntervalMs = 86_400_000,
        };
        return new KafkaConnection(clients, config, options.RequestTimeout, time, log);
    }

    /// <summary>Starts fetching; partitions without a position from their oldest record.</summary>
    public void Assign(IReadOnlyList<PartitionReading> partitions) =>
        Consumer.Assign(partitions.Select(partition => new TopicPartitionOffset(Place(partition), partition.Position ?? Offset.Beginning)));

    /// <summary>The offset after the last readable record, as the last fetch told; negative when unknown.</summary>
    public long EndOffset(PartitionReading partition) => Consumer.GetWatermarkOffsets(Place(partition)).High.Value;

    /// <summary>The offset of the oldest record there is, or of the next one when there is none.</summary>
    /// <exception cref="PipelineException">No broker answers.</exception>
    public long OldestOffset(string topic, int partition)
    {
        try
        {
            return Consumer.QueryWatermarkOffsets(new TopicPartition(topic, partition), _requestTimeout).Low.Value;
        }
        catch (KafkaException e)
        {
            throw new PipelineException(FaultKind.Unreachable, $"{_clients.Thing}, topic {topic}, partition {partition}",
                $"its offsets cannot be looked up: {e.Error.Reason.TrimEnd('.')}", "Check the brokers and try again.", e);
        }
    }

    /// <summary>Shows a durable position to lag tools, some seconds later. Does nothing once disposed.</summary>
    public void StoreOffset(string topic, int partition, long position)
    {
        lock (_disposing)
            if (!_isDisposed) Consumer.StoreOffset(new TopicPartitionOffset(topic, partition, position));
    }

    public void OnRecordError(PartitionReading? partition, ErrorCode code, string reason)
    {
        if (KafkaFaults.IsPassing(code)) _log.PassingError(partition?.Split.ToString() ?? _clients.Thing, code, reason);
        else _recordError ??= (partition, code, reason);
    }

    /// <summary>Throws when something happened that will not pass. Called by the reading thread between batches.</summary>
    public void ThrowIfBroken(IReadOnlyList<PartitionReading> partitions)
    {
        if (_recordError is { } error) throw Describe(error.Partition, error.Code, error.Reason);
        if (_fatal is not null) throw KafkaFaults.Describe(_clients.Thing, _fatal);
        if (_refusal is not null) RotateOrThrow(_refusal);
        if (_downAt is { } downAt && _time.GetElapsedTime(downAt) >= DownMax) ThrowIfStillDown(partitions);
    }

    public PipelineException Describe(KafkaException e) => KafkaFaults.Describe(_clients.Thing, e.Error, inner: e);

    public void Dispose()
    {
        lock (_disposing) _isDisposed = true;
        // Without Close: there is no group to leave, and a broker that is down must not hold us.
        Consumer.Dispose();
    }

    private void OnClientError(Error error)
    {
        if (error.IsFatal)
        {
            _fatal ??= error;
        }
        else if (error.Code == ErrorCode.GroupAuthorizationFailed)
        {
            if (!_hasWarnedOfGroup) _log.GroupRefused(_clients.Thing);
            _hasWarnedOfGroup = true;
        }
        else if (KafkaFaults.IsRefusal(error.Code))
        {
            _refusal = error;
        }
        else if (error.Code == ErrorCode.Local_AllBrokersDown)
        {
            if (_downAt is null) _log.AllBrokersDown(_clients.Thing, _lastReason);
            _downAt ??= _time.GetTimestamp();
        }
        else
        {
            _lastReason = error.Reason;
            _log.PassingError(_clients.Thing, error.Code, error.Reason);
        }
    }

    /// <summary>A refused password may have been replaced meanwhile: on with the new one, if there is one.</summary>
    private void RotateOrThrow(Error refusal)
    {
        // Connections that were under way when the password was replaced still bring the old one; a wrong new one is refused again.
        if (_rotatedAt is { } rotatedAt && _time.GetElapsedTime(rotatedAt) < OldPasswordMax)
        {
            _refusal = null;
            return;
        }

        // The reading thread is ours to block.
        if (!_clients.RotateAsync(Consumer, _config, CancellationToken.None).AsTask().GetAwaiter().GetResult())
            throw KafkaFaults.Describe(_clients.Thing, refusal);
        _refusal = null;
        _rotatedAt = _time.GetTimestamp();
        _log.CredentialsRotated(_clients.Thing);
    }

    private void ThrowIfStillDown(IReadOnlyList<PartitionReading> partitions)
    {
        try
        {
            Consumer.QueryWatermarkOffsets(Place(partitions[0]), _requestTimeout);
            _downAt = null;
        }
        catch (KafkaException e)
        {
            if (KafkaFaults.IsRefusal(e.Error.Code)) throw KafkaFaults.Describe(_clients.Thing, e.Error, inner: e);
            // Not by the code: a client without brokers says that it knows no such partition.
            throw new PipelineException(FaultKind.Unreachable, _clients.Thing, $"no broker has answered for {DownMax.TotalSeconds:0} s: {_lastReason.TrimEnd('.')}",
                "Check the brokers and the network.", e) { Dependency = _clients.Thing };
        }
    }

    private PipelineException Describe(PartitionReading? partition, ErrorCode code, string reason)
    {
        if (partition is null) return KafkaFaults.Describe(_clients.Thing, new Error(code, reason));
        var thing = $"{_clients.Thing}, topic {partition.Topic}, partition {partition.Partition}";
        if (code is ErrorCode.Local_AutoOffsetReset or ErrorCode.OffsetOutOfRange) return DescribeGap(partition, thing, reason);
        var fault = KafkaFaults.Describe(thing, new Error(code, reason));
        return new PipelineException(fault.Kind, fault.Thing, fault.Cause, fault.NextStep) { Split = partition.Split };
    }

    private PipelineException DescribeGap(PartitionReading partition, string thing, string reason)
    {
        WatermarkOffsets range;
        try
        {
            range = Consumer.QueryWatermarkOffsets(Place(partition), _requestTimeout);
        }
        catch (KafkaException e)
        {
            return new PipelineException(FaultKind.Unreachable, thing, $"offsets cannot be looked up: {e.Error.Reason}", "Check the brokers' logs.", e) { Split = partition.Split };
        }

        var noticed = $"{_time.GetUtcNow():yyyy-MM-dd HH:mm:ss}Z";
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

    private static TopicPartition Place(PartitionReading partition) => new(partition.Topic, partition.Partition);
}
