using Confluent.Kafka;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Emulation.Kafka;
using Pipeline.Testing;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>Brokers that fail, move and forget.</summary>
public sealed class KafkaFaultSpec : KafkaSpec
{
    [Fact]
    public async Task Reads_on_when_a_broker_was_down_and_came_back()
    {
        await using var fixture = new KafkaFixture(partitions: 2);
        await using var source = fixture.Open();
        await fixture.AppendAsync(50, Deadline);
        await using var chunks = source.ReadAsync(await ReadRecords.BeginningAsync(source, Deadline), Deadline).GetAsyncEnumerator(Deadline);
        var read = new ReadRecords();
        await TakeAsync(chunks, read, 50);

        fixture.Kafka.TakeDown(1);
        var produced = fixture.AppendAsync(50, Deadline);
        fixture.Kafka.BringUp(1);
        await produced;
        await TakeAsync(chunks, read, 100);

        AssertEachOnce(read, 100);
    }

    [Fact]
    public async Task An_outage_that_lasts_ends_the_reading_so_that_its_owner_sees_it()
    {
        var time = new FakeTimeProvider();
        await using var fixture = new KafkaFixture(partitions: 1);
        await using var source = fixture.Open(KafkaFixture.Options(fixture.Kafka.Bootstrap) with { RequestTimeout = TimeSpan.FromSeconds(10) }, time);
        await using var chunks = source.ReadAsync(await ReadRecords.BeginningAsync(source, Deadline), Deadline).GetAsyncEnumerator(Deadline);
        var next = chunks.MoveNextAsync().AsTask();
        await fixture.AppendAsync(1, Deadline);
        while (!next.IsCompleted)
        {
            time.Advance(TimeSpan.FromMilliseconds(10));
            await Task.WhenAny(next, Task.Delay(20, Deadline));
        }

        chunks.Current.Dispose();
        fixture.Kafka.TakeDown(1);
        next = chunks.MoveNextAsync().AsTask();
        while (!next.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.WhenAny(next, Task.Delay(20, Deadline));
        }

        var outage = await Assert.ThrowsAsync<PipelineException>(() => next);
        Assert.Equal(FaultKind.Unreachable, outage.Kind);
        Assert.True(outage.IsTransient);
    }

    [Fact]
    public async Task Reads_on_when_leaders_move_and_fetches_fail()
    {
        await using var fixture = new KafkaFixture(partitions: 3, brokers: 3);
        await using var source = fixture.Open();
        await fixture.AppendAsync(60, Deadline);
        await using var chunks = source.ReadAsync(await ReadRecords.BeginningAsync(source, Deadline), Deadline).GetAsyncEnumerator(Deadline);
        var read = new ReadRecords();
        await TakeAsync(chunks, read, 60);

        for (var partition = 0; partition < 3; partition++) fixture.Kafka.MoveLeader(KafkaFixture.Topic, partition, 1 + (partition + 1) % 3);
        fixture.Kafka.FailNext(KafkaRequest.Fetch, ErrorCode.NotLeaderForPartition, ErrorCode.KafkaStorageError, ErrorCode.OffsetNotAvailable);
        fixture.Kafka.SetRoundTrip(2, TimeSpan.FromMilliseconds(50));
        await fixture.AppendAsync(60, Deadline);
        await TakeAsync(chunks, read, 120);

        AssertEachOnce(read, 120);
    }

    [Fact]
    public async Task Records_that_expired_before_they_were_read_halt_their_partition_with_a_report()
    {
        await using var fixture = new KafkaFixture(partitions: 2);
        await fixture.AppendAsync(100, Deadline);
        // The broker forgets whole batches: up to the start of one that is surely another.
        var kept = await fixture.ProduceAsync(1, """{"n":-1}""");
        fixture.Kafka.DeleteRecords(KafkaFixture.Topic, partition: 1, kept.Offset.Value);
        var low = fixture.Kafka.Watermarks(KafkaFixture.Topic, 1).Low;
        await using var source = fixture.OpenAlone();
        var from = (await ReadRecords.BeginningAsync(source, Deadline)).Select(split => split with { Position = 0 }).ToArray();
        using var figures = new Measurements("source", source.Name);

        var gap = await Assert.ThrowsAsync<PipelineException>(() => ReadRecords.ReadAsync(source, 100, Deadline, from));

        Assert.Equal(FaultKind.Gap, gap.Kind);
        Assert.False(gap.IsTransient);
        Assert.Equal(from[1].Split, gap.Split);
        Assert.Equal(new PositionRange(0, low), gap.Gap);
        Assert.Contains("partition 1", gap.Message, StringComparison.Ordinal);
        Assert.Contains($"[0, {low})", gap.Message, StringComparison.Ordinal);
        Assert.Contains("noticed 20", gap.Message, StringComparison.Ordinal);
        Assert.Equal(1, figures.Sum(Instruments.KafkaGaps));

        // The other partition goes on without it, and the gap's end is a place to go on from.
        var others = await ReadRecords.ReadAsync(source, 50 + (int)(51 - low), Deadline, [from[0], from[1] with { Position = gap.Gap!.Value.To }]);
        Assert.Equal(new PositionRange(low, 51), others.Ranges[from[1].Split]);
    }

