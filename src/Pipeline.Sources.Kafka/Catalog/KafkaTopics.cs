using Confluent.Kafka;
using Pipeline.Core;
using Pipeline.Sources.Kafka.Client;

namespace Pipeline.Sources.Kafka.Catalog;

/// <summary>A topic as the cluster knows it.</summary>
/// <param name="Id">What tells it from another that had its name before; null from brokers older than 2.8.</param>
/// <param name="Error">Null when the topic can be read.</param>
internal sealed record KafkaTopic(string Name, string? Id, int Partitions, Error? Error)
{
    /// <summary>See <see cref="Split.Identity"/>; without ids topics of one name are told apart by nothing.</summary>
    public string Identity => Id is null ? Name : $"{Name}@{Id}";

    /// <summary>An id as Kafka's own tools print it. The client's differs by two characters, which are those of splits that lakes know.</summary>
    public static string? Printed(string? id) => id?.Replace('+', '-').Replace('/', '_');

    /// <summary>Partitions that nobody leads: they cannot be read for now.</summary>
    public IReadOnlyList<int> Leaderless { get; init; } = [];

    /// <summary>The brokers that lead the others, as <c>host:port</c>.</summary>
    public IReadOnlyCollection<string> Leaders { get; init; } = [];
}

/// <summary>Asks the cluster about topics. Safe to use from several threads.</summary>
/// <param name="certificates">Told of the brokers that are met.</param>
internal sealed class KafkaTopics(KafkaClients clients, BrokerCertificates certificates, TimeSpan requestTimeout, TimeProvider time) : IAsyncDisposable
{
    /// <summary>The longest that the client takes for an answer.</summary>
    private static readonly TimeSpan AskingMax = TimeSpan.FromHours(1);

    /// <summary>How long the other brokers get when one cannot be reached.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    // Held by one question at a time, each of which has an end.
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly CancellationTokenSource _stopping = new();
    private IAdminClient? _client;
    private ClientLease? _lease;
    private ClientConfig? _config;
    private Error? _lastError;
    private TaskCompletionSource<Error> _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>All topics that this user may describe.</summary>
    /// <exception cref="PipelineException">No broker answers or all refuse us.</exception>
    public async Task<IReadOnlyList<TopicMetadata>> ListAsync(CancellationToken cancellationToken)
    {
        // Whatever name: one that is not there is an answer too, and what is wrong with the way to it is told as for any.
        await DescribeAsync(["topics"], cancellationToken);
        await _gate.WaitAsync(cancellationToken);
        try
        {
            return await Blocking.RunAsync(() => _client!.GetMetadata(requestTimeout).Topics, cancellationToken);
        }
        catch (KafkaException e)
        {
            throw await FaultAsync(e.Error, e, cancellationToken);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <exception cref="PipelineException">No broker answers or all refuse us.</exception>
    public async Task<IReadOnlyList<KafkaTopic>> DescribeAsync(IReadOnlyCollection<string> names, CancellationToken cancellationToken)
    {
        using var asking = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        await _gate.WaitAsync(asking.Token);
        try
        {
            var lease = _lease ?? await ConnectAsync(asking.Token);
            await clients.RotateAsync(_client!, _config!, asking.Token);
            // What happened while nobody asked says nothing about now.
            _lastError = null;
            _failed = new TaskCompletionSource<Error>(TaskCreationOptions.RunContinuationsAsynchronously);
            var answering = Blocking.RunAsync(() => TopicQuestion.Ask(lease, names, requestTimeout < AskingMax ? requestTimeout : AskingMax, asking.Token), CancellationToken.None);
            await Task.WhenAny(answering, FailureAsync(asking.Token));
            await asking.CancelAsync();
            if (await answering is { } topics)
            {
                certificates.Look(_config!, topics.SelectMany(topic => topic.Leaders));
                return topics;
            }

            cancellationToken.ThrowIfCancellationRequested();
            ObjectDisposedException.ThrowIf(_stopping.IsCancellationRequested, this);
            if (_lastError is { } error) throw await FaultAsync(error, inner: null, cancellationToken);
            // A client that does not answer for itself is not asked again.
            Disconnect();
            throw new PipelineException(FaultKind.Unreachable, clients.Thing, $"no answer about its topics within {2 * requestTimeout.TotalSeconds:0.#} s", "Check the brokers' logs.") { Dependency = clients.Thing };
        }
        catch (KafkaException e)
        {
            throw await FaultAsync(_lastError ?? e.Error, e, cancellationToken);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>The client that topics are asked with, for another question behind theirs, which has its password. To be disposed.</summary>
    public async Task<ClientLease> LeaseAsync(CancellationToken cancellationToken)
    {
        using var asking = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        await _gate.WaitAsync(asking.Token);
        try
        {
            return (_lease ?? await ConnectAsync(asking.Token)).Share();
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>A question that is under way ends first.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _gate.WaitAsync(CancellationToken.None);
        Disconnect();
        await certificates.DisposeAsync();
        _gate.Dispose();
        _stopping.Dispose();
    }

    private async Task<ClientLease> ConnectAsync(CancellationToken cancellationToken)
    {
        if (LibRdKafka.Unavailable is { } reason) throw LibRdKafka.Missing(clients.Thing, reason);
        _config = await clients.ConfigureAsync(cancellationToken);
        _client = clients.Build(() => new AdminClientBuilder(_config).SetErrorHandler((_, error) => OnError(error)).SetLogHandler((_, _) => { }).Build());
        return _lease = new ClientLease(_client);
    }

    private void Disconnect()
    {
        _lease?.Dispose();
        _client?.Dispose();
        (_lease, _client) = (null, null);
    }

    private async ValueTask<PipelineException> FaultAsync(Error error, Exception? inner, CancellationToken cancellationToken) =>
        await certificates.ExplainAsync(clients.Thing, _config!, error, inner, cancellationToken) ?? KafkaFaults.Describe(clients.Thing, error, inner: inner);

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
}
