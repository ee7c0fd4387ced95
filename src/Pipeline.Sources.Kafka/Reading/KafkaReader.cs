using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Sources.Kafka.Client;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>
/// Reads partitions on a thread of its own, from its queue at the client into chunks: it may wait for room or for a registry
/// without anybody else waiting. Ends with the first error that the client does not get over by itself, after handing on
/// what was good.
/// </summary>
internal sealed class KafkaReader : IReadingFigures, IAsyncDisposable
{
    private const int BatchMax = 4096;
    private const int IdleWaitMs = 200;
    private static readonly TimeSpan WatermarksEvery = TimeSpan.FromSeconds(1);

    /// <summary>How long the client must have had nothing more for the reading to count as up to date.</summary>
    private static readonly TimeSpan CaughtUpAfter = TimeSpan.FromSeconds(1);

    private readonly KafkaConnections _connections;
    private readonly KafkaConnection _connection;
    private readonly RecordQueue _records;
    private readonly ChunkQueue _queue;
    private readonly KafkaSourceOptions _options;
    private readonly long _openBytesMax;
    private readonly TimeProvider _time;
    private readonly KafkaMetrics _metrics;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _leaving = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private (PartitionReading Partition, ErrorCode Code, string Reason)? _error;
    private volatile bool _isStopping;
    private int _isDisposed;
    private long _openBytes;
    private long _watermarksAt;
    private bool _hasReachedEnd;
    private Task<IReadOnlyDictionary<TopicPartition, long>>? _ends;
    private long? _endsAskedAt;
    private bool _isBehind;
    private long _behindAt;

    private KafkaReader(KafkaConnections connections, KafkaConnection connection, IReadOnlyList<PartitionReading> partitions, ChunkQueue queue,
        KafkaSourceOptions options, KafkaMetrics metrics, TimeProvider time, ILogger log)
    {
        (_connections, _connection, _queue, _options, _metrics, _time, _log) = (connections, connection, queue, options, metrics, time, log);
        // The other three quarters: what the client has fetched, and chunks that wait.
        _openBytesMax = options.ReadingBytesMax / 4;
        Partitions = partitions;
        _records = new RecordQueue(connection, partitions, OnError);
    }

    public IReadOnlyList<PartitionReading> Partitions { get; }

    public IEnumerable<PartitionLag> Lags =>
        Partitions.Select(partition => new PartitionLag(partition.Table, partition.Partition, partition.LagRecords, partition.LagSeconds, partition.LagUnreadable));

    public long InFlightBytes => _queue.Bytes + Volatile.Read(ref _openBytes);

    public static async Task<KafkaReader> StartAsync(string name, KafkaConnections connections, IReadOnlyList<PartitionReading> partitions, ChunkQueue queue,
        KafkaSourceOptions options, KafkaMetrics metrics, TimeProvider time, ILogger log, CancellationToken cancellationToken)
    {
        var connection = await connections.EnterAsync([.. partitions.Select(partition => partition.Place)], cancellationToken);
        var reader = new KafkaReader(connections, connection, partitions, queue, options, metrics, time, log);
        metrics.Started(reader);
        new Thread(reader.Run) { Name = name, IsBackground = true }.Start();
        return reader;
    }

    public IAsyncEnumerable<Chunk> ChunksAsync(CancellationToken cancellationToken) => _queue.TakeAllAsync(cancellationToken);

