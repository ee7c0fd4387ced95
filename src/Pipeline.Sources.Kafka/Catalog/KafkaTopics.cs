using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Pipeline.Core;
using Pipeline.Sources.Kafka.Client;

namespace Pipeline.Sources.Kafka.Catalog;

/// <summary>A topic as the cluster knows it.</summary>
/// <param name="Id">What tells it from another that had its name before; null from brokers older than 2.8.</param>
/// <param name="Error">Null when the topic can be read.</param>
internal sealed record KafkaTopic(string Name, string? Id, int Partitions, Error? Error);

/// <summary>Asks the cluster about topics. Safe to use from several threads.</summary>
internal sealed class KafkaTopics(KafkaClients clients, TimeSpan requestTimeout, TimeProvider time) : IDisposable
{
    /// <summary>The longest that the client takes for an answer.</summary>
    private static readonly TimeSpan AskingMax = TimeSpan.FromHours(1);

    /// <summary>How long the other brokers get when one cannot be reached.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _gate = new(1, 1);
    private IAdminClient? _admin;
    private ClientConfig? _config;
    private Error? _lastError;
    private TaskCompletionSource<Error> _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <exception cref="PipelineException">No broker answers or all refuse us.</exception>
    public async Task<IReadOnlyList<KafkaTopic>> DescribeAsync(IReadOnlyCollection<string> names, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        using var asking = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            var admin = _admin ??= await ConnectAsync(cancellationToken);
            await clients.RotateAsync(admin, _config!, cancellationToken);
            // What happened while nobody asked says nothing about now.
            _lastError = null;
            _failed = new TaskCompletionSource<Error>(TaskCreationOptions.RunContinuationsAsynchronously);
            var describing = DescribeAsync(admin, names);
            Observe(describing);
            await Task.WhenAny(describing, FailureAsync(asking.Token)).WaitAsync(cancellationToken);
            if (describing.IsCompleted) return await describing;

            throw KafkaFaults.Describe(clients.Thing, _lastError!);
        }
        catch (KafkaException e)
        {
            throw KafkaFaults.Describe(clients.Thing, _lastError ?? e.Error, inner: e);
        }
        finally
        {
            await asking.CancelAsync();
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

    /// <summary>Ends when waiting longer is hopeless. The client itself would go on trying until the timeout.</summary>
    private async Task FailureAsync(CancellationToken cancellationToken)
    {
        var error = await _failed.Task.WaitAsync(cancellationToken);
        if (!KafkaFaults.IsRefusal(error.Code)) await Task.Delay(Grace, time, cancellationToken);
    }

    private void OnError(Error error)
    {
        // "All brokers down" follows the reason that each broker gave.
        if (_lastError is null || error.Code != ErrorCode.Local_AllBrokersDown) _lastError = error;
        if (KafkaFaults.IsPassing(error.Code) || KafkaFaults.IsRefusal(error.Code)) _failed.TrySetResult(error);
    }

    private async Task<IReadOnlyList<KafkaTopic>> DescribeAsync(IAdminClient admin, IReadOnlyCollection<string> names)
    {
        try
        {
            var result = await admin.DescribeTopicsAsync(TopicCollection.OfTopicNames(names), new DescribeTopicsOptions { RequestTimeout = requestTimeout < AskingMax ? requestTimeout : AskingMax });
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
