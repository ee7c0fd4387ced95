using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest.Tests;

/// <summary>What a worker is halted by, as the tables' logs and what it meets say it.</summary>
public sealed class HaltsSpec
{
    private static readonly SplitId Met = new("app", "met"), Logged = new("app", "logged");
    private static readonly ImmutableDictionary<SplitId, Fault> Nothing = ImmutableDictionary<SplitId, Fault>.Empty;

    [Fact]
    public void What_stood_in_a_log_ends_when_it_does_not_any_more_and_what_was_met_does_not()
    {
        var halts = Halts.None.Add(FaultOf(Met), out _, out _).As(Nothing.Add(Logged, FaultOf(Logged)), out var decided, out var news);
        Assert.Empty(decided);
        Assert.Equal([FaultOf(Logged)], news);

        halts = halts.As(Nothing.Add(Logged, FaultOf(Logged)), out decided, out news);
        Assert.Empty(decided);
        Assert.Empty(news);

        halts = halts.As(Nothing, out decided, out news);
        Assert.Equal([FaultOf(Logged)], decided);
        Assert.Empty(news);
        Assert.Equal([Met], halts.Splits.Keys);
    }

    [Fact]
    public void What_stands_in_a_log_holds_whatever_is_tried_and_is_looked_at_as_seldom_as_before()
    {
        var logged = Nothing.Add(Logged, FaultOf(Logged));
        var halts = Halts.None.Add(FaultOf(Logged), out _, out _).Add(FaultOf(Logged), out var looks, out _).As(logged, out _, out _);

        Assert.True(halts.TryAll().As(logged, out _, out _).Hold(Logged));
        halts.Add(FaultOf(Logged), out var after, out _);
        Assert.Equal((1, 2), (looks, after));
    }

    private static Fault FaultOf(SplitId split) => new(FaultKind.Gap, split.ToString(), "expired", "Accept it.", split);
}
