namespace Pipeline.Operations.Control;

/// <summary>What an operator wants to hold until somebody wants something else.</summary>
public enum WishKind
{
    /// <summary>What is open is committed; nothing more is begun.</summary>
    Paused,

    /// <summary>As <see cref="Paused"/>, wanted of whoever waits until nothing is open any more. What a node has done, others do meanwhile.</summary>
    Drained,

    /// <summary>Begun at the times that <see cref="Wish.Value"/> says.</summary>
    Schedule,
}

/// <summary>A word of an operator that holds. Of two about the same, the one that was said later counts; both are kept.</summary>
/// <param name="Id">Tells it from every other; said again, it is the same word.</param>
/// <param name="Holds">False: what was wanted of that kind is no longer.</param>
/// <param name="Value">Of a schedule its times, as <see cref="CronSchedule"/> reads them; else null.</param>
/// <param name="Who">Whose word it is, as the door through which it came knows him.</param>
/// <param name="At">When it was said, by the clock of that door; whole microseconds.</param>
/// <param name="Why">For people; never empty.</param>
public sealed record Wish(string Id, WishKind Kind, ControlTarget Target, bool Holds, string? Value, string Who, DateTimeOffset At, string Why)
{
    /// <summary>Paused and drained are about the same: whether work is done.</summary>
    internal bool IsAboutSameAs(WishKind kind, ControlTarget target) => Target == target && (Kind == WishKind.Schedule) == (kind == WishKind.Schedule);

    /// <summary>Whether it counts instead of another about the same.</summary>
    internal bool IsAfter(Wish other) => (At, Id).CompareTo((other.At, other.Id)) > 0;
}
