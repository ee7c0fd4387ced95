using System.Collections.Immutable;

namespace Pipeline.Operations.Control;

/// <summary>What operators want, as the lake's record of it says. Every word is in it, in the order in which they were recorded.</summary>
/// <param name="Identity">Of the table that it was read from; null: there is none yet.</param>
/// <param name="Number">Of the last entry; 0: there is none.</param>
/// <param name="Words">All wishes that were ever said.</param>
/// <param name="Orders">All orders that were ever given.</param>
public sealed record ControlState(string? Identity, long Number, ImmutableArray<Wish> Words, ImmutableArray<Order> Orders)
{
    public static readonly ControlState None = new(Identity: null, Number: 0, [], []);

    /// <summary>Those that count: of each kind and target the one that was said last, if it holds.</summary>
    public IEnumerable<Wish> Wishes => Words.GroupBy(word => (word.Target, IsSchedule: word.Kind == WishKind.Schedule))
        .Select(same => same.Aggregate((a, b) => b.IsAfter(a) ? b : a)).Where(word => word.Holds);

    /// <summary>Orders that are not done yet, in the order in which they were given.</summary>
    public IEnumerable<Order> Waiting => Orders.Where(order => order.DoneAt is null);

    /// <summary>The last word about it, whether it holds or ends one that did; null: nobody has said any.</summary>
    public Wish? LastWordOn(WishKind kind, ControlTarget target) =>
        Words.Where(word => word.IsAboutSameAs(kind, target)).Aggregate((Wish?)null, (last, word) => last is null || word.IsAfter(last) ? word : last);

    public bool Knows(string id) => Words.Any(word => word.Id == id) || Orders.Any(order => order.Id == id);

    /// <summary>With what was said; nothing changes where it was said before.</summary>
    internal ControlState With(Wish wish) => Knows(wish.Id) ? this : this with { Words = Words.Add(wish) };

    internal ControlState With(Order order) => Knows(order.Id) ? this : this with { Orders = Orders.Add(order) };

    /// <summary>The first end of an order counts.</summary>
    internal ControlState With(OrderEnd end) => this with
    {
        Orders = [.. Orders.Select(order => order.Id == end.Id && order.DoneAt is null ? order with { DoneAt = end.At, Outcome = end.Outcome, Detail = end.Detail } : order)],
    };
}

/// <summary>That an order is over.</summary>
internal sealed record OrderEnd(string Id, OrderOutcome Outcome, string? Detail, string Who, DateTimeOffset At);
