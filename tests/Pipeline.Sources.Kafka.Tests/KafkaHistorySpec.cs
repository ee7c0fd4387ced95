using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Testing;
using Pipeline.Testing.Kafka;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>Whether brokers have what was read, when they are asked again: behind, ahead, another topic, another leader's log.</summary>
public sealed class KafkaHistorySpec : KafkaSpec
{
    private static readonly SplitId Split = new("events", "user_events/0");

    private readonly LogLines _log = new();

    [Fact]
    public async Task A_log_that_is_as_it_was_is_read_on_from_behind_the_last_record_whoever_leads_it()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await using var proxy = KafkaProxy.Start(fixture.Kafka.Bootstrap);
        await fixture.AppendAsync(20, Deadline);
        proxy.BeginEpoch(KafkaFixture.Topic, 0, epoch: 2, from: 0);
        SplitMarks marks;
        await using (var first = fixture.Open(KafkaFixture.Options(proxy.Bootstrap)))
            marks = await MarksAtAsync(first, Split, 20);

        proxy.BeginEpoch(KafkaFixture.Topic, 0, epoch: 3, from: 20);
        await fixture.AppendAsync(5, Deadline);
        await using var source = fixture.Open(KafkaFixture.Options(proxy.Bootstrap));
        var read = await ReadRecords.ReadAsync(source, 5, Deadline, [new SplitPosition(Split, 20) { Marks = marks }]);