    [Fact]
    public async Task A_position_beyond_the_end_is_never_taken_for_the_end()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.AppendAsync(10, Deadline);
        await using var source = fixture.Open();
        var from = (await ReadRecords.BeginningAsync(source, Deadline)).Select(split => split with { Position = 500 }).ToArray();

        var gap = await Assert.ThrowsAsync<PipelineException>(() => ReadRecords.ReadAsync(source, 1, Deadline, from));

        Assert.Equal(FaultKind.Gap, gap.Kind);
        Assert.Null(gap.Gap);
        Assert.Contains("position 500 is beyond the end, 10", gap.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_topic_that_was_created_again_has_other_splits()
    {
        await using var fixture = new KafkaFixture(partitions: 1, hasTopicIds: true);
        await using var source = fixture.Open();
        var old = await source.ListSplitsAsync(fixture.Table, Deadline);

        fixture.Kafka.DeleteTopic(KafkaFixture.Topic);
        fixture.Kafka.CreateTopic(KafkaFixture.Topic, partitions: 4);
        var now = await source.ListSplitsAsync(fixture.Table, Deadline);
        var refusal = await Assert.ThrowsAsync<PipelineException>(() => ReadRecords.ReadAsync(source, 1, Deadline, [new SplitPosition(old[0].Id, 0)]));

        Assert.Equal(4, now.Count);
        Assert.DoesNotContain(old[0].Id, now.Select(split => split.Id));
        Assert.Contains("created again", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_topic_whose_identity_is_known_is_read_and_resumed_like_any_other()
    {
        await using var fixture = new KafkaFixture(partitions: 2, hasTopicIds: true);
        await fixture.AppendAsync(20, Deadline);
        await using var source = fixture.Open();

        var read = await ReadRecords.ReadAsync(source, 20, Deadline);
        await fixture.AppendAsync(20, Deadline);
        await read.ContinueAsync(source.ReadAsync([.. read.Ranges.Select(range => new SplitPosition(range.Key, range.Value.To))], Deadline), 40);

        AssertEachOnce(read, 40);
        Assert.All(read.Ranges.Keys, split => Assert.Matches("^user_events@.{22}/[01]$", split.Name));
    }

    [Fact]
    public async Task Finds_partitions_that_were_added()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await using var source = fixture.Open();
        var before = await source.ListSplitsAsync(fixture.Table, Deadline);

        fixture.Kafka.DeleteTopic(KafkaFixture.Topic);
        fixture.Kafka.CreateTopic(KafkaFixture.Topic, partitions: 3);

        var after = await source.ListSplitsAsync(fixture.Table, Deadline);
        Assert.Equal(["user_events/0"], before.Select(split => split.Id.Name));
        Assert.Equal(["user_events/0", "user_events/1", "user_events/2"], after.Select(split => split.Id.Name));
    }

    [Fact]
    public async Task A_topic_that_may_not_be_read_says_which_right_is_missing()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        fixture.Kafka.SetTopicError(KafkaFixture.Topic, ErrorCode.TopicAuthorizationFailed);
        await using var source = fixture.Open();

        var findings = await source.CheckAsync(Deadline);
        var refusal = await Assert.ThrowsAsync<PipelineException>(async () => await source.ListSplitsAsync(fixture.Table, Deadline));

        Assert.Equal(FaultKind.NotAuthorised, refusal.Kind);
        var finding = Assert.Single(findings, finding => !finding.Ok);
        Assert.Contains(KafkaFixture.Topic, finding.Thing, StringComparison.Ordinal);
        Assert.Contains("--operation Read", finding.NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Acknowledged_positions_show_as_the_groups_offsets()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.AppendAsync(10, Deadline);
        await using var source = fixture.Open();
        using var observer = new ConsumerBuilder<Null, Null>(new ConsumerConfig { BootstrapServers = fixture.Kafka.Bootstrap, GroupId = "pipeline-events" }).Build();
        await using var chunks = source.ReadAsync(await ReadRecords.BeginningAsync(source, Deadline), Deadline).GetAsyncEnumerator(Deadline);
        await TakeAsync(chunks, new ReadRecords(), 10);

        await source.AcknowledgeAsync(new SplitId("events", "user_events/0"), 7, Deadline);

        var place = new TopicPartition(KafkaFixture.Topic, 0);
        var committed = Offset.Unset;
        while (committed != 7)
        {
            Deadline.ThrowIfCancellationRequested();
            committed = observer.Committed([place], TimeSpan.FromMinutes(1)).Single().Offset;
            await Task.Yield();
        }
    }

    private static async Task TakeAsync(IAsyncEnumerator<Chunk> chunks, ReadRecords read, int count)
    {
        while (read.Records.Count < count)
        {
            Assert.True(await chunks.MoveNextAsync());
            using var chunk = chunks.Current;
            read.Take(chunk);
        }
    }

    private static void AssertEachOnce(ReadRecords read, int count)
    {
        Assert.Equal(Enumerable.Range(0, count).Select(number => $$"""{"n":{{number}}}"""), read.Records.Select(record => record.Value!).OrderBy(value => value.Length).ThenBy(value => value, StringComparer.Ordinal));
    }
}
