using System.Collections.Concurrent;

namespace Pipeline.Core;

/// <summary>
/// Up to which moment of itself a split has been read: what it held at that moment lies below a position. A split with nothing
/// new is looked at again and again, and each look says a later moment.
/// </summary>
/// <param name="Position">The look counts for a table that has everything below; null: nothing has been handed on since reading began, so it counts at once.</param>
/// <param name="At">By <see cref="TimeProvider.GetTimestamp"/>, which nobody sets; <see cref="ForEver"/> for a split that gets nothing more.</param>
public sealed record SplitLook(long? Position, long At)
{
    public const long ForEver = long.MaxValue;

    /// <summary>By the newest record read, where its end was not seen: when it happened by the clock of whoever says so.</summary>
    public static SplitLook OfEvent(long? position, DateTimeOffset happenedAt, TimeProvider time)
    {
        var age = time.GetUtcNow() - happenedAt;
        return Before(position, time.GetTimestamp(), age, time);
    }

    /// <summary>Of a moment before another; never after it.</summary>
    public static SplitLook Before(long? position, long at, TimeSpan by, TimeProvider time) =>
        new(position, by <= TimeSpan.Zero ? at : at - (long)Math.Min(by.TotalSeconds * time.TimestampFrequency, long.MaxValue / 4));
}

/// <summary>The newest look at each split that a source reads now. Thread-safe.</summary>
public sealed class SplitLooks
{
    private readonly ConcurrentDictionary<SplitId, SplitLook> _looks = [];
    private readonly ConcurrentDictionary<SplitId, long> _ends = [];
    private readonly ConcurrentDictionary<SplitId, PipelineException> _doubts = [];
    private readonly Dictionary<SplitId, ToldDoubts> _told = [];

    /// <summary>How often the doubts about a split are told at most: a table whose newest row is deleted every minute has as many.</summary>
    public static readonly TimeSpan DoubtEvery = TimeSpan.FromHours(1);

    /// <summary>Null: it is not being read, or has not been looked at.</summary>
    public SplitLook? Find(SplitId split) => _looks.GetValueOrDefault(split);

    /// <summary>One that says an earlier moment than is known says nothing.</summary>
    public void Saw(SplitId split, SplitLook look) => _looks.AddOrUpdate(split, look, (_, known) => look.At > known.At ? look : known);

    /// <summary>How long ago the moment was up to which each split has been read; not of those that get nothing more.</summary>
    public IEnumerable<(SplitId Split, TimeSpan Age)> Ages(TimeProvider time) => _looks.Where(look => look.Value.At != SplitLook.ForEver).Select(look =>
    {
        var age = time.GetElapsedTime(look.Value.At);
        return (look.Key, age > TimeSpan.Zero ? age : TimeSpan.Zero);
    });

    /// <inheritdoc cref="ISource.EndOf"/>
    public long? EndOf(SplitId split) => _ends.TryGetValue(split, out var end) ? end : null;

    /// <summary>It has been heard where the split ends at the source.</summary>
    public void EndsAt(SplitId split, long end) => _ends.AddOrUpdate(split, end, (_, known) => Math.Max(known, end));

    /// <inheritdoc cref="ISource.DoubtOf"/>
    public PipelineException? DoubtOf(SplitId split) => _doubts.GetValueOrDefault(split);

    /// <summary>It has been looked whether rows of a split may be passed by.</summary>
    /// <param name="doubt">Null: they are not.</param>
    /// <returns>
    /// What is to be told now, whichever readings have begun since it was first seen: a split's first doubt at once, others as long after the last one
    /// that was told as <see cref="DoubtEvery"/> says, though they be over by then. Null: nothing.
    /// </returns>
    public PipelineException? Doubt(SplitId split, PipelineException? doubt, TimeProvider time)
    {
        if (doubt is null) _doubts.TryRemove(split, out _);
        else _doubts[split] = doubt;
        lock (_told)
        {
            var known = _told.GetValueOrDefault(split);
            var untold = doubt is not null && (!known.IsStanding || known.Untold is not null) ? doubt : known.Untold;
            var isDue = untold is not null && (known.At is not { } at || time.GetElapsedTime(at) >= DoubtEvery);
            _told[split] = new ToldDoubts(IsStanding: doubt is not null, isDue ? null : untold, isDue ? time.GetTimestamp() : known.At);
            return isDue ? untold : null;
        }
    }

    /// <summary>It is no longer read.</summary>
    public void Forget(SplitId split)
    {
        _looks.TryRemove(split, out _);
        _ends.TryRemove(split, out _);
        _doubts.TryRemove(split, out _);
    }

    /// <param name="IsStanding">There was one at the last look.</param>
    /// <param name="Untold">The last that is still to be told.</param>
    /// <param name="At">When one was told last; null: none was.</param>
    private readonly record struct ToldDoubts(bool IsStanding, PipelineException? Untold, long? At);
}