        Assert.Equal([20, 21, 22, 23, 24], read.Records.Select(record => record.Offset));
    }

    /// <summary>
    /// An unclean election while nobody reads, or a topic that was made anew, whose leaders' epochs begin again. Where brokers give topics
    /// no ids one is not told from the other, and all that is there is read again.
    /// </summary>
    [Theory]
    [InlineData(true, 3, 9, 9)]
    [InlineData(false, 3, 9, 0)]
    [InlineData(true, 1, 0, 0)]
    [InlineData(false, 1, 0, 0)]
    public async Task A_log_that_was_cut_while_nobody_read_it_and_has_grown_past_the_position_since_is_found_when_it_is_read_again(bool hasTopicIds, int epoch, long from, long readAgainFrom)
    {
        await using var fixture = new KafkaFixture(partitions: 1, hasTopicIds: hasTopicIds);
        await using var proxy = KafkaProxy.Start(fixture.Kafka.Bootstrap);
        await fixture.AppendAsync(20, Deadline);
        proxy.BeginEpoch(KafkaFixture.Topic, 0, epoch: 2, from: 0);
        SplitId split;
        SplitMarks marks;
        await using (var first = fixture.Open(KafkaFixture.Options(proxy.Bootstrap)))
        {
            split = Assert.Single(await first.ListSplitsAsync(fixture.Table, Deadline)).Id;
            marks = await MarksAtAsync(first, split, 20);
        }

        proxy.BeginEpoch(KafkaFixture.Topic, 0, epoch, from);
        await fixture.AppendAsync(5, Deadline);
        await using var source = fixture.Open(KafkaFixture.Options(proxy.Bootstrap));
        var cut = await Assert.ThrowsAsync<PipelineException>(() => ReadRecords.ReadAsync(source, 1, Deadline, [new SplitPosition(split, 20) { Marks = marks }]));

        Assert.Equal((FaultKind.Gap, (SplitId?)split, null, (long?)readAgainFrom), (cut.Kind, cut.Split, cut.Gap, cut.ReadAgainFrom));
        Assert.True(Fault.Of("", cut).AwaitsWord);
    }

    /// <summary>Behind what was lost others may have come, up to the end that it has now.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_log_that_is_shorter_than_what_was_read_is_read_again_whole_where_nobody_knows_from_where_on_it_differs(bool hasTopicIds)
    {
        const long readAgainFrom = 3;
        await using var fixture = new KafkaFixture(partitions: 1, hasTopicIds: hasTopicIds);
        await fixture.AppendAsync(10, Deadline);
        fixture.Kafka.DeleteRecords(KafkaFixture.Topic, 0, beforeOffset: 3);
        await using var source = fixture.Open();
        var split = Assert.Single(await source.ListSplitsAsync(fixture.Table, Deadline)).Id;

        var standing = Assert.Single(await source.LookBackAsync([new SplitPosition(split, 11)], Deadline));

        Assert.Equal((null, readAgainFrom), (standing.Fault!.Gap, standing.Fault.ReadAgainFrom));
        Assert.Contains($"from offset {readAgainFrom} on is read again", standing.Fault.NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_a_partition_was_left_is_compared_with_what_it_has_now_in_both_directions()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.AppendAsync(10, Deadline);
        fixture.Kafka.DeleteRecords(KafkaFixture.Topic, 0, beforeOffset: 3);
        await using var source = fixture.Open();

        var standings = await source.LookBackAsync([.. new long?[] { null, 2, 3, 10, 11 }.Select(position => new SplitPosition(Split, position))], Deadline);

        Assert.All(standings, standing => Assert.Equal((Split, 3L), (standing.Split, standing.Beginning!.Value)));
        Assert.Equal([true, false, true, true, false], standings.Select(standing => standing.Fault is null));
        Assert.Equal((new PositionRange(2, 3), null), (standings[1].Fault!.Gap, standings[1].Fault!.ReadAgainFrom));
        Assert.Equal((null, 3), (standings[4].Fault!.Gap, standings[4].Fault!.ReadAgainFrom));
        Assert.All([standings[1], standings[4]], standing => Assert.Equal((FaultKind.Gap, (SplitId?)Split), (standing.Fault!.Kind, standing.Fault.Split)));
    }

    [Fact]
    public async Task What_came_of_a_topic_that_was_made_anew_meanwhile_is_not_confirmed()
    {
        await using var fixture = new KafkaFixture(partitions: 1, hasTopicIds: true);
        await using var proxy = KafkaProxy.Start(fixture.Kafka.Bootstrap);
        await fixture.AppendAsync(10, Deadline);
        await using var source = fixture.Open(KafkaFixture.Options(proxy.Bootstrap), logs: _log);
        var before = Assert.Single(await source.ListSplitsAsync(fixture.Table, Deadline));
        await source.ConfirmAsync([before], Deadline);

        proxy.SetTopicId(KafkaFixture.Topic, Guid.NewGuid());
        var unconfirmed = await Assert.ThrowsAsync<PipelineException>(async () => await source.ConfirmAsync([before], Deadline));
        var standing = Assert.Single(await source.LookBackAsync([new SplitPosition(before.Id, 10)], Deadline));
        var after = Assert.Single(await source.ListSplitsAsync(fixture.Table, Deadline));

        Assert.True(unconfirmed.IsTransient && standing.Fault!.IsTransient);
        Assert.Contains("created again", unconfirmed.Message, StringComparison.Ordinal);
        Assert.Single(_log.At(LogLevel.Warning), line => line.Contains("created again", StringComparison.Ordinal));
        Assert.NotEqual(before.Identity, after.Identity);
        Assert.NotEqual(before.Id, after.Id);
    }

    [Fact]
    public async Task Where_brokers_give_topics_no_ids_check_says_what_that_means()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await using var withIds = new KafkaFixture(partitions: 1, hasTopicIds: true);
        await using var source = fixture.Open();
        await using var other = withIds.Open();

        Assert.Contains(await source.CheckAsync(Deadline), finding => finding.Ok && finding.Detail.Contains("no ids", StringComparison.Ordinal));
        Assert.DoesNotContain(await other.CheckAsync(Deadline), finding => finding.Detail.Contains("no ids", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(3, true)]
    public async Task Where_records_of_a_key_may_be_in_several_partitions_check_says_what_orders_them(int partitions, bool isSaid)
    {
        await using var fixture = new KafkaFixture(partitions, hasTopicIds: true);
        await using var source = fixture.Open();

        Assert.Equal(isSaid, (await source.CheckAsync(Deadline)).Any(finding => finding.Ok && finding.Detail.Contains("their times order them", StringComparison.Ordinal)));
    }

    private async Task<SplitMarks> MarksAtAsync(ISource source, SplitId split, long position)
    {
        await foreach (var chunk in source.ReadAsync([new SplitPosition(split, 0)], Deadline))
            using (chunk)
                if (chunk.Range.To == position) return chunk.Marks;
        throw new InvalidOperationException("The reading has ended.");
    }
}
