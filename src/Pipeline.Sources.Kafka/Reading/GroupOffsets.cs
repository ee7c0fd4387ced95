using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Sources.Kafka.Client;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>
/// Shows durable positions to lag tools: offsets of the source's group, each with a text that says whose it is. Before the first
/// is committed, soon after that, and less and less often down to every minute, the group is looked at: while it carries the text
/// of another source or pipeline nothing is committed. Records are read all the same, since nothing starts from these offsets.
/// </summary>
/// <remarks>Offsets without a text are of the release before, or of an operator who has reset the group: they are taken over.</remarks>
internal sealed class GroupOffsets : IDisposable
{
    /// <summary>Another that begins at the same moment finds none of our offsets, as we find none of his: both have committed by then.</summary>
    private static readonly TimeSpan FirstLookInterval = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan LookInterval = TimeSpan.FromMinutes(1);
    private static readonly RetryPolicy Looks = new() { BackoffMin = FirstLookInterval, BackoffMax = LookInterval, Jitter = 0 };
    private static readonly RetryPolicy Looking = new() { BackoffMin = TimeSpan.FromSeconds(1), BackoffMax = LookInterval };

    private readonly ClientLease _client;
    private readonly KafkaSourceOptions _options;
    private readonly ISourceOwner _owner;
    private readonly Action<TopicPartition, long, string> _store;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _news = new(0, 1);
    private readonly Lock _gate = new();
    private readonly Dictionary<TopicPartition, long> _shown = [];
    private readonly HashSet<TopicPartition> _looked = [];
    private string? _text;
    private bool _isAnothers;

    /// <param name="store">Has an offset committed with a text; does nothing for a partition that is not read any more.</param>
    public GroupOffsets(ClientLease client, KafkaSourceOptions options, ISourceOwner owner, Action<TopicPartition, long, string> store, TimeProvider time, ILogger log)
    {
        (_client, _options, _owner, _store, _time, _log) = (client, options, owner, store, time, log);
        Background.Start(RunAsync, failure =>
        {
            if (failure is not null && !_stopping.IsCancellationRequested) _log.GroupLeft(failure, Thing);
        }, _stopping.Token);
    }

    private string Thing => $"{_options.Thing}, group {_options.Group}";

    /// <summary>The newest position of a partition; it waits until the group has been looked at.</summary>
    public void Show(TopicPartition partition, long position)
    {
        lock (_gate)
        {
            _shown[partition] = position;
            if (_looked.Contains(partition)) Store();
            else if (_news.CurrentCount == 0) _news.Release();
        }
    }

    public void Dispose() => _stopping.Cancel();

    /// <summary>Why the group's offsets are not this source's to commit; null: they are.</summary>
    /// <param name="texts">Of those of its offsets that have one.</param>
    public static PipelineException? Stranger(IReadOnlyDictionary<TopicPartition, string> texts, SourceClaim own, KafkaSourceOptions options)
    {
        foreach (var (partition, text) in texts)
            if (SourceClaim.In(text) is { } other && other != own)
                return new PipelineException(FaultKind.Invalid, $"{options.Thing}, group {options.Group}", $"offsets of the group, as that of {partition.Topic}/{partition.Partition.Value}, are committed by {other}, and this is {own}",
                    $"Give the source another 'group'; or, when nobody reads with the other any more, forget its offsets: kafka-consumer-groups.sh --bootstrap-server {options.Bootstrap} --delete --group {options.Group}");
        return null;
    }

    private async ValueTask RunAsync(CancellationToken cancellationToken)
    {
        await _news.WaitAsync(cancellationToken);
        for (var look = 1; ; look++)
        {
            await Looking.RunAsync(_time, LookAsync, cancellationToken, isTransient: failure => failure is KafkaException or PipelineException,
                onFailure: attempt => _log.GroupUnseen(_options.Thing, _options.Group!, attempt.Error!.Message));
            await UntilNewsAsync(Looks.Delay(look), cancellationToken);
        }
    }

    /// <summary>A partition that is new is looked at when it comes; all are, now and then.</summary>
    private async ValueTask UntilNewsAsync(TimeSpan pause, CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await Task.WhenAny(Task.Delay(pause, _time, over.Token), _news.WaitAsync(over.Token));
        await over.CancelAsync();
        cancellationToken.ThrowIfCancellationRequested();
    }

    private async ValueTask<bool> LookAsync(CancellationToken cancellationToken)
    {
        var own = new SourceClaim(_options.Name, await _owner.IdAsync(cancellationToken));
        TopicPartition[] partitions;
        lock (_gate) partitions = [.. _shown.Keys.Union(_looked)];
        // The question holds the client by itself: whoever leaves it does not wait for this answer.
        var texts = await Blocking.RunAsync(() => GroupQuestion.Ask(_client, partitions, _options.RequestTimeout), CancellationToken.None);
        cancellationToken.ThrowIfCancellationRequested();

        var stranger = Stranger(texts, own, _options);
        lock (_gate)
        {
            if (stranger is not null && !_isAnothers) _log.GroupIsAnothers(Thing, stranger.Cause, stranger.NextStep);
            if (stranger is null && _isAnothers) _log.GroupIsFree(Thing, _options.Group!);
            _isAnothers = stranger is not null;
            _text = own.Text;
            _looked.UnionWith(partitions);
            Store();
        }

        return true;
    }

    /// <summary>What is shown and may be committed.</summary>
    private void Store()
    {
        if (_isAnothers) return;
        foreach (var partition in _shown.Keys.Where(_looked.Contains).ToList())
            if (_shown.Remove(partition, out var position)) _store(partition, position, _text!);
    }
}
