using Pipeline.Core;

namespace Pipeline.Operations.Control;

/// <summary>What operators' wishes mean for those who work.</summary>
internal static class HeldWishes
{
    public static HeldWork Of(ControlState state)
    {
        var wishes = state.Wishes.ToList();
        var held = wishes.Where(wish => wish.Kind != WishKind.Schedule).Select(wish => wish.Target).ToList();
        return new HeldWork([.. held.Select(target => target.Table).OfType<TableId>()], [.. Names(ControlTargetKind.Source)], [.. Names(ControlTargetKind.Node)],
            [.. wishes.Where(wish => wish.Kind == WishKind.Schedule).Select(wish => wish.Target.Table).OfType<TableId>()])
        {
            Drained = [.. wishes.Where(wish => wish is { Kind: WishKind.Drained, Target.Kind: ControlTargetKind.Node }).Select(wish => wish.Target.Name)],
        };

        IEnumerable<string> Names(ControlTargetKind kind) => held.Where(target => target.Kind == kind).Select(target => target.Name);
    }

    /// <summary>The wish that has a table rest; null: none does.</summary>
    /// <param name="nodes">On which it is worked on.</param>
    public static Wish? On(TableId table, IReadOnlyCollection<string> nodes, ControlState state) => state.Wishes.FirstOrDefault(wish => wish.Kind != WishKind.Schedule && wish.Target.Kind switch
    {
        ControlTargetKind.Table => wish.Target.Table == table,
        ControlTargetKind.Source => wish.Target.Name == table.Source,
        _ => table.Layer == Layer.Bronze && nodes.Contains(wish.Target.Name),
    });
}
