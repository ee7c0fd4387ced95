using Pipeline.Core;
using Pipeline.Operations.Control;

namespace Pipeline.Operations.Tests.Control;

public sealed class UnlikeHindranceSpec
{
    private static readonly DateTimeOffset At = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly TableId Users = TableId.Bronze("app", "users");

    [Theory]
    [InlineData(UnlikeReason.NotEverywhere, "others do not know this table")]
    [InlineData(UnlikeReason.NotInNewest, "does not have this table")]
    [InlineData(UnlikeReason.Otherwise, "a:1 has other workers or another contract")]
    public void A_table_that_is_left_alone_since_configurations_differ_is_told_with_the_node_that_rules(UnlikeReason reason, string cause)
    {
        var newest = new NodeLine(new NodeFacts("b:1", "1", "1.0.0", At, ["ingest"], "x"), At, 0, IsHeld: false, 0, []);
        var hindrances = new RunningHindrances(new PipelineStatus(At, [newest], [], LakeAway: null, []) { Unlike = [new UnlikeTable(Users, ["a:1"], "b:1", reason)] });

        var told = Assert.Single(hindrances.Of(Users, isAsked: true, said: null));

        Assert.Equal((HindranceKind.Configuration, "Node b:1", At), (told.Kind, told.Thing, told.Since!.Value));
        Assert.Contains(cause, told.Cause, StringComparison.Ordinal);
        Assert.Equal(HindranceKind.NoNode, Assert.Single(hindrances.Of(TableId.Bronze("app", "orders"), isAsked: true, said: null)).Kind);
    }
}
