using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Apache.Arrow;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Sources.Kafka.Catalog;
using Pipeline.Sources.Kafka.Client;
using Pipeline.Sources.Kafka.Decoding;
using Pipeline.Sources.Kafka.Reading;

namespace Pipeline.Sources.Kafka;

/// <summary>
/// Topics of one cluster. A split is a partition, its position the next offset. Partitions are assigned by hand at the
/// lake's positions: there is no consumer group and no rebalance.
/// </summary>
internal sealed class KafkaSource : IRedriveSource, IPartSource
{
    /// <summary>What was read waits to be committed meanwhile.</summary>
    private static readonly RetryPolicy Confirmations = new() { BackoffMin = TimeSpan.FromMilliseconds(100), BackoffMax = TimeSpan.FromSeconds(1), TimeMax = TimeSpan.FromSeconds(30) };

    private readonly KafkaSourceOptions _options;
    private readonly ISourceOwner _owner;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly KafkaClients _clients;
    private readonly KafkaTopics _topics;
    private readonly KafkaMetrics _metrics;
    private readonly SourceSchemas? _schemas;
    private readonly KafkaConnections _connections;
    private readonly PartitionWaits _waits;
    private readonly ConcurrentDictionary<SplitId, KafkaReader> _reading = [];
    private readonly ConcurrentDictionary<string, byte> _madeAnew = new(StringComparer.Ordinal);
    private int _isDisposed;

    public KafkaSource(KafkaSourceDefinition definition, SourceServices services)
    {
        Tables = definition.Tables;
        _options = definition.Options;
        _owner = services.Owner;
        _time = services.Time;
        _log = services.Logs.CreateLogger<KafkaSource>();
        _clients = new KafkaClients(Name, _options, services.Secrets, services.Certificates);
        _connections = new KafkaConnections(_clients, _options, services.Owner, services.Time, _log);
        _waits = new PartitionWaits(_options, services.Waits);
        _topics = new KafkaTopics(_clients, new BrokerCertificates(Name, _options, services.Certificates, services.Time), _options.RequestTimeout, services.Time);
        _metrics = new KafkaMetrics(Name);
        _schemas = _options.Registry is { } registry ? new SourceSchemas(new SchemaRegistry(Name, registry, services.Secrets, services.Certificates, services.Time), services.Time) : null;
    }

    public string Name => _options.Name;

    public IReadOnlyList<SourceTable> Tables { get; }

    /// <summary>Clients that read or are asked for records.</summary>
    internal int OpenClients => _connections.Count;

    /// <summary>An offset of a partition; the time tells it from the one in a topic that had the name before.</summary>

    public ValueTask<Schema> DescribeAsync(string table, CancellationToken cancellationToken) => ValueTask.FromResult(KafkaSchemas.Of(Table(table)));

    public async ValueTask<IReadOnlyList<SourceDocument>> DescribeDocumentsAsync(string table, CancellationToken cancellationToken) =>
        _schemas is null ? [] : await Blocking.RunAsync(() => _schemas.DocumentsOf(Table(table), cancellationToken), cancellationToken);

    public async ValueTask<IReadOnlyList<Split>> ListSplitsAsync(string table, CancellationToken cancellationToken)
    {
        var topic = await TopicAsync(Table(table), cancellationToken);
        return [.. Enumerable.Range(0, topic.Partitions)
            .Select(partition => new Split(new SplitId(Name, new KafkaSplitName(topic.Name, topic.Id, partition).ToString()), [table]) { Identity = topic.Identity })];
    }

    public async IAsyncEnumerable<Chunk> ReadAsync(IReadOnlyList<SplitPosition> from, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var splits = from.Select(split => (split.Split, From: split, Name: KafkaSplitName.Parse(split.Split))).ToList();
        foreach (var topic in splits.GroupBy(split => split.Name.Topic, StringComparer.Ordinal))
            await CheckIdentityAsync(topic.Key, topic.Select(split => split.Name.TopicId).Distinct(StringComparer.Ordinal), cancellationToken);

        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var formats = new ValueFormats(_schemas, stopping.Token);
        var queue = new ChunkQueue(_options.ReadingBytesMax / 4);
        PartitionReading[] partitions = [.. splits.Select(split => new PartitionReading(split.Split, TableOf(split.Name.Topic), split.Name.Partition,
            split.From.Position, Math.Min(_options.ChunkBytesMax, _options.ReadingBytesMax / 4), formats.Of(TableOf(split.Name.Topic)), queue, _metrics, _time, _waits.Of(new TopicPartition(split.Name.Topic, split.Name.Partition)), split.From.Marks, split.From.End, split.From.OrderTimeMax))];
        await using var reader = await KafkaReader.StartAsync($"kafka {Name}", _connections, partitions, queue, _options, _metrics, _time, _log, cancellationToken);
        foreach (var (split, _, _) in splits) _reading[split] = reader;
        try
        {
            await using var chunks = reader.ChunksAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
            while (await NextAsync(chunks, cancellationToken)) yield return chunks.Current;
        }
        finally
        {
            await stopping.CancelAsync();
            foreach (var (split, _, _) in splits) _reading.TryRemove(new KeyValuePair<SplitId, KafkaReader>(split, reader));
        }
    }

