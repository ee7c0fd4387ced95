using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Transform.Jobs;

namespace Pipeline.Operations.Control;

/// <summary>Where tables are, as far as orders are about it.</summary>
internal static class OrderAims
{
    /// <summary>What an order given now would aim at.</summary>
    /// <param name="gaps">With an order to accept them.</param>
    public static OrderAim Of(Snapshot snapshot, IReadOnlyList<SplitGap> gaps)
    {
        var histories = snapshot.Histories;
        AimedPosition[] positions = [.. gaps.Select(gap => SplitHistory.AppIdOf(gap.Split, histories.EpochOf(gap.Split))).Append(JobPins.RunAppId).Distinct()
            .Select(appId => (AppId: appId, At: snapshot.Position(appId))).Where(position => position.At is not null).Select(position => new AimedPosition(position.AppId, position.At!.Value))];
        return new OrderAim(snapshot.Metadata.Id, histories.Newest?.Epoch ?? 0, [.. positions]);
    }

    /// <summary>What has moved of what an order aims at, for people; null: nothing.</summary>
    /// <param name="snapshot">The table's; null: it is not there.</param>
    public static string? MovedSince(OrderAim? aim, Snapshot? snapshot)
    {
        if (aim is null) return null;
        if (snapshot is null) return "the table is gone";
        if (snapshot.Metadata.Id != aim.Identity) return "the table was made anew";
        if ((snapshot.Histories.Newest?.Epoch ?? 0) != aim.Epoch) return $"epoch {snapshot.Histories.Newest?.Epoch ?? 0} has begun, and it was {aim.Epoch}";
        return aim.Positions.FirstOrDefault(position => snapshot.Position(position.AppId) != position.At) is not { } moved ? null
            : moved.AppId == JobPins.RunAppId ? $"run {snapshot.Position(moved.AppId)} has ended meanwhile, and it was run {moved.At}"
            : $"{moved.AppId} is at {snapshot.Position(moved.AppId)}, and was at {moved.At}";
    }

    /// <summary>Whether the table's own log says that the order is done, whatever the record of orders says.</summary>
    public static bool IsDone(Order order, Snapshot? snapshot) => snapshot?.Position(Order.DoneAppId) >= order.Number;
}
