using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Sources.Kafka.Client;
using Pipeline.Testing;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>Whose a consumer group's offsets are.</summary>
public sealed class GroupOwnershipSpec : KafkaSpec
{
    private const string Group = "pipeline-events";

    private static readonly SplitId Split = new("events", "user_events/0");
    private static readonly TopicPartition Place = new(KafkaFixture.Topic, 0);
    private static readonly TestOwner Sales = new("sales", "lake-1");

    [Theory]
    [InlineData("marketing", "lake-2")]
    [InlineData("sales", "lake-2")]
    public async Task Offsets_of_another_pipeline_stay_until_they_are_forgotten_and_every_record_is_read(string name, string lake)
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.AppendAsync(10, Deadline);
        using var observer = Observer(fixture);
        await using (var first = fixture.Open(KafkaFixture.Options(fixture.Kafka.Bootstrap), owner: Sales)) await ReadAndAcknowledgeAsync(first, 7, observer);
        using var logs = new LogLines();

        await using var second = fixture.Open(KafkaFixture.Options(fixture.Kafka.Bootstrap), new HastyTime(), logs, new TestOwner(name, lake));
        await using var chunks = second.ReadAsync(await ReadRecords.BeginningAsync(second, Deadline), Deadline).GetAsyncEnumerator(Deadline);
        var read = new ReadRecords();
        await TakeAsync(chunks, read, 10);
        await second.AcknowledgeAsync(Split, 3, Deadline);
        await logs.WaitForAsync(line => line.Contains("lag tools will not see", StringComparison.Ordinal), Deadline);
        await second.AcknowledgeAsync(Split, 4, Deadline);
        var finding = Assert.Single(await second.CheckAsync(Deadline), finding => !finding.Ok);
        var kept = Committed(observer);

        // As kafka-consumer-groups --reset-offsets does: an offset, and no word of whose it is.
        observer.Commit([new TopicPartitionOffset(Place, 0)]);
        while (Committed(observer) != 4) await Task.Delay(20, Deadline);

        var warning = Assert.Single(logs.At(LogLevel.Warning));
        Assert.DoesNotContain('\n', warning);
        foreach (var word in new[] { "pipeline sales with the lake lake-1", $"pipeline {name} with the lake {lake}", "--delete --group pipeline-events" }) Assert.Contains(word, warning, StringComparison.Ordinal);
        Assert.Equal(7, kept);
        Assert.Contains("pipeline sales with the lake lake-1", finding.Detail, StringComparison.Ordinal);
        await logs.WaitForAsync(line => line.Contains("nobody else commits as group", StringComparison.Ordinal), Deadline);
        Assert.Equal(name, ReaderOf(observer)?.Pipeline.Name);
    }

    [Fact]
    public async Task Offsets_of_the_release_before_are_taken_over_and_the_pipeline_goes_on_with_its_own()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.AppendAsync(10, Deadline);
        using var observer = Observer(fixture);
        observer.Commit([new TopicPartitionOffset(Place, 2)]);

        foreach (var position in new[] { 5, 9 })
        {
            using var logs = new LogLines();
            await using var source = fixture.Open(KafkaFixture.Options(fixture.Kafka.Bootstrap), logs: logs, owner: Sales);
            await ReadAndAcknowledgeAsync(source, position, observer);
            Assert.All(await source.CheckAsync(Deadline), finding => Assert.True(finding.Ok, finding.ToString()));
            Assert.Empty(logs.At(LogLevel.Warning));
        }

        Assert.Equal(new SourceClaim("events", new PipelineId("sales", "lake-1")), ReaderOf(observer));
    }

    public static TheoryData<TimeProvider> Times => [new HastyTime(), new FirstMinute()];

    /// <summary>Long after it began, and by one that began at the same moment, within the first minute.</summary>
    [Theory, MemberData(nameof(Times))]
    public async Task A_pipeline_whose_offsets_are_overwritten_by_another_leaves_them_alone_from_then_on(TimeProvider time)
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.AppendAsync(10, Deadline);
        using var observer = Observer(fixture);
        using var logs = new LogLines();
        await using var first = fixture.Open(KafkaFixture.Options(fixture.Kafka.Bootstrap), time, logs, Sales);
        await using var chunks = first.ReadAsync(await ReadRecords.BeginningAsync(first, Deadline), Deadline).GetAsyncEnumerator(Deadline);
        await TakeAsync(chunks, new ReadRecords(), 10);
        await first.AcknowledgeAsync(Split, 5, Deadline);
        while (Committed(observer) != 5) await Task.Delay(20, Deadline);

        using (var other = Observer(fixture))
        {
            other.Assign(Place);
            await CommitAsync(other, 7, new SourceClaim("events", new PipelineId("marketing", "lake-2")).Text, Deadline);
        }

        await logs.WaitForAsync(line => line.Contains("pipeline marketing with the lake lake-2", StringComparison.Ordinal), Deadline);
        await first.AcknowledgeAsync(Split, 8, Deadline);
        await first.CheckAsync(Deadline);
        Assert.Equal(7, Committed(observer));
    }

    private async Task ReadAndAcknowledgeAsync(ISource source, long position, IConsumer<Null, Null> observer)
    {
        await using var chunks = source.ReadAsync(await ReadRecords.BeginningAsync(source, Deadline), Deadline).GetAsyncEnumerator(Deadline);
        await TakeAsync(chunks, new ReadRecords(), 10);
        await source.AcknowledgeAsync(Split, position, Deadline);
        while (Committed(observer) != position) await Task.Delay(20, Deadline);
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

    private static IConsumer<Null, Null> Observer(KafkaFixture fixture) => new ConsumerBuilder<Null, Null>(new ConsumerConfig
    {
        BootstrapServers = fixture.Kafka.Bootstrap, GroupId = Group, EnableAutoCommit = false, EnableAutoOffsetStore = false,
    }).Build();

    /// <summary>Stores and commits, again when an assignment that was still under way has forgotten what was stored.</summary>
    /// <param name="offset">More than what is committed: librdkafka commits nothing that is less than what it has heard to be there.</param>
    private static async Task CommitAsync(IConsumer<Null, Null> consumer, long offset, string text, CancellationToken deadline)
    {
        using var lease = new ClientLease(consumer);
        while (true)
        {
            try
            {
                GroupQuestion.Store(lease, Place, offset, text);
                consumer.Commit();
                return;
            }
            catch (KafkaException e) when (e.Error.Code is ErrorCode.Local_NoOffset or ErrorCode.Local_State)
            {
                await Task.Delay(20, deadline);
            }
        }
    }

    private static long Committed(IConsumer<Null, Null> observer) => observer.Committed([Place], TimeSpan.FromMinutes(1)).Single().Offset.Value;

    private static SourceClaim? ReaderOf(IConsumer<Null, Null> observer)
    {
        using var lease = new ClientLease(observer);
        return SourceClaim.In(GroupQuestion.Ask(lease, [Place], TimeSpan.FromMinutes(1)).GetValueOrDefault(Place, ""));
    }

    /// <summary>Goes twice as fast, and has no second minute.</summary>
    private sealed class FirstMinute : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime >= TimeSpan.FromMinutes(1) ? Timeout.InfiniteTimeSpan : dueTime > TimeSpan.Zero ? dueTime / 2 : dueTime, period > TimeSpan.Zero ? period / 2 : period);
    }

    /// <summary>What waits for a minute waits for half a second.</summary>
    private sealed class HastyTime : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime > TimeSpan.Zero ? dueTime / 120 : dueTime, period > TimeSpan.Zero ? period / 120 : period);
    }
}
