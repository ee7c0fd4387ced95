using Confluent.Kafka;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Sources.Kafka.Catalog;
using Pipeline.Testing;
using Pipeline.Testing.Kafka;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>What keeps a partition from being read without an error is told, with its reason, and in records.</summary>
public sealed class PartitionWaitsSpec : KafkaSpec
{
    private readonly FakeTimeProvider _time = new();
    private readonly List<WaitNotice> _said = [];
    private readonly WaitWatch _watch;

    public PartitionWaitsSpec() => _watch = new WaitWatch(_time, _said.Add);

    [Fact]
    public void A_partition_that_nobody_leads_is_told_once_with_its_end_however_often_it_is_seen()
    {
        using var waits = Waits();
        for (var second = 0; second < 90; second += 2)
        {
            See(waits, "clicks", 1);
            See(waits, "views");
            _time.Advance(TimeSpan.FromSeconds(2));
        }

        See(waits, "clicks");
        See(waits, "clicks");

        Assert.Equal([false, true], _said.Select(notice => notice.IsOver));
        Assert.All(_said, notice => Assert.EndsWith("topic clicks, partition 1", notice.Thing, StringComparison.Ordinal));
        Assert.All(_said, notice => Assert.Contains("nobody leads it", notice.Reason, StringComparison.Ordinal));
    }

    [Fact]
    public void An_election_is_not_told_and_every_outage_is()
    {
        using var waits = Waits();
        See(waits, "clicks", 0);
        _time.Advance(TimeSpan.FromSeconds(50));
        See(waits, "clicks");
        Assert.Empty(_said);

        for (var outage = 0; outage < 2; outage++)
        {
            See(waits, "clicks", 0);
            _time.Advance(TimeSpan.FromMinutes(2));
            See(waits, "clicks");
        }

        Assert.Equal(4, _said.Count);
    }

    [Fact]
    public void Each_partition_is_told_for_itself_and_a_leader_is_missed_before_a_transaction_is()
    {
        using var waits = Waits();
        waits.Of(new TopicPartition("clicks", 0)).Held = new WaitReason("a transaction");
        See(waits, "clicks", 0, 1);
        _time.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal(2, _said.Count);
        Assert.All(_said, notice => Assert.Contains("nobody leads it", notice.Reason, StringComparison.Ordinal));

        See(waits, "clicks");
        Assert.EndsWith("partition 1", Assert.Single(_said, notice => notice.IsOver).Thing, StringComparison.Ordinal);
    }

    [Fact]
    public void A_partition_that_has_a_leader_again_and_is_held_by_a_transaction_is_told_with_that_once_whatever_it_counts()
    {
        using var waits = Waits();
        See(waits, "clicks", 0);
        _time.Advance(TimeSpan.FromMinutes(1));
        for (var records = 1; records < 100; records++)
        {
            waits.Of(new TopicPartition("clicks", 0)).Held = new WaitReason($"a transaction holds {records} records", "a transaction");
            See(waits, "clicks");
            _time.Advance(TimeSpan.FromSeconds(30));
        }

        Assert.Collection(_said, first => Assert.Contains("nobody leads it", first.Reason, StringComparison.Ordinal), second => Assert.StartsWith("a transaction holds ", second.Reason, StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_open_transaction_that_holds_a_partitions_end_is_told_after_a_minute_and_lag_says_what_cannot_be_read()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await using var proxy = KafkaProxy.Start(fixture.Kafka.Bootstrap);
        for (var i = 0; i < 3; i++) await fixture.ProduceAsync(0, "before");
        proxy.OpenTransaction(KafkaFixture.Topic, 0, from: 3);
        for (var i = 0; i < 7; i++) await fixture.ProduceAsync(0, "in it");
        using var figures = new Measurements("source", "held");
        await using var source = fixture.Open(KafkaFixture.Options(proxy.Bootstrap) with { Name = "held" }, _time, waits: _watch);
        await using var chunks = source.ReadAsync(await ReadRecords.BeginningAsync(source, Deadline), Deadline).GetAsyncEnumerator(Deadline);
        var read = new ReadRecords();
        await ReadAsync(read, chunks, count: 3);

        // The reading looks at its own pace, at a clock that only this test moves.
        var next = chunks.MoveNextAsync().AsTask();
        while (_said.Count == 0) await PassAsync();
        var waits = Assert.Single(_said);
        Assert.EndsWith("topic user_events, partition 0", waits.Thing, StringComparison.Ordinal);
        Assert.Contains("a transaction that is open holds its end: 7 records from offset 3 on", waits.Reason, StringComparison.Ordinal);
        Assert.Equal((7d, 7d), (figures.Observe(Instruments.LagRecords), figures.Observe(Instruments.LagUnreadable)));

        proxy.OpenTransaction(KafkaFixture.Topic, 0, from: null);
        await TakeAsync(read, next, chunks);
        await ReadAsync(read, chunks, count: 10);
        while (_said.Count == 1 || figures.Observe(Instruments.LagRecords) is not 0) await PassAsync();

        Assert.True(_said[1].IsOver);
        Assert.Equal(0, figures.Observe(Instruments.LagUnreadable));
    }

    [Fact]
    public async Task A_partition_whose_leader_is_gone_under_its_reader_is_told_by_the_next_listings()
    {
        await using var fixture = new KafkaFixture(partitions: 2);
        await using var proxy = KafkaProxy.Start(fixture.Kafka.Bootstrap);
        await using var source = fixture.Open(KafkaFixture.Options(proxy.Bootstrap), _time, waits: _watch);
        await fixture.ProduceAsync(0, "x");
        await using var chunks = source.ReadAsync(await ReadRecords.BeginningAsync(source, Deadline), Deadline).GetAsyncEnumerator(Deadline);
        await ReadAsync(new ReadRecords(), chunks, count: 1);

        proxy.SetLeaderless(KafkaFixture.Topic, 1, isLeaderless: true);
        await source.ListSplitsAsync("user_events", Deadline);
        _time.Advance(TimeSpan.FromSeconds(80));
        await source.ListSplitsAsync("user_events", Deadline);
        Assert.EndsWith("topic user_events, partition 1", Assert.Single(_said).Thing, StringComparison.Ordinal);

        proxy.SetLeaderless(KafkaFixture.Topic, 1, isLeaderless: false);
        await source.ListSplitsAsync("user_events", Deadline);
        Assert.Equal([false, true], _said.Select(notice => notice.IsOver));
    }

    private PartitionWaits Waits() => new(KafkaFixture.Options("localhost:1"), _watch);

    private static void See(PartitionWaits waits, string topic, params int[] leaderless) => waits.See(new KafkaTopic(topic, null, 3, null) { Leaderless = leaderless });

    private async Task PassAsync(double seconds = 2)
    {
        _time.Advance(TimeSpan.FromSeconds(seconds));
        await Task.Delay(20, Deadline);
    }

    private async Task ReadAsync(ReadRecords read, IAsyncEnumerator<Chunk> chunks, int count)
    {
        while (read.Records.Count < count) await TakeAsync(read, chunks.MoveNextAsync().AsTask(), chunks);
    }

    /// <summary>Chunks go out when they are old enough, by this test's clock.</summary>
    private async Task TakeAsync(ReadRecords read, Task<bool> next, IAsyncEnumerator<Chunk> chunks)
    {
        while (!next.IsCompleted) await PassAsync(seconds: 0.01);
        Assert.True(await next);
        using var chunk = chunks.Current;
        read.Take(chunk);
    }
}
