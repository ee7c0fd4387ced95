using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Sources.Kafka.Client;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>
/// The clients of one source on this node: one that serves all its readings, opened for the first and closed behind the last
/// that uses it. There is a second only while the first has broken and is being left, or while a partition is read twice at
/// a time.
/// </summary>
internal sealed class KafkaConnections(KafkaClients clients, KafkaSourceOptions options, ISourceOwner owner, TimeProvider time, ILogger log)
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly List<KafkaConnection> _open = [];

    public int Count => _open.Count;

    /// <summary>A client for a reading of these partitions, or for questions when there are none. To be left by <see cref="LeaveAsync"/>.</summary>
    public async Task<KafkaConnection> EnterAsync(IReadOnlyCollection<TopicPartition> partitions, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            if (_open.Find(connection => connection.TryEnter(partitions)) is { } shared) return shared;
            var opened = await KafkaConnection.OpenAsync(clients, options, owner, time, log, cancellationToken);
            opened.TryEnter(partitions);
            _open.Add(opened);
            return opened;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Whoever calls this uses the client no more. The last one closes it.</summary>
    public async Task LeaveAsync(KafkaConnection connection, IReadOnlyCollection<TopicPartition> partitions)
    {
        await _gate.WaitAsync(CancellationToken.None);
        try
        {
            if (!connection.Leave(partitions)) return;
            _open.Remove(connection);
        }
        finally
        {
            _gate.Release();
        }

        await connection.DisposeAsync();
    }
}