    /// <summary>Commits the group's offset, for lag tools; nothing ever starts from it.</summary>
    public ValueTask AcknowledgeAsync(SplitId split, long position, CancellationToken cancellationToken)
    {
        if (_options.Group is null || !_reading.TryGetValue(split, out var reader)) return ValueTask.CompletedTask;
        var name = KafkaSplitName.Parse(split);
        reader.StoreOffset(new TopicPartition(name.Topic, name.Partition), position);
        return ValueTask.CompletedTask;
    }

    public SplitLook? LastLook(SplitId split) => _reading.TryGetValue(split, out var reader) ? reader.Partitions.FirstOrDefault(partition => partition.Split == split)?.LastLook : null;

    public long? EndOf(SplitId split) => _reading.TryGetValue(split, out var reader) ? reader.Partitions.FirstOrDefault(partition => partition.Split == split)?.End : null;

    public async ValueTask<IReadOnlyList<SplitStanding>> LookBackAsync(IReadOnlyList<SplitPosition> left, CancellationToken cancellationToken)
    {
        var splits = left.Select(split => (Left: split, Name: KafkaSplitName.Parse(split.Split))).ToList();
        var topics = new Dictionary<string, KafkaTopic>(StringComparer.Ordinal);
        foreach (var name in splits.Select(split => split.Name.Topic).Distinct(StringComparer.Ordinal)) topics[name] = await TopicAsync(TableOf(name), cancellationToken);
        // Of a partition that nobody leads, reading finds out when somebody does.
        TopicPartition[] asked = [.. splits.Where(split => !topics[split.Name.Topic].Leaderless.Contains(split.Name.Partition)).Select(split => new TopicPartition(split.Name.Topic, split.Name.Partition)).Distinct()];
        // Not a reading's: it may be over by then, and one for a question alone would be opened and closed at each look.
        using var lease = await _topics.LeaseAsync(cancellationToken);
        var (beginnings, ends) = await Blocking.RunAsync(() => (EndQuestion.AskForBeginnings(lease, asked, _options.RequestTimeout, cancellationToken),
            EndQuestion.Ask(lease, asked, _options.RequestTimeout, cancellationToken)), cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        return [.. splits.Select(split => StandingOf(split.Left, split.Name, topics[split.Name.Topic], beginnings, ends))];
    }

    public async ValueTask<IReadOnlyList<SplitPart>> LocateAsync(string table, string from, string? to, CancellationToken cancellationToken)
    {
        var (options, place) = (Table(table), OffsetPlace.Parse(from, $"Source {Name}, table {table}"));
        var end = to is null ? null : OffsetPlace.Parse(to, $"Source {Name}, table {table}");
        var topic = await TopicAsync(options, cancellationToken);
        using var lease = await _topics.LeaseAsync(cancellationToken);
        TopicPartition[] asked = [.. Enumerable.Range(0, topic.Partitions).Select(partition => new TopicPartition(topic.Name, partition))];
        var (beginnings, ends, timed, endTimed) = await Blocking.RunAsync(() => (EndQuestion.AskForBeginnings(lease, asked, _options.RequestTimeout, cancellationToken), EndQuestion.Ask(lease, asked, _options.RequestTimeout, cancellationToken),
            OffsetsOf(place), OffsetsOf(end)), cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        return place.PartsOf(_options.ThingOf(topic.Name), [.. asked.Select(partition => new AskedPartition(new SplitId(Name, new KafkaSplitName(topic.Name, topic.Id, partition.Partition.Value).ToString()), partition.Partition.Value,
            Find(beginnings, partition), Find(ends, partition), Find(timed, partition), Find(endTimed, partition)))], end);

        IReadOnlyDictionary<TopicPartition, long> OffsetsOf(OffsetPlace? named) => named?.At is { } at ? EndQuestion.AskForTime(lease, asked, at, _options.RequestTimeout, cancellationToken) : new Dictionary<TopicPartition, long>();

        static long? Find(IReadOnlyDictionary<TopicPartition, long> answers, TopicPartition partition) => answers.TryGetValue(partition, out var answer) ? answer : null;
    }

    /// <summary>Records are fetched by their topic's name: what came until now is of the id that the topic has now, or was one before.</summary>
    public async ValueTask ConfirmAsync(IReadOnlyCollection<Split> read, CancellationToken cancellationToken)
    {
        var names = read.Select(split => KafkaSplitName.Parse(split.Id)).Where(name => name.TopicId is not null).ToList();
        foreach (var topic in names.GroupBy(name => name.Topic, StringComparer.Ordinal))
            await Confirmations.RunAsync(_time, async cancel =>
            {
                await CheckIdentityAsync(topic.Key, topic.Select(name => name.TopicId).Distinct(StringComparer.Ordinal), cancel);
                return true;
            }, cancellationToken, isTransient: e => e is PipelineException { IsTransient: true, Cause: var cause } && !cause.Contains("created again", StringComparison.Ordinal));
    }

    public async ValueTask<DecodedLetters> DecodeAsync(string table, SplitId split, IReadOnlyList<DeadLetter> letters, CancellationToken cancellationToken)
    {
        using var formats = new ValueFormats(_schemas, cancellationToken);
        var (options, partition) = (Table(table), KafkaSplitName.Parse(split).Partition);
        // Asking the registry blocks.
        return await Blocking.RunAsync(() => LetterDecoding.Decode(options, partition, letters, formats.Of(options)), cancellationToken);
    }

    public ValueTask<IReadOnlyList<Finding>> CheckAsync(CancellationToken cancellationToken) =>
        new KafkaSourceCheck(_options, _clients, _topics, _connections, _schemas, _owner).RunAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0) return;
        await _topics.DisposeAsync();
        _waits.Dispose();
        _metrics.Dispose();
        _schemas?.Dispose();
    }

