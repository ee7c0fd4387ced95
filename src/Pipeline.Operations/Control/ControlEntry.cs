using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Operations.Inspection;

namespace Pipeline.Operations.Control;

/// <summary>One row of the table: a wish, an order, or the end of an order.</summary>
internal sealed record ControlEntry(long Number, string Entry, string Id, string Kind, string Target, string? TargetKind, bool? Holds, string? Value, string? Aim, string Who, DateTimeOffset At, string? Why, string? Detail)
{
    private const string OfWish = "wish";
    private const string OfOrder = "order";
    private const string OfEnd = "end";

    public static RowForm<ControlEntry> Form { get; } = new(
    [
        RowForm<ControlEntry>.Column("number", Int64Type.Default, entry => entry.Number),
        RowForm<ControlEntry>.Column("entry", StringType.Default, entry => entry.Entry),
        RowForm<ControlEntry>.Column("id", StringType.Default, entry => entry.Id),
        RowForm<ControlEntry>.Column("kind", StringType.Default, entry => entry.Kind),
        RowForm<ControlEntry>.Column("target", StringType.Default, entry => entry.Target),
        RowForm<ControlEntry>.Column("target_kind", StringType.Default, entry => entry.TargetKind),
        RowForm<ControlEntry>.Column("holds", BooleanType.Default, entry => entry.Holds),
        RowForm<ControlEntry>.Column("parameter", StringType.Default, entry => entry.Value),
        RowForm<ControlEntry>.Column("aim", StringType.Default, entry => entry.Aim),
        RowForm<ControlEntry>.Column("who", StringType.Default, entry => entry.Who),
        RowForm<ControlEntry>.Column("at", BronzeColumns.Timestamp, entry => entry.At),
        RowForm<ControlEntry>.Column("why", StringType.Default, entry => entry.Why),
        RowForm<ControlEntry>.Column("detail", StringType.Default, entry => entry.Detail),
    ],
    value => value("number") is long number && value("entry") is string entry && value("id") is string id && value("kind") is string kind && value("target") is string target && value("at") is LakeTimestamp at
        ? new ControlEntry(number, entry, id, kind, target, value("target_kind") as string, value("holds") as bool?, value("parameter") as string, value("aim") as string, value("who") as string ?? "", RowMoment.Of(at), value("why") as string, value("detail") as string)
        : null, entry => entry.Number);

    public static ControlEntry Of(long number, Wish wish) =>
        new(number, OfWish, wish.Id, Word(wish.Kind), wish.Target.Name, Word(wish.Target.Kind), wish.Holds, wish.Value, Aim: null, wish.Who, wish.At, wish.Why, Detail: null);

    public static ControlEntry Of(Order order) => new(order.Number, OfOrder, order.Id, Word(order.Kind), order.Target.Name, Word(order.Target.Kind), Holds: null, order.Value,
        order.Aim is { } aim ? ControlPlan.WriteAim(aim) : null, order.Who, order.At, order.Why, Detail: null);

    public static ControlEntry Of(long number, OrderEnd end, ControlTarget target) =>
        new(number, OfEnd, end.Id, Word(end.Outcome), target.Name, Word(target.Kind), Holds: null, Value: null, Aim: null, end.Who, end.At, Why: null, end.Detail);

    /// <summary>Of a kind that this release does not know, or not as it is written here: it is passed by, and stays.</summary>
    public ControlState AddTo(ControlState state)
    {
        if (Entry == OfEnd && TryWord<OrderOutcome>(Kind) is { } outcome) return state.With(new OrderEnd(Id, outcome, Detail, Who, At));
        if (TryWord<ControlTargetKind>(TargetKind) is not { } targetKind || ControlTarget.TryOf(targetKind, Target) is not { } target) return state;
        if (Entry == OfWish && TryWord<WishKind>(Kind) is { } wish && (wish != WishKind.Schedule || Holds != true || (target.Table is not null && CronSchedule.Is(Value)))) return state.With(new Wish(Id, wish, target, Holds == true, Value, Who, At, Why ?? ""));
        if (Entry == OfOrder && TryWord<OrderKind>(Kind) is { } order && (Aim is null || ControlPlan.TryReadAim(Aim) is not null))
            return state.With(new Order(Id, Number, order, target, Aim is { } aim ? ControlPlan.TryReadAim(aim) : null, Value, Who, At, Why ?? ""));
        return state;
    }

    private static string Word<T>(T value)
        where T : struct, Enum => ControlWords.Of(value);

    private static T? TryWord<T>(string? text)
        where T : struct, Enum => ControlWords.TryRead<T>(text);
}
