using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Sources.Kafka.Catalog;
using Pipeline.Sources.Kafka.Client;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>
/// A consumer whose partitions are assigned by hand, for several readings, and what it complains about as a whole.
/// librdkafka reconnects and retries by itself; this decides when that is hopeless.
/// </summary>
internal sealed class KafkaConnection : IAsyncDisposable
{
    /// <summary>How long all brokers may be away before the readings end with an error, to be tried again by their owners.</summary>
    private static readonly TimeSpan DownMax = TimeSpan.FromSeconds(10);

    /// <summary>After a rotation refusals of the old password may still arrive for so long: what a connection may take to be set up.</summary>
    private static readonly TimeSpan OldPasswordMax = TimeSpan.FromSeconds(30);

    /// <summary>How often it is looked whether the password is still the same: the old one holds for a while, as a rule.</summary>
    private static readonly TimeSpan PasswordAgeMax = TimeSpan.FromSeconds(5);

    /// <summary>The client starts fetching a partition when it has stopped others that it was told to stop before.</summary>
    private static readonly RetryPolicy Starts = new() { BackoffMin = TimeSpan.FromMilliseconds(5), BackoffMax = TimeSpan.FromMilliseconds(50), TimeMax = TimeSpan.FromSeconds(30) };

    private const int EventWaitMs = 200;

    private readonly KafkaClients _clients;
    private readonly ClientConfig _config;
    private readonly TimeSpan _requestTimeout;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly QueueHandle _events;
    private readonly ClientLease _lease;
    private readonly GroupOffsets? _offsets;
    private readonly OutageReason _reason;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private readonly HashSet<TopicPartition> _taken = [];
    private readonly HashSet<TopicPartition> _assigned = [];
    private int _users;
    private Exception? _fault;

    // Of the thread that waits for events.
    private Error? _refusal;
    private Error? _fatal;
    private long? _downAt;
    private long? _rotatedAt;
    private long _lookedAt;
    private bool _hasWarnedOfGroup;

    private KafkaConnection(KafkaClients clients, ConsumerConfig config, KafkaSourceOptions options, ISourceOwner owner, TimeProvider time, ILogger log)
    {
        (_clients, _config, _requestTimeout, _time, _log) = (clients, config, options.RequestTimeout, time, log);
        _reason = new OutageReason(time);
        _lookedAt = time.GetTimestamp();
        Consumer = clients.Build(() => new ConsumerBuilder<byte[]?, byte[]?>(config)
            .SetErrorHandler((_, error) => OnError(error))
            .SetLogHandler((_, line) => _log.Librdkafka(line.Facility, line.Message))
            .Build());
        _lease = new ClientLease(Consumer);
        Wait = new FetchWait(_lease, options.FetchWaitMax);
        _offsets = options.Group is null ? null : new GroupOffsets(_lease, options, owner, Store, time, log);
        _events = LibRdKafka.ConsumerQueue(_lease);
        new Thread(Run) { Name = "kafka events", IsBackground = true }.Start();
    }

    public string Thing => _clients.Thing;

    public IConsumer<byte[]?, byte[]?> Consumer { get; }

    /// <summary>The same for librdkafka.</summary>
    public ClientLease Client => _lease;

    public FetchWait Wait { get; }

    public static async Task<KafkaConnection> OpenAsync(KafkaClients clients, KafkaSourceOptions options, ISourceOwner owner, TimeProvider time, ILogger log, CancellationToken cancellationToken)
    {
        if (LibRdKafka.Unavailable is { } reason) throw LibRdKafka.Missing(clients.Thing, reason);
        var config = new ConsumerConfig(await clients.ConfigureAsync(cancellationToken))
        {
            GroupId = options.Group ?? "pipeline",
            // Commits what AcknowledgeAsync has stored, for lag tools; positions are in the lake.
            EnableAutoCommit = options.Group is not null,
            AutoCommitIntervalMs = 2_000,
            EnableAutoOffsetStore = false,
            // Nothing is assigned while a commit is under way, and one that finds no coordinator (or is not allowed) is under
            // way for so long. There are no sessions otherwise.
            SessionTimeoutMs = 1_000,
            // Never anywhere else than where we said: expired offsets are an operator's decision.
            AutoOffsetReset = AutoOffsetReset.Error,
            IsolationLevel = IsolationLevel.ReadCommitted,
            // A byte that was flipped on the way or on a broker's disk is noticed: else it lands, unless the batch is compressed.
            CheckCrcs = true,
            // Where a partition ends for now: the only sign of markers and aborted records at its end.
            EnablePartitionEof = true,
            // Of each reading's queue, since each has one.
            QueuedMaxMessagesKbytes = (int)(options.ReadingBytesMax / 2 / 1024),
            // The size alone decides when to stop fetching.
            QueuedMinMessages = 10_000_000,
            FetchQueueBackoffMs = 10,
            FetchWaitMaxMs = (int)options.FetchWaitMax.TotalMilliseconds,
            // Brokers answer a connection's requests in their order: others wait behind a fetch that is held.
            SocketTimeoutMs = (int)Math.Min(300_000, Math.Max(10_000, options.RequestTimeout.TotalMilliseconds) + options.FetchWaitMax.TotalMilliseconds),
            // All of it may be one reading's, which had room for it.
            FetchMaxBytes = (int)Math.Clamp(options.ReadingBytesMax / 4, 1 << 20, 50 << 20),
            MaxPartitionFetchBytes = 1 << 20,
            // Assigned by hand: nobody waits for our polls, and a full queue may keep us away for long.
            MaxPollIntervalMs = 86_400_000,
        };
        return new KafkaConnection(clients, config, options, owner, time, log);
    }

