using Pipeline.Core;
using Pipeline.Sources.Kafka.Reading;

namespace Pipeline.Sources.Kafka.Tests;

public sealed class OffsetPlaceSpec
{
    private const long None = Client.EndQuestion.None;

    private static readonly AskedPartition[] Partitions = [new(new SplitId("events", "clicks/0"), 0, 10, 100, 40, 60), new(new SplitId("events", "clicks/1"), 1, 0, 50, None, None)];

    [Fact]
    public void An_offset_is_one_of_the_only_partition() =>
        Assert.Equal([new SplitPart(Partitions[0].Split, 20)], OffsetPlace.Parse("0:20", "Topic").PartsOf("Topic", Partitions[..1]));

    [Theory]
    [InlineData("0:20")]
    [InlineData("0:20,1:7")]
    public void Offsets_of_a_topic_with_several_partitions_are_refused_and_a_time_is_the_way(string text)
    {
        var refused = Assert.Throws<PipelineException>(() => OffsetPlace.Parse(text, "Topic").PartsOf("Topic", Partitions));

        Assert.Contains("it has 2 partitions", refused.Cause, StringComparison.Ordinal);
        Assert.Contains("Begin at a time", refused.NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public void A_time_is_an_offset_of_each_partition_behind_the_last_where_no_record_is_of_it_or_later()
    {
        var place = OffsetPlace.Parse("2026-11-30T08:00:00Z", "Topic");

        Assert.Equal(new DateTimeOffset(2026, 11, 30, 8, 0, 0, TimeSpan.Zero), place.At);
        Assert.Equal([new SplitPart(Partitions[0].Split, 40), new SplitPart(Partitions[1].Split, 50)], place.PartsOf("Topic", Partitions));
    }

    [Fact]
    public void A_part_that_ends_is_one_of_the_partitions_that_both_of_its_places_name()
    {
        Assert.Equal([Part(0, 20, 40)], PartsBetween("0:20", "0:40"));
        Assert.Equal([Part(0, 20, 40), Part(1, 7, 9)], PartsBetween("0:20,1:7", "1:9,0:40"));
        Assert.Equal([Part(0, 20, 60)], PartsBetween("0:20", "2026-11-30T08:00:00Z"));
        Assert.Equal([Part(1, 50, 7)], PartsBetween("2026-11-30T08:00:00Z", "1:7"));
    }

    [Fact]
    public void Between_two_times_a_partition_with_no_record_of_them_has_no_part() =>
        Assert.Equal([Part(0, 40, 60)], PartsBetween("2026-11-30T08:00:00Z", "2026-11-30T09:00:00Z"));

    [Theory]
    [InlineData("0:20", "1:30", "begins in other partitions than it ends in")]
    [InlineData("0:20,1:7", "0:30", "begins in other partitions than it ends in")]
    [InlineData("0:20", "0:30,2:1", "it has no partition 2")]
    [InlineData("0:9", "0:30", "partition 0 has no records before 10 any more")]
    [InlineData("2026-11-30T09:00:00Z", "2026-11-30T09:00:00Z", "the part ends before it begins")]
    public void Places_that_are_not_of_one_part_are_refused(string from, string to, string cause)
    {
        var refused = Assert.Throws<PipelineException>(() => PartsBetween(from, to));

        Assert.Contains(cause, refused.Cause, StringComparison.Ordinal);
        Assert.NotEmpty(refused.NextStep);
    }

    [Theory]
    [InlineData("100", "is no place in a topic")]
    [InlineData("0:x", "is no place in a topic")]
    [InlineData("0:1,0:2", "is no place in a topic")]
    [InlineData("30-11-2026", "is no time")]
    [InlineData("0:9", "partition 0 has no records before 10 any more, and 9 is asked for")]
    [InlineData("2:1", "it has no partition 2")]
    public void What_is_none_is_refused(string text, string cause)
    {
        var refused = Assert.Throws<PipelineException>(() => OffsetPlace.Parse(text, "Topic").PartsOf("Topic", Partitions[..1]));

        Assert.Contains(cause, refused.Cause, StringComparison.Ordinal);
        Assert.NotEmpty(refused.NextStep);
    }

    /// <summary>What it does not say is not that it has none: it would be left out of what is read again, and nobody would know.</summary>
    [Fact]
    public void A_partition_that_does_not_answer_is_asked_again()
    {
        var (offset, time, later) = (OffsetPlace.Parse("0:20", "Topic"), OffsetPlace.Parse("2026-11-30T08:00:00Z", "Topic"), OffsetPlace.Parse("2026-11-30T09:00:00Z", "Topic"));

        IsAskedAgain(() => offset.PartsOf("Topic", [Partitions[0] with { End = null }]));
        IsAskedAgain(() => offset.PartsOf("Topic", [Partitions[0] with { Beginning = null }]));
        IsAskedAgain(() => time.PartsOf("Topic", [Partitions[0] with { OfTime = null }]));
        IsAskedAgain(() => time.PartsOf("Topic", [Partitions[0] with { OfEndTime = null }], later));
        Assert.Single(offset.PartsOf("Topic", [Partitions[0] with { OfTime = null, OfEndTime = null }]));

        static void IsAskedAgain(Func<object> parts) => Assert.True(Assert.Throws<PipelineException>(parts).IsTransient);
    }

    private static SplitPart Part(int partition, long from, long to) => new(Partitions[partition].Split, from, to);

    private static IReadOnlyList<SplitPart> PartsBetween(string from, string to) => OffsetPlace.Parse(from, "Topic").PartsOf("Topic", Partitions, OffsetPlace.Parse(to, "Topic"));
}
