using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka;

/// <summary>A topic as the cluster knows it.</summary>
/// <param name="Id">What tells it from another that had its name before; null from brokers older than 2.8.</param>
/// <param name="Error">Null when the topic can be read.</param>
internal sealed record KafkaTopic(string Name, string? Id, int Partitions, Error? Error);

/// <summary>Asks the cluster about topics. Safe to use from several threads.</summary>
internal sealed class KafkaTopics(KafkaClients clients, TimeSpan requestTimeout) : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private IAdminClient? _admin;
    private ClientConfig? _config;
    private Error? _lastError;
    private TaskCompletionSource<Error> _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <exception cref="PipelineException">No broker answers or all refuse us.</exception>
    public async Task<IReadOnlyList<KafkaTopic>> DescribeAsync(IReadOnlyCollection<string> names, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            var admin = _admin ??= await ConnectAsync(cancellationToken);
            await clients.RotateAsync(admin, _config!, cancellationToken);
            // What happened while nobody asked says nothing about now.
            _lastError = null;
            _failed = new TaskCompletionSource<Error>(TaskCreationOptions.RunContinuationsAsynchronously);
            var describing = DescribeAsync(admin, names);
            var first = await Task.WhenAny(describing, _failed.Task).WaitAsync(cancellationToken);
            if (first == describing) return await describing;

            Observe(describing);
            throw KafkaFaults.Describe(clients.Thing, await _failed.Task, _lastError?.Reason);
        }
        catch (KafkaException e)
        {
            throw KafkaFaults.Describe(clients.Thing, _lastError ?? e.Error, inner: e);
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose()
    {
        _admin?.Dispose();
        _gate.Dispose();
    }

    private async Task<IAdminClient> ConnectAsync(CancellationToken cancellationToken)
    {
        _config = await clients.ConfigureAsync(cancellationToken);
        return clients.Build(() => new AdminClientBuilder(_config).SetErrorHandler((_, error) => OnError(error)).SetLogHandler((_, _) => { }).Build());
    }

    private void OnError(Error error)
    {
        // "All brokers down" follows the reason that each broker gave.
        if (error.Code != ErrorCode.Local_AllBrokersDown) _lastError = error;
        if (error.Code == ErrorCode.Local_AllBrokersDown || KafkaFaults.IsRefusal(error.Code)) _failed.TrySetResult(_lastError ?? error);
    }

    private async Task<IReadOnlyList<KafkaTopic>> DescribeAsync(IAdminClient admin, IReadOnlyCollection<string> names)
    {
        try
        {
            var result = await admin.DescribeTopicsAsync(TopicCollection.OfTopicNames(names), new DescribeTopicsOptions { RequestTimeout = requestTimeout });
            return [.. result.TopicDescriptions.Select(Read)];
        }
        catch (DescribeTopicsException e)
        {
            return [.. e.Results.TopicDescriptions.Select(Read)];
        }
    }

    private static KafkaTopic Read(TopicDescription topic) => new(topic.Name,
        topic.TopicId is { } id && (id.MostSignificantBits | id.LeastSignificantBits) != 0 ? id.ToString() : null,
        topic.Partitions?.Count ?? 0, topic.Error is { IsError: true } error ? error : null);

    /// <summary>An answer that nobody waits for any more may still fail.</summary>
    private static void Observe(Task task) =>
        _ = task.ContinueWith(static done => _ = done.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
}
