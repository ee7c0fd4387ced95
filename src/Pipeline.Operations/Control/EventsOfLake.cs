using Pipeline.Core;

namespace Pipeline.Operations.Control;

/// <param name="Since">The oldest that is wanted.</param>
/// <param name="Table">Only of this one; null: of all that there is.</param>
public sealed record EventsOfLakeRequest(DateTimeOffset Since, TableId? Table);

/// <param name="Events">The oldest first.</param>
public sealed record EventsOfLakeResult(IReadOnlyList<PipelineEvent> Events);

/// <summary>What happened, from the lake: what nodes have seen, and what operators have said.</summary>
public static class EventsOfLake
{
    /// <exception cref="PipelineException">The lake cannot be read.</exception>
    public static async Task<EventsOfLakeResult> RunAsync(EventsOfLakeRequest request, LakeControl control, CancellationToken cancellationToken)
    {
        var state = await control.StateAsync(cancellationToken);
        var said = state.Words.Select(wish => new PipelineEvent(0, wish.Id, wish.At, wish.Holds ? PipelineEventKind.Wished : PipelineEventKind.WishEnded, wish.Target.Name, wish.Who, $"{ControlWords.Of(wish.Kind)}: {wish.Why}", null))
            .Concat(state.Orders.Select(order => new PipelineEvent(0, order.Id, order.At, PipelineEventKind.Ordered, order.Target.Name, order.Who, $"{ControlWords.Of(order.Kind)}{(order is { Kind: OrderKind.BackfillPart or OrderKind.BackfillInOrder, Value: { } part } ? $" {part}" : "")}: {order.Why}", null)))
            .Concat(state.Orders.Where(order => order.DoneAt is not null).Select(order => new PipelineEvent(0, $"end {order.Id}", order.DoneAt!.Value, PipelineEventKind.OrderEnded, order.Target.Name, order.Who,
                $"{ControlWords.Of(order.Kind)}: {ControlWords.Of(order.Outcome!.Value)}{(order.Detail is { } detail ? $", {detail}" : "")}", null)));
        return new EventsOfLakeResult([.. (await control.Happened.ReadAsync(cancellationToken)).Concat(said).Where(happened => happened.At >= request.Since && (request.Table is null || IsAbout(happened.Thing, request.Table)))
            .OrderBy(happened => happened.At).ThenBy(happened => happened.Id, StringComparer.Ordinal)]);
    }

    /// <summary>A source's wish is about its tables; a node's is about any.</summary>
    private static bool IsAbout(string thing, TableId table) => thing == table.ToString() || thing == table.Source || thing.Contains(':', StringComparison.Ordinal);
}
