using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Node.Http.Api;

namespace Pipeline.Node.Http.Events;

/// <summary>
/// What happens to the tables, kept for a while for who listens. Each event is written once, whoever reads it, and all that came within a
/// second is told together: a listener costs one wake and one write a second at most. Bounded; thread-safe.
/// </summary>
internal sealed class EventFeed : IDisposable
{
    /// <summary>Events that are kept; who has missed more is told so.</summary>
    public const int KeptMax = 4_096;

    /// <summary>So many are written to a listener at once.</summary>
    private const int PieceMax = 256;

    /// <summary>Who listens at one time.</summary>
    public const int ListenersMax = 400;

    /// <summary>Commits of many tables within one second are one event each table.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>Who listens hears something at least so often, so that either side knows when the other has gone.</summary>
    public static readonly TimeSpan Pulse = TimeSpan.FromSeconds(15);

    private readonly Lock _lock = new();
    private readonly (EventItem Item, byte[] Frame)[] _kept = new (EventItem, byte[])[KeptMax];
    private readonly List<NodeEvent> _pending = [];
    private readonly Dictionary<TableId, int> _pendingCommits = [];
    private readonly ITimer _flush;
    private readonly ITimer _pulse;
    private readonly CancellationTokenSource _ended = new();
    private TaskCompletionSource _more = NewWait();
    private (long From, long To, byte[] Frames) _piece = (-1, -1, []);
    private long _next;
    private int _listeners;
    private bool _isDue;

    public EventFeed(TimeProvider time)
    {
        _flush = time.CreateTimer(_ => Flush(), state: null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _pulse = time.CreateTimer(_ => Wake(), state: null, Pulse, Pulse);
    }

    /// <summary>Tells this process's events from those of every other.</summary>
    public string Process { get; } = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));

    /// <summary>No more comes.</summary>
    public CancellationToken Ended => _ended.Token;

    /// <summary>Told within <see cref="Pause"/>.</summary>
    public void Say(NodeEvent happened)
    {
        lock (_lock)
        {
            if (happened.Version is not null && _pendingCommits.TryGetValue(happened.Table, out var at) && _pending[at].Kind == happened.Kind)
                _pending[at] = happened with { Rows = _pending[at].Rows + happened.Rows };
            else
            {
                if (happened.Version is not null) _pendingCommits[happened.Table] = _pending.Count;
                _pending.Add(happened);
            }

            if (_isDue) return;
            _isDue = true;
        }

        _flush.Change(Pause, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Null: there are as many as may be.</summary>
    public IDisposable? TryListen()
    {
        if (Interlocked.Increment(ref _listeners) <= ListenersMax) return new Listening(this);
        Interlocked.Decrement(ref _listeners);
        return null;
    }

    /// <summary>The place behind an event; null: nobody here knows it, or what came after it is not all kept any more.</summary>
    public long? PlaceBehind(string id)
    {
        if (id.Split('-') is not [var process, var number] || process != Process || !long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var place)) return null;
        lock (_lock) return place < _next && place + 1 >= _next - KeptMax ? place + 1 : null;
    }

    /// <summary>The place behind all that was told.</summary>
    public long Newest
    {
        get
        {
            lock (_lock) return _next;
        }
    }

    /// <summary>The place of the oldest that is kept.</summary>
    public long Oldest
    {
        get
        {
            lock (_lock) return Math.Max(0, _next - KeptMax);
        }
    }

    /// <summary>Events from a place on; fewer where they are not kept any more.</summary>
    public IReadOnlyList<EventItem> From(long place, int max)
    {
        lock (_lock)
        {
            var first = Math.Max(place, _next - KeptMax);
            return [.. Enumerable.Range(0, (int)Math.Clamp(_next - first, 0, max)).Select(i => _kept[(first + i) % KeptMax].Item)];
        }
    }

    /// <summary>The same as a stream has them, and the place behind them; null: not all of them are kept any more.</summary>
    public (ReadOnlyMemory<byte> Frames, long Behind)? FramesFrom(long place)
    {
        lock (_lock)
        {
            if (place < _next - KeptMax) return null;
            // Most listeners are at the same place.
            var to = Math.Min(_next, place + PieceMax);
            if (_piece.From != place || _piece.To != to) _piece = (place, to, Join(place, to));
            return (_piece.Frames, to);
        }
    }

    /// <summary>Done when there may be more, and now and then without; a wait begun before <see cref="FramesFrom"/> misses nothing.</summary>
    public Task MoreAsync()
    {
        lock (_lock) return _more.Task;
    }

    public void Dispose()
    {
        _flush.Dispose();
        _pulse.Dispose();
        _ended.Cancel();
        Wake();
    }

    private byte[] Join(long place, long to)
    {
        var frames = new ArrayBufferWriter<byte>();
        for (var at = place; at < to; at++) frames.Write(_kept[at % KeptMax].Frame);
        return frames.WrittenSpan.ToArray();
    }

    private void Flush()
    {
        lock (_lock)
        {
            foreach (var happened in _pending)
            {
                var item = EventItem.Of($"{Process}-{_next}", happened);
                _kept[_next % KeptMax] = (item, Encoding.UTF8.GetBytes($"id: {item.Id}\nevent: {item.Kind}\ndata: {JsonSerializer.Serialize(item, ApiJson.Options)}\n\n"));
                _next++;
            }

            _pending.Clear();
            _pendingCommits.Clear();
            _isDue = false;
        }

        Wake();
    }

    private void Wake()
    {
        TaskCompletionSource waited;
        lock (_lock) (waited, _more) = (_more, NewWait());
        waited.TrySetResult();
    }

    private static TaskCompletionSource NewWait() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed class Listening(EventFeed feed) : IDisposable
    {
        public void Dispose() => Interlocked.Decrement(ref feed._listeners);
    }
}