    /// <summary>Takes in a reading of these partitions; refuses one of a partition that is being read, and everybody once it has broken.</summary>
    public bool TryEnter(IReadOnlyCollection<TopicPartition> partitions)
    {
        lock (_gate)
        {
            if (_fault is not null || partitions.Any(_taken.Contains)) return false;
            _taken.UnionWith(partitions);
            _users++;
            return true;
        }
    }

    /// <summary>Returns whether nobody uses it any more.</summary>
    public bool Leave(IReadOnlyCollection<TopicPartition> partitions)
    {
        lock (_gate)
        {
            _taken.ExceptWith(partitions);
            return --_users == 0;
        }
    }

    /// <summary>Starts fetching, from a position whose leader's epoch is known only when the log still has that epoch as far.</summary>
    public void Assign(IReadOnlyCollection<TopicPartitionOffset> partitions)
    {
        Consumer.IncrementalAssign(partitions);
        lock (_gate) _assigned.UnionWith(partitions.Select(partition => partition.TopicPartition));
        // The assignment alone would believe it.
        TopicPartitionOffset[] known = [.. partitions.Where(partition => partition.LeaderEpoch is >= 0 && partition.Offset.Value > 0)];
        if (known.Length > 0) Seek(known);
    }

    /// <summary>Stops fetching; other readings' partitions do not notice.</summary>
    public void Unassign(IReadOnlyCollection<TopicPartition> partitions)
    {
        TopicPartition[] assigned;
        lock (_gate)
        {
            assigned = [.. partitions.Where(_assigned.Contains)];
            _assigned.ExceptWith(assigned);
        }

        if (assigned.Length == 0) return;
        try
        {
            Consumer.IncrementalUnassign(assigned);
        }
        catch (KafkaException e)
        {
            // It may still fetch them: whoever reads them next must not get them from here.
            Break(KafkaFaults.Describe(Thing, e.Error, inner: e));
        }
    }

    /// <summary>
    /// The offset after the last record that the partition keeps, readable or behind an open transaction, as the last fetch
    /// told; negative when unknown.
    /// </summary>
    public long HighWatermark(TopicPartition partition) => Consumer.GetWatermarkOffsets(partition).High.Value;

    /// <summary>The range of offsets that a partition has now. Blocks.</summary>
    /// <exception cref="KafkaException">No broker answers.</exception>
    public WatermarkOffsets QueryOffsets(TopicPartition partition) => Consumer.QueryWatermarkOffsets(partition, _requestTimeout);

    /// <summary>Shows a durable position to lag tools, some seconds later.</summary>
    public void StoreOffset(TopicPartition partition, long position) => _offsets?.Show(partition, position);

    /// <summary>Throws when something happened to the client as a whole that will not pass.</summary>
    public void ThrowIfBroken()
    {
        if (Volatile.Read(ref _fault) is not { } fault) return;
        // Each reading throws its own.
        throw fault is PipelineException told ? new PipelineException(told.Kind, told.Thing, told.Cause, told.NextStep, told) { Dependency = told.Dependency } : new InvalidOperationException($"{Thing}: {fault.Message}", fault);
    }

