using System.Collections.Concurrent;
using System.Globalization;
using Pipeline.Core.Metrics;

namespace Pipeline.Telemetry.Collecting;

/// <summary>The series of one instrument by their tag values. A measurement of a known series allocates nothing.</summary>
internal sealed class InstrumentSeries
{
    private readonly ConcurrentDictionary<object?[], MetricSeries> _byTags = new(TagValues.Comparer);
    private readonly ConcurrentDictionary<object?[], MetricSeries>.AlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>> _found;
    private readonly InstrumentInfo _instrument;
    private readonly SeriesRoom _room;

    public InstrumentSeries(InstrumentInfo instrument, SeriesRoom room)
    {
        (_instrument, _room) = (instrument, room);
        _found = _byTags.GetAlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>>();
    }

    public void Measure(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (!double.IsFinite(value)) return;
        if (!_found.TryGetValue(tags, out var series) && !TryAdd(tags, out series)) return;
        series.Measure(value);
    }

    /// <inheritdoc cref="MetricSeries.Read"/>
    public void Read(bool isEnd, List<SeriesInterval> into)
    {
        foreach (var (tags, series) in _byTags)
        {
            if (series.Read(isEnd) is { } read) into.Add(read);
            // Of a thing that is not there any more.
            else if (isEnd && _byTags.TryRemove(tags, out _)) _room.Give();
        }
    }

    private bool TryAdd(ReadOnlySpan<KeyValuePair<string, object?>> tags, out MetricSeries series)
    {
        series = null!;
        if (tags.Length != _instrument.Tags.Count || !_room.TryTake()) return false;
        var values = new object?[tags.Length];
        for (var i = 0; i < values.Length; i++) values[i] = tags[i].Value;
        var added = new MetricSeries(_instrument, [.. values.Select(value => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "")]);
        series = _byTags.GetOrAdd(values, added);
        if (series != added) _room.Give();
        return true;
    }

    private sealed class TagValues : IEqualityComparer<object?[]>, IAlternateEqualityComparer<ReadOnlySpan<KeyValuePair<string, object?>>, object?[]>
    {
        public static readonly TagValues Comparer = new();

        public bool Equals(object?[]? x, object?[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(object?[] values)
        {
            var hash = default(HashCode);
            foreach (var value in values) hash.Add(value);
            return hash.ToHashCode();
        }

        public bool Equals(ReadOnlySpan<KeyValuePair<string, object?>> tags, object?[] values)
        {
            if (tags.Length != values.Length) return false;
            for (var i = 0; i < values.Length; i++)
                if (!Equals(tags[i].Value, values[i])) return false;
            return true;
        }

        public int GetHashCode(ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var hash = default(HashCode);
            foreach (var tag in tags) hash.Add(tag.Value);
            return hash.ToHashCode();
        }

        public object?[] Create(ReadOnlySpan<KeyValuePair<string, object?>> tags) => throw new NotSupportedException("A series is added with its bound.");
    }
}

/// <summary>How many series there may be, of all instruments together.</summary>
internal sealed class SeriesRoom(int seriesMax)
{
    private int _taken;

    /// <summary>Whether a series had no room.</summary>
    public bool WasFull { get; private set; }

    public bool TryTake()
    {
        if (Interlocked.Increment(ref _taken) <= seriesMax) return true;
        Interlocked.Decrement(ref _taken);
        return !(WasFull = true);
    }

    public void Give() => Interlocked.Decrement(ref _taken);
}