    private async Task<bool> NextAsync(IAsyncEnumerator<Chunk> chunks, CancellationToken cancellationToken)
    {
        try
        {
            return await chunks.MoveNextAsync();
        }
        catch (PipelineException e) when (e.Kind == FaultKind.Gap)
        {
            // In a topic that was made anew nothing is missing.
            var name = KafkaSplitName.Parse(e.Split!.Value);
            await CheckIdentityAsync(name.Topic, [name.TopicId], cancellationToken);
            _log.Gap(e.Split.ToString()!, e.Cause);
            _metrics.Gap(TableOf(name.Topic).Name);
            throw;
        }
    }

    private SplitStanding StandingOf(SplitPosition left, KafkaSplitName name, KafkaTopic topic, IReadOnlyDictionary<TopicPartition, long> beginnings, IReadOnlyDictionary<TopicPartition, long> ends)
    {
        var place = new TopicPartition(name.Topic, name.Partition);
        long? beginning = beginnings.TryGetValue(place, out var first) ? first : null;
        long? end = ends.TryGetValue(place, out var last) ? last : null;
        if (IsMadeAnew(topic, name.TopicId)) return new SplitStanding(left.Split, beginning, MadeAnew(topic, name.TopicId!));
        return new SplitStanding(left.Split, beginning, left.Position is { } position
            ? PartitionFaults.Compare(_clients.Thing, name, left.Split, TableOf(name.Topic).Name, position, beginning, end, LastRecord.Of(left.Marks.Note, position) is not null, _time) : null);
    }

    private static bool IsMadeAnew(KafkaTopic topic, string? id) => id is not null && topic.Id is not null && id != topic.Id;

    private PipelineException MadeAnew(KafkaTopic topic, string id)
    {
        if (_madeAnew.TryAdd(topic.Id!, 0)) _log.MadeAnew(_options.ThingOf(topic.Name), KafkaTopic.Printed(topic.Id)!, KafkaTopic.Printed(id)!);
        return new PipelineException(FaultKind.Unreachable, _options.ThingOf(topic.Name), $"the topic was deleted and created again: it is {KafkaTopic.Printed(topic.Id)} now, not {KafkaTopic.Printed(id)}",
            "The new topic's partitions are read from their beginning. What was read and not yet committed when that was noticed is not taken.");
    }

    /// <summary>A topic that was deleted and made again has other splits than the ones we were asked to read: who lists them again reads those.</summary>
    private async Task CheckIdentityAsync(string name, IEnumerable<string?> ids, CancellationToken cancellationToken)
    {
        var topic = await TopicAsync(TableOf(name), cancellationToken);
        if (ids.FirstOrDefault(id => IsMadeAnew(topic, id)) is { } other) throw MadeAnew(topic, other);
    }

    private async Task<KafkaTopic> TopicAsync(KafkaTableOptions table, CancellationToken cancellationToken)
    {
        var topic = (await _topics.DescribeAsync([table.Topic], cancellationToken)).Single();
        _waits.See(topic);
        return topic.Error is { } error ? throw KafkaFaults.Describe(_options.ThingOf(table.Topic), error) : topic;
    }

    private KafkaTableOptions Table(string name) => _options.Tables.FirstOrDefault(table => table.Name == name)
        ?? throw new PipelineException(FaultKind.Missing, $"Source {Name}, table {name}", "it is not configured", $"Configured are: {string.Join(", ", _options.Tables.Select(table => table.Name))}.");

    private KafkaTableOptions TableOf(string topic) => _options.Tables.FirstOrDefault(table => table.Topic == topic)
        ?? throw new PipelineException(FaultKind.Missing, _options.ThingOf(topic), "no table is configured for it", "Remove its split, or configure a table.");
}