    /// <summary>Shows a durable position to lag tools.</summary>
    public void StoreOffset(TopicPartition partition, long position) => _connection.StoreOffset(partition, position);

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0) return;
        _isStopping = true;
        await _leaving.CancelAsync();
        _records.Wake();
        _queue.Dispose();
        await _ended.Task;
        if (_ends is not null) await ((Task)_ends).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _leaving.Dispose();
        _metrics.Stopped(this);
        _records.Dispose();
        await _connections.LeaveAsync(_connection, [.. Partitions.Select(partition => partition.Place)]);
    }

    private void Run()
    {
        // The enumerator throws what ended the reading, after the chunks before it.
        var fault = Background.Failure(Read);
        if (fault is KafkaException client) fault = KafkaFaults.Describe(_connection.Thing, client.Error, inner: client);
        // What cannot even be handed on is the worse of the two.
        if (fault is PipelineException) fault = Background.Failure(FlushAll) ?? fault;

        var unabandoned = Background.Failure(() =>
        {
            foreach (var partition in Partitions) partition.Abandon();
        });
        _queue.Complete(fault ?? unabandoned);
        _ended.SetResult();
    }

    private void Read()
    {
        SetBehind(true);
        try
        {
            _records.Assign();
            while (!_isStopping) Turn();
        }
        finally
        {
            SetBehind(false);
        }
    }

    private void Turn()
    {
        if (_records.Take(waitMs: 0, BatchMax) == 0) _records.Take(WaitMs(), countMax: 1);
        if (_error is { } error) throw PartitionFaults.Describe(_connection, error.Partition, error.Code, error.Reason, _time);
        _connection.ThrowIfBroken();
        SeeWhetherBehind();
        FlushDue();
        SeeEnds();
        SeeWatermarks();
    }

    private bool OnError(PartitionReading partition, ErrorCode code, string reason)
    {
        if (KafkaFaults.IsPassing(code))
        {
            partition.Complain(reason);
            _log.PassingError(partition.Split.ToString(), code, reason);
        }
        else _error ??= (partition, code, reason);
        return _error is null;
    }

    /// <summary>Until the oldest open chunk is due.</summary>
    private int WaitMs()
    {
        var wait = TimeSpan.FromMilliseconds(IdleWaitMs);
        foreach (var partition in Partitions)
            if (partition.HasOpenChunk && _options.ChunkAgeMax - partition.Age is var left && left < wait) wait = left;
        return Math.Max(1, (int)Math.Ceiling(wait.TotalMilliseconds));
    }

    private void SeeWhetherBehind()
    {
        if (_records.HasMore)
        {
            _behindAt = _time.GetTimestamp();
            SetBehind(true);
        }
        else if (_isBehind && _time.GetElapsedTime(_behindAt) >= CaughtUpAfter)
        {
            SetBehind(false);
        }
    }

    private void SetBehind(bool isBehind)
    {
        if (isBehind == _isBehind) return;
        _isBehind = isBehind;
        if (isBehind) _connection.Wait.FallBehind();
        else _connection.Wait.CatchUp();
    }

    private void FlushDue()
    {
        long open = 0;
        PartitionReading? largest = null;
        foreach (var partition in Partitions)
        {
            if (partition.IsDue(_options.ChunkAgeMax)) partition.Flush();
            open += partition.OpenBytes;
            if (largest is null || partition.OpenBytes > largest.OpenBytes) largest = partition;
        }

        if (open > _openBytesMax)
        {
            open -= largest!.OpenBytes;
            largest.Flush();
        }

        Volatile.Write(ref _openBytes, open);
    }

    private void FlushAll()
    {
        foreach (var partition in Partitions) partition.Flush();
    }

    private void SeeWatermarks()
    {
        var isAtEnd = !_hasReachedEnd && Partitions.All(partition => partition.HasReachedEnd);
        if (!isAtEnd && _time.GetElapsedTime(_watermarksAt) < WatermarksEvery) return;
        _hasReachedEnd |= isAtEnd;
        _watermarksAt = _time.GetTimestamp();
        var isTaking = _records.HasMore;
        foreach (var partition in Partitions)
        {
            partition.SeeEnd(_connection.HighWatermark(partition.Place), isTaking);
            partition.Look();
        }
    }

    /// <summary>Asks beside the reading, which a leader that does not answer would hold up.</summary>
    private void SeeEnds()
    {
        if (_ends is { IsCompleted: true } answered)
        {
            _ends = null;
            // Nobody's answer is no look; why, the reading itself will find out.
            if (answered.IsCompletedSuccessfully)
                foreach (var partition in Partitions)
                    if (answered.Result.TryGetValue(partition.Place, out var end)) partition.EndedAt(end, _endsAskedAt!.Value);
        }

        // Not all tables at once at the start: what is asked waits behind fetches that the broker holds.
        _endsAskedAt ??= _time.GetTimestamp();
        if (_ends is not null || _time.GetElapsedTime(_endsAskedAt.Value) < _options.EndsInterval) return;
        _endsAskedAt = _time.GetTimestamp();
        _ends = Blocking.RunAsync(() => EndQuestion.Ask(_connection.Client, [.. Partitions.Select(partition => partition.Place)], _options.RequestTimeout, _leaving.Token), _leaving.Token);
    }
}
