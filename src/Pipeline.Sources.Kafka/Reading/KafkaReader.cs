using Confluent.Kafka;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>
/// Reads partitions on a thread of its own, from the client's queue into chunks. Ends with the first error that the
/// client does not get over by itself, after handing on what was good.
/// </summary>
internal sealed class KafkaReader : IAsyncDisposable
{
    private const int BatchMax = 4096;
    private const int IdleWaitMs = 200;
    private static readonly TimeSpan WatermarksEvery = TimeSpan.FromSeconds(1);

    private readonly KafkaConnection _connection;
    private readonly RecordFeed _feed;
    private readonly ChunkQueue _queue;
    private readonly KafkaSourceOptions _options;
    private readonly long _openBytesMax;
    private readonly TimeProvider _time;
    private readonly KafkaMetrics _metrics;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _isStopping;
    private long _openBytes;
    private long _watermarksAt;

    public KafkaReader(KafkaConnection connection, RecordFeed feed, IReadOnlyList<PartitionReading> partitions, ChunkQueue queue,
        KafkaSourceOptions options, KafkaMetrics metrics, TimeProvider time)
    {
        _connection = connection;
        _feed = feed;
        _queue = queue;
        _options = options;
        // The other three quarters: what the client has fetched, and chunks that wait.
        _openBytesMax = options.ReadingBytesMax / 4;
        _metrics = metrics;
        _time = time;
        Partitions = partitions;
        feed.OnError = connection.OnRecordError;
    }

    public IReadOnlyList<PartitionReading> Partitions { get; }

    public long InFlightBytes => _queue.Bytes + Volatile.Read(ref _openBytes);

    public void Start(string name)
    {
        _metrics.Started(this);
        new Thread(Run) { Name = name, IsBackground = true }.Start();
    }

    public IAsyncEnumerable<Chunk> ChunksAsync(CancellationToken cancellationToken) => _queue.TakeAllAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        _isStopping = true;
        _feed.Wake();
        _queue.Stop();
        await _ended.Task;
        _metrics.Stopped(this);
        _queue.Stop();
        _feed.Dispose();
        _connection.Dispose();
    }

    private void Run()
    {
        // The enumerator throws what ended the reading, after the chunks before it.
        var fault = Background.Failure(() =>
        {
            _connection.Assign(Partitions);
            while (!_isStopping) Turn();
        });
        if (fault is KafkaException client) fault = _connection.Describe(client);
        // What cannot even be handed on is the worse of the two.
        if (fault is PipelineException) fault = Background.Failure(FlushAll) ?? fault;

        var unabandoned = Background.Failure(() =>
        {
            foreach (var partition in Partitions) partition.Abandon();
        });
        _queue.Complete(fault ?? unabandoned);
        _ended.SetResult();
    }

    private void Turn()
    {
        if (_feed.Take(waitMs: 0, BatchMax) == 0) _feed.Take(WaitMs(), countMax: 1);
        _connection.ThrowIfBroken(Partitions);
        FlushDue();
        SeeWatermarks();
    }

    /// <summary>Until the oldest open chunk is due.</summary>
    private int WaitMs()
    {
        var wait = TimeSpan.FromMilliseconds(IdleWaitMs);
        foreach (var partition in Partitions)
            if (partition.HasOpenChunk && _options.ChunkAgeMax - partition.Age is var left && left < wait) wait = left;
        return Math.Max(1, (int)Math.Ceiling(wait.TotalMilliseconds));
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
        if (_time.GetElapsedTime(_watermarksAt) < WatermarksEvery) return;
        _watermarksAt = _time.GetTimestamp();
        foreach (var partition in Partitions) partition.SeeEnd(_connection.EndOffset(partition));
    }
}
