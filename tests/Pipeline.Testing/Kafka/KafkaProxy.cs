using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;

namespace Pipeline.Testing.Kafka;

/// <summary>
/// Stands between Kafka clients and brokers, reads the protocol and tells clients what it is told to: refusals, partitions
/// without a leader, truncated logs, topics made anew, damaged batches. Clients find every broker through it only.
/// </summary>
/// <remarks>
/// What is told is what a real broker was seen to tell. Offers only the versions of requests that it reads: records are
/// fetched by the topic's name.
/// </remarks>
public sealed class KafkaProxy : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly ImmutableArray<KafkaProxyListener> _listeners;
    private readonly ConcurrentDictionary<KafkaApi, int> _requests = [];
    private KafkaProxyRules _rules = new();
    private volatile bool _isAway;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private KafkaProxy(string bootstrap, string? username, string? password)
    {
        (Username, Password) = (username, password);
        _listeners = [.. bootstrap.Split(',').Select(address => new KafkaProxyListener(this, IPEndPoint.Parse(address)))];
    }

    /// <summary>Host and port in front of every broker.</summary>
    public string Bootstrap => string.Join(',', _listeners.Select(listener => $"127.0.0.1:{listener.Port}"));

    /// <summary>What clients have to know from their next connection on.</summary>
    public string? Password { get; set; }

    internal string? Username { get; }

    internal KafkaProxyRules Rules
    {
        get
        {
            lock (_gate) return _rules;
        }
    }

    /// <param name="bootstrap">All brokers, by their loopback addresses.</param>
    /// <param name="username">Who may come, by SASL's PLAIN; null: everybody, without it.</param>
    public static KafkaProxy Start(string bootstrap, string? username = null, string? password = null) => new(bootstrap, username, password);

    /// <summary>How many requests of a kind have come.</summary>
    public int Requests(KafkaApi api) => _requests.GetValueOrDefault(api);

    /// <summary>Answers these requests with an error, for one topic or for all; <see cref="KafkaError.None"/> ends that.</summary>
    public void Fail(KafkaApi api, KafkaError error, string topic = "") => Change(rules => rules with
    {
        Errors = error == KafkaError.None ? rules.Errors.Remove((api, topic)) : rules.Errors.SetItem((api, topic), error),
    });

    /// <summary>Nobody leads the partition, as when the only broker with a replica is away.</summary>
    public void SetLeaderless(string topic, int partition, bool isLeaderless) => Change(topic, partition, rules => rules with { IsLeaderless = isLeaderless });

    /// <summary>A new leader's epoch began at an offset: records from there on are not those of the epochs before.</summary>
    public void BeginEpoch(string topic, int partition, int epoch, long from) => Change(topic, partition, rules => rules with { Epoch = epoch, EpochFrom = from });

    /// <summary>The log ends here, whatever the broker has; null: it ends where it does.</summary>
    public void End(string topic, int partition, long? at) => Change(topic, partition, rules => rules with { End = at });

    /// <summary>A transaction began at this offset and is open; null: none is.</summary>
    public void OpenTransaction(string topic, int partition, long? from) => Change(topic, partition, rules => rules with { OpenFrom = from });

    /// <summary>The batch that holds an offset comes with a byte that is not what was sent.</summary>
    public void Damage(string topic, int partition, long offset) => Change(topic, partition, rules => rules with { Damaged = rules.Damaged.Add(offset) });

    /// <summary>All batches come as they were sent.</summary>
    public void Mend(string topic, int partition) => Change(topic, partition, rules => rules with { Damaged = [] });

    /// <summary>The first record of the batch that begins at an offset has this timestamp, and the batch's others follow it.</summary>
    public void SetTimestamp(string topic, int partition, long offset, long milliseconds) =>
        Change(topic, partition, rules => rules with { Timestamps = rules.Timestamps.SetItem(offset, milliseconds) });

    /// <summary>The topic is another one under the name that it had; null: the broker's own.</summary>
    public void SetTopicId(string topic, Guid? id) => Change(rules => rules with { TopicIds = id is { } other ? rules.TopicIds.SetItem(topic, other) : rules.TopicIds.Remove(topic) });

    /// <summary>Answers to these requests wait, and whatever follows on their connections, until <see cref="Release"/>.</summary>
    public void Hold(KafkaApi api) => Change(rules => rules with { Held = rules.Held.Add(api) });

    public void Release(KafkaApi api) => Change(rules => rules with { Held = rules.Held.Remove(api) });

    /// <summary>Whether no broker can be reached: who is connected is hung up on, and so is whoever comes.</summary>
    public bool IsAway
    {
        get => _isAway;
        set
        {
            _isAway = value;
            if (value) CloseConnections();
        }
    }

    /// <summary>Hangs up on every client; they may connect again.</summary>
    public void CloseConnections()
    {
        foreach (var listener in _listeners) listener.CloseConnections();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var listener in _listeners) await listener.DisposeAsync();
    }

    internal (string Host, int Port) AddressOf((string Host, int Port) broker) =>
        _listeners.FirstOrDefault(listener => listener.Broker.Port == broker.Port) is { } listener ? ("127.0.0.1", listener.Port) : broker;

    internal void Count(KafkaApi api) => _requests.AddOrUpdate(api, 1, (_, count) => count + 1);

    /// <summary>Waits while answers to such requests are held.</summary>
    internal async Task PassAsync(KafkaApi api, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                if (!_rules.Held.Contains(api)) return;
                changed = _changed.Task;
            }

            await changed.WaitAsync(cancellationToken);
        }
    }

    private void Change(string topic, int partition, Func<PartitionRules, PartitionRules> change) =>
        Change(rules => rules with { Partitions = rules.Partitions.SetItem((topic, partition), change(rules.Of(topic, partition))) });

    private void Change(Func<KafkaProxyRules, KafkaProxyRules> change)
    {
        TaskCompletionSource changed;
        lock (_gate)
        {
            _rules = change(_rules);
            (changed, _changed) = (_changed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        changed.SetResult();
    }
}
