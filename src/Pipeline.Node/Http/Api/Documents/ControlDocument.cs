using Pipeline.Operations.Control;

namespace Pipeline.Node.Http.Api.Documents;

/// <param name="Number">Of the last entry of the record.</param>
/// <param name="Wishes">Those that hold.</param>
/// <param name="Orders">All that were given, in their order.</param>
internal sealed record ControlDocument(int SchemaVersion, long Number, IReadOnlyList<WishItem> Wishes, IReadOnlyList<OrderItem> Orders);

/// <param name="Kind"><c>paused</c>, <c>drained</c>, <c>schedule</c>.</param>
/// <param name="Target">A table, a source or a node.</param>
/// <param name="Value">Of a schedule: its times.</param>
internal sealed record WishItem(string Id, string Kind, string Target, string? Value, string Who, DateTimeOffset At, string Why)
{
    public static WishItem Of(Wish wish) => new(wish.Id, ControlWords.Of(wish.Kind), wish.Target.Name, wish.Value, wish.Who, wish.At, wish.Why);
}

/// <param name="DoneAt">Null: it waits or is being done.</param>
/// <param name="Outcome"><c>done</c>, <c>refused</c>, <c>failed</c>; null as long as it is not done.</param>
/// <param name="Detail">Why it was refused or failed.</param>
internal sealed record OrderItem(string Id, string Kind, string Target, string? Value, string Who, DateTimeOffset At, string Why, DateTimeOffset? DoneAt, string? Outcome, string? Detail)
{
    public static OrderItem Of(Order order) => new(order.Id, ControlWords.Of(order.Kind), order.Target.Name, order.Value, order.Who, order.At, order.Why, order.DoneAt, order.Outcome is { } outcome ? ControlWords.Of(outcome) : null, order.Detail);

    /// <summary>As far as it stands here.</summary>
    public Order ToOrder() => new(Id, Number: 0, ControlWords.TryRead<OrderKind>(Kind) ?? OrderKind.Trigger, ControlTarget.Parse(Target), Aim: null, Value, Who, At, Why) { DoneAt = DoneAt, Outcome = ControlWords.TryRead<OrderOutcome>(Outcome), Detail = Detail };
}
