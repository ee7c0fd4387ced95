using System.Collections.Immutable;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Ingest.Streams;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest.Tests.Streams;

public sealed class ReadingEndSpec
{
    private static readonly SplitId One = new("test", "orders/0");
    private static readonly SplitId Two = new("test", "orders/1");

    private readonly FakeTimeProvider _time = new();
    private readonly Dictionary<SplitId, SplitLook> _looks = [];

    [Fact]
    public void The_end_is_met_once_when_every_split_has_what_it_held()
    {
        var end = Begin(from: 3);
        See(One, 5);
        See(Two, 3);
        Assert.False(end.Meet());
        end.Reach(One, 4);
        Assert.False(end.Meet());

        end.Reach(One, 5);

        Assert.True(end.Meet());
        end.Reach(Two, 9);
        Assert.False(end.Meet());
        Assert.True(end.IsMet);
    }

    [Fact]
    public void A_split_that_was_not_looked_at_is_not_at_its_end()
    {
        var end = Begin(from: null);
        See(One, null);
        Assert.False(end.Meet());

        _looks[Two] = new SplitLook(8, SplitLook.ForEver);
        Assert.False(end.Meet());
        end.Reach(Two, long.MaxValue);

        Assert.True(end.Meet());
    }

    [Fact]
    public void A_look_at_a_moment_before_the_reading_says_nothing_of_its_end()
    {
        See(One, null);
        See(Two, null);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        var end = Begin(from: 3);
        Assert.False(end.Meet());

        See(One, null);
        See(Two, null);

        Assert.True(end.Meet());
    }

    [Fact]
    public void Where_the_reading_of_a_split_ends_for_now_is_reached_by_that_split_alone()
    {
        var end = Begin(from: 3, endOfOne: 6);

        Assert.False(end.Reach(One, 5));
        Assert.False(end.Reach(Two, 9));
        Assert.True(end.Reach(One, 6));
    }

    private void See(SplitId split, long? position) => _looks[split] = new SplitLook(position, _time.GetTimestamp());

    private ReadingEnd Begin(long? from, long? endOfOne = null) => new(split => _looks.GetValueOrDefault(split),
        [.. new[] { One, Two }.Select(split => new SplitStart(new Split(split, ["orders"]), from, ImmutableDictionary<TableId, long?>.Empty) { End = split == One ? endOfOne : null })], _time);
}
