using System.Collections.Immutable;

namespace Pipeline.Core;

/// <summary>What is said of a thing that is away.</summary>
public enum OutageStage
{
    /// <summary>It has been away for long enough to be said, or for a minute more.</summary>
    Away,

    /// <summary>It answers again.</summary>
    Returned,

    /// <summary>Whoever waited for it has gone: whether it is away is not known any more.</summary>
    Abandoned,
}

/// <summary>One line for people.</summary>
/// <param name="Thing">What is away: <see cref="Fault.Outage"/>.</param>
/// <param name="Duration">Since it was first missed.</param>
/// <param name="Fault">How it showed last.</param>
public sealed record OutageNotice(OutageStage Stage, string Thing, TimeSpan Duration, Fault Fault)
{
    public override string ToString() => Stage switch
    {
        OutageStage.Away when Fault.Dependency is null => $"{Thing} has been {State} for {Duration.InWords()}: {Fault.Cause}. {Fault.NextStep} It is tried again.",
        OutageStage.Away => $"{Thing} has been {State} for {Duration.InWords()}. {Fault} It is tried again.",
        OutageStage.Returned => $"{Thing} is back after {Duration.InWords()}.",
        _ => $"{Thing}: nobody here waits for it any more, {Duration.InWords()} after it was first missed.",
    };

    private string State => Fault.Kind == FaultKind.StorageFull ? "full or read-only" : "away";
}

/// <summary>A thing that is away.</summary>
/// <param name="Since">When it was first missed.</param>
/// <param name="SaidAt">When it was said last; null: not yet.</param>
/// <param name="Waiters">Who waits for it.</param>
public sealed record Outage(TimeSpan Since, TimeSpan? SaidAt, Fault Fault, ImmutableHashSet<long> Waiters)
{
    /// <summary>When the next line is due.</summary>
    public TimeSpan DueAt => SaidAt + Outages.SayEvery ?? Since + Outages.SayAfter;
}

/// <summary>
/// What is away, and what to say of it when: after 10 s, then once a minute, and once when it is back, however many wait
/// for it. A function of what is seen and of time.
/// </summary>
/// <param name="ByThing">By <see cref="Fault.Outage"/>.</param>
public sealed record Outages(ImmutableDictionary<string, Outage> ByThing)
{
    public static readonly TimeSpan SayAfter = TimeSpan.FromSeconds(10);

    public static readonly TimeSpan SayEvery = TimeSpan.FromMinutes(1);

    public static readonly Outages None = new(ImmutableDictionary.Create<string, Outage>(StringComparer.Ordinal));

    /// <summary>When <see cref="Tick"/> has something to say next; null: nothing is away.</summary>
    public TimeSpan? DueAt => ByThing.IsEmpty ? null : ByThing.Values.Min(outage => outage.DueAt);

    /// <summary>Somebody who will try again has met a fault that may pass.</summary>
    /// <param name="since">When that attempt began: since then it has been away.</param>
    /// <remarks>A waiter waits for one thing at a time: it asked for another because the one before is not in its way now.</remarks>
    public (Outages Next, ImmutableArray<OutageNotice> Notices) Failed(long waiter, Fault fault, TimeSpan since, TimeSpan now)
    {
        var (next, left) = Leave(waiter, fault.Outage, now);
        var outage = next.ByThing.TryGetValue(fault.Outage, out var known)
            ? known with { Fault = fault, Waiters = known.Waiters.Add(waiter) }
            : new Outage(since, SaidAt: null, fault, [waiter]);
        (next, var due) = new Outages(next.ByThing.SetItem(fault.Outage, outage)).Tick(now);
        return (next, left.AddRange(due));
    }

    /// <summary>What a waiter waited for has answered.</summary>
    public (Outages Next, ImmutableArray<OutageNotice> Notices) Answered(long waiter, TimeSpan now)
    {
        var back = ByThing.Where(pair => pair.Value.Waiters.Contains(waiter)).ToImmutableArray();
        return (new Outages(ByThing.RemoveRange(back.Select(pair => pair.Key))), Said(OutageStage.Returned, back, now));
    }

    /// <summary>A waiter has gone.</summary>
    public (Outages Next, ImmutableArray<OutageNotice> Notices) Left(long waiter, TimeSpan now) => Leave(waiter, exceptFor: null, now);

    /// <summary>Time has passed.</summary>
    public (Outages Next, ImmutableArray<OutageNotice> Notices) Tick(TimeSpan now)
    {
        var due = ByThing.Where(pair => pair.Value.DueAt <= now).ToImmutableArray();
        return (new Outages(ByThing.SetItems(due.Select(pair => KeyValuePair.Create(pair.Key, pair.Value with { SaidAt = now })))),
            [.. due.Select(pair => new OutageNotice(OutageStage.Away, pair.Key, now - pair.Value.Since, pair.Value.Fault))]);
    }

    private (Outages Next, ImmutableArray<OutageNotice> Notices) Leave(long waiter, string? exceptFor, TimeSpan now)
    {
        var left = ByThing.Where(pair => pair.Key != exceptFor && pair.Value.Waiters.Contains(waiter)).ToImmutableArray();
        if (left.IsEmpty) return (this, []);
        var orphaned = left.Where(pair => pair.Value.Waiters.Count == 1).ToImmutableArray();
        var shared = left.Except(orphaned).Select(pair => KeyValuePair.Create(pair.Key, pair.Value with { Waiters = pair.Value.Waiters.Remove(waiter) }));
        return (new Outages(ByThing.RemoveRange(orphaned.Select(pair => pair.Key)).SetItems(shared)), Said(OutageStage.Abandoned, orphaned, now));
    }

    /// <summary>Only what was said to be away is said to have ended.</summary>
    private static ImmutableArray<OutageNotice> Said(OutageStage stage, IEnumerable<KeyValuePair<string, Outage>> ended, TimeSpan now) =>
        [.. ended.Where(pair => pair.Value.SaidAt is not null).Select(pair => new OutageNotice(stage, pair.Key, now - pair.Value.Since, pair.Value.Fault))];
}