    /// <summary>Nobody uses it any more.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _offsets?.Dispose();
        LibRdKafka.Yield(_events);
        await _ended.Task;
        _stopping.Dispose();
        _events.Dispose();
        // Without Close: there is no group to leave, and a broker that is down must not hold us.
        Consumer.Dispose();
        _lease.Dispose();
    }

    /// <summary>On the reading's own thread, which is there to be blocked.</summary>
    private void Seek(IReadOnlyList<TopicPartitionOffset> positions)
    {
        positions = Starts.RunAsync(TimeProvider.System, _ => ValueTask.FromResult(positions = SeekQuestion.Seek(_lease, positions, _requestTimeout)), CancellationToken.None, isAgain: left => left.Count > 0, isTransient: _ => false)
            .GetAwaiter().GetResult();
        if (positions.Count > 0) throw new KafkaException(ErrorCode.Local_TimedOut);
    }

    /// <summary>Does nothing for a partition that is not read any more.</summary>
    private void Store(TopicPartition partition, long position, string mark)
    {
        lock (_gate)
            if (_assigned.Contains(partition)) GroupQuestion.Store(_lease, partition, position, mark);
    }

    private void Break(Exception fault)
    {
        lock (_gate) _fault ??= fault;
    }

    private void Run()
    {
        // Every reading throws what ended it.
        if (Background.Failure(TakeEvents) is { } fault) Break(fault);
        _ended.SetResult();
    }

    private unsafe void TakeEvents()
    {
        NativeMessage* message;
        while (!_stopping.IsCancellationRequested)
        {
            if (LibRdKafka.ConsumeBatch(_events, EventWaitMs, &message, 1) == 1)
            {
                var (code, isRecord) = (message->Error, message->Error is ErrorCode.NoError or ErrorCode.Local_PartitionEOF);
                var reason = isRecord || message->Payload is null ? "" : Encoding.UTF8.GetString(message->Payload, (int)message->PayloadLength);
                LibRdKafka.Destroy(message);
                if (isRecord) throw new InvalidOperationException("a record came that belongs to no reading");
                OnError(new Error(code, reason));
            }

            ThrowIfHopeless();
            if (_time.GetElapsedTime(_lookedAt) < PasswordAgeMax) continue;
            LookForPassword();
            _lookedAt = _time.GetTimestamp();
        }
    }

    /// <summary>A password that was replaced while the old one still holds: the next connection brings the new one, and none is refused. This thread is ours to block.</summary>
    private void LookForPassword()
    {
        try
        {
            if (_clients.RotateAsync(Consumer, _config, _stopping.Token).AsTask().GetAwaiter().GetResult()) _log.PasswordReplaced(Thing);
        }
        catch (PipelineException)
        {
            // Nobody knows it now; the one before holds until it is refused, and then it is said.
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The loop sees it.
        }
    }

    private void OnError(Error error)
    {
        if (error.IsFatal)
        {
            _fatal ??= error;
        }
        else if (error.Code == ErrorCode.GroupAuthorizationFailed)
        {
            // The client asks for the group's coordinator also where no group is used.
            if (_offsets is not null && !_hasWarnedOfGroup) _log.GroupRefused(Thing);
            _hasWarnedOfGroup = true;
        }
        else if (KafkaFaults.IsRefusal(error.Code))
        {
            _refusal = error;
        }
        else if (error.Code == ErrorCode.Local_AllBrokersDown)
        {
            if (_downAt is null) _log.AllBrokersDown(Thing, _reason.Now);
            _downAt ??= _time.GetTimestamp();
        }
        else
        {
            _reason.Note(error.Reason);
            _log.PassingError(Thing, error.Code, error.Reason);
        }
    }

    private void ThrowIfHopeless()
    {
        if (_fatal is not null) throw KafkaFaults.Describe(Thing, _fatal);
        if (_refusal is not null) RotateOrThrow(_refusal);
        if (_downAt is { } downAt && _time.GetElapsedTime(downAt) >= DownMax) ThrowIfStillDown();
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

        // This thread is ours to block.
        if (!_clients.RotateAsync(Consumer, _config, CancellationToken.None).AsTask().GetAwaiter().GetResult())
            throw KafkaFaults.Describe(Thing, refusal);
        _refusal = null;
        _rotatedAt = _time.GetTimestamp();
        _log.CredentialsRotated(Thing);
    }

    private void ThrowIfStillDown()
    {
        TopicPartition? any;
        lock (_gate) any = _taken.FirstOrDefault();
        if (any is null) return;
        if (Background.Failure(() => AskAnyBroker(any.Topic)) is not { } failure)
        {
            _downAt = null;
            _reason.Clear();
            return;
        }

        if (_stopping.IsCancellationRequested) return;
        if (failure is KafkaException { Error: var error } && KafkaFaults.IsRefusal(error.Code)) throw KafkaFaults.Describe(Thing, error, inner: failure);
        // Not by the code: a client without brokers has several.
        throw new PipelineException(FaultKind.Unreachable, Thing, $"no broker has answered for {DownMax.TotalSeconds:0} s: {_reason.Now}",
            "Check the brokers and the network.", failure) { Dependency = Thing };
    }

    /// <summary>Whoever answers, answers for the topic: that nobody leads one of its partitions is no outage of the brokers.</summary>
    private void AskAnyBroker(string topic)
    {
        if (TopicQuestion.Ask(_lease, [topic], _requestTimeout, _stopping.Token) is null) throw new KafkaException(ErrorCode.Local_TimedOut);
    }
}
