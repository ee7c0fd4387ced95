using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Testing;
using Pipeline.Testing.Kafka;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>What real brokers refuse, lose and tell, and what a source makes of it.</summary>
public sealed class KafkaRefusalSpec : KafkaSpec
{
    private static readonly SplitId Split = new("events", "user_events/0");

    private readonly LogLines _log = new();

    [Fact]
    public async Task A_partition_without_a_leader_keeps_no_other_from_being_found_and_read()
    {
        await using var fixture = new KafkaFixture(partitions: 2);
        await using var proxy = KafkaProxy.Start(fixture.Kafka.Bootstrap);
        await fixture.AppendAsync(20, Deadline);
        proxy.SetLeaderless(KafkaFixture.Topic, 0, isLeaderless: true);
        await using var source = fixture.Open(KafkaFixture.Options(proxy.Bootstrap));

        var findings = await source.CheckAsync(Deadline);
        await using var chunks = source.ReadAsync(await ReadRecords.BeginningAsync(source, Deadline), Deadline).GetAsyncEnumerator(Deadline);
        var read = new ReadRecords();
        await TakeAsync(chunks, read, 10);
        Assert.All(read.Records, record => Assert.Equal(1, record.Partition));
        fixture.Kafka.DeleteTopic(KafkaFixture.Topic);
        fixture.Kafka.CreateTopic(KafkaFixture.Topic, partitions: 3);
        var more = await source.ListSplitsAsync(fixture.Table, Deadline);

        var finding = Assert.Single(findings, finding => !finding.Ok);
        Assert.Equal("of its 2 partitions nobody leads 0", finding.Detail);
        Assert.Equal(3, more.Count);
    }

    [Fact]
    public async Task A_partition_that_has_a_leader_again_is_read_on()
    {
        await using var fixture = new KafkaFixture(partitions: 2);
        await using var proxy = KafkaProxy.Start(fixture.Kafka.Bootstrap);
        await fixture.AppendAsync(20, Deadline);
        proxy.SetLeaderless(KafkaFixture.Topic, 0, isLeaderless: true);
        await using var source = fixture.Open(KafkaFixture.Options(proxy.Bootstrap));
        await using var chunks = source.ReadAsync(await ReadRecords.BeginningAsync(source, Deadline), Deadline).GetAsyncEnumerator(Deadline);
        var read = new ReadRecords();
        await TakeAsync(chunks, read, 10);

        proxy.SetLeaderless(KafkaFixture.Topic, 0, isLeaderless: false);
        await TakeAsync(chunks, read, 20);

        Assert.Equal(20, read.Records.Select(record => (record.Partition, record.Offset)).Distinct().Count());
    }

    [Fact]
    public async Task A_question_about_topics_has_an_end_and_the_next_is_answered()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await using var proxy = KafkaProxy.Start(fixture.Kafka.Bootstrap);
        await using var source = fixture.Open(KafkaFixture.Options(proxy.Bootstrap) with { RequestTimeout = TimeSpan.FromSeconds(1) });
        Assert.Single(await ListAsync(source, fixture.Table));
        proxy.Hold(KafkaApi.Metadata);

        var unanswered = await Assert.ThrowsAsync<PipelineException>(async () => await source.ListSplitsAsync(fixture.Table, Deadline));
        proxy.Release(KafkaApi.Metadata);

        Assert.Equal(FaultKind.Unreachable, unanswered.Kind);
        Assert.Single(await ListAsync(source, fixture.Table));
    }

    [Fact]
    public async Task A_source_may_be_left_while_it_asks_about_topics()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await using var proxy = KafkaProxy.Start(fixture.Kafka.Bootstrap);
        for (var round = 0; round < 5; round++)
        {
            var source = fixture.Open(KafkaFixture.Options(proxy.Bootstrap));
            if (round % 2 == 0) await source.ListSplitsAsync(fixture.Table, Deadline);
            var asked = proxy.Requests(KafkaApi.Metadata);
            proxy.Hold(KafkaApi.Metadata);
            var asking = source.ListSplitsAsync(fixture.Table, Deadline).AsTask();
            var waiting = source.ListSplitsAsync(fixture.Table, Deadline).AsTask();
            while (proxy.Requests(KafkaApi.Metadata) == asked) await Task.Delay(5, Deadline);

            await source.DisposeAsync();

            foreach (var question in new[] { asking, waiting }) Assert.True(await Record.ExceptionAsync(() => question) is ObjectDisposedException or OperationCanceledException);
            proxy.Release(KafkaApi.Metadata);
        }
    }

    [Theory]
    [InlineData(KafkaApi.Fetch)]
    [InlineData(KafkaApi.Metadata)]
    [InlineData(KafkaApi.FindCoordinator)]
    public async Task A_reading_may_be_left_while_a_request_is_under_way(KafkaApi api)
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await using var proxy = KafkaProxy.Start(fixture.Kafka.Bootstrap);
        await using var source = fixture.Open(KafkaFixture.Options(proxy.Bootstrap));
        var from = await ReadRecords.BeginningAsync(source, Deadline);
        await fixture.AppendAsync(1, Deadline);
        for (var round = 0; round < 3; round++)
        {
            using var leaving = CancellationTokenSource.CreateLinkedTokenSource(Deadline);
            var chunks = source.ReadAsync(from, leaving.Token).GetAsyncEnumerator(leaving.Token);
            Assert.True(await chunks.MoveNextAsync());
            chunks.Current.Dispose();
            proxy.Hold(api);
            var next = chunks.MoveNextAsync().AsTask();

            await leaving.CancelAsync();
            await Record.ExceptionAsync(() => next);
            await chunks.DisposeAsync();

            proxy.Release(api);
        }
    }

    [Fact]
    public async Task A_topic_that_may_be_described_and_not_read_is_told_by_the_check_as_reading_tells_it()
    {
        await using var fixture = new KafkaFixture(partitions: 2);
        await using var proxy = KafkaProxy.Start(fixture.Kafka.Bootstrap);
        await fixture.AppendAsync(5, Deadline);
        await using var source = fixture.Open(KafkaFixture.Options(proxy.Bootstrap));
        Assert.All(await source.CheckAsync(Deadline), finding => Assert.True(finding.Ok, finding.Detail));

        proxy.Fail(KafkaApi.Fetch, KafkaError.TopicAuthorizationFailed);
        var told = Assert.Single(await source.CheckAsync(Deadline), finding => !finding.Ok);
        var refusal = await Assert.ThrowsAsync<PipelineException>(() => ReadRecords.ReadAsync(source, 1, Deadline, [new SplitPosition(Split, 0)]));
        proxy.Fail(KafkaApi.Fetch, KafkaError.None);

        Assert.Equal((refusal.Cause, refusal.NextStep), (told.Detail, told.NextStep));
        Assert.All(await source.CheckAsync(Deadline), finding => Assert.True(finding.Ok, finding.Detail));
    }

    [Fact]
    public async Task A_topic_without_records_may_be_read()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await using var source = fixture.Open(KafkaFixture.Options(fixture.Kafka.Bootstrap));

        Assert.All(await source.CheckAsync(Deadline), finding => Assert.True(finding.Ok, finding.Detail));
    }

    [Fact]
    public async Task A_right_that_is_taken_halts_its_partition_with_what_helps_and_is_used_when_it_is_given_back()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await using var proxy = KafkaProxy.Start(fixture.Kafka.Bootstrap);
        await fixture.AppendAsync(5, Deadline);
        await using var source = fixture.Open(KafkaFixture.Options(proxy.Bootstrap));
        var read = await ReadRecords.ReadAsync(source, 5, Deadline);
        proxy.Fail(KafkaApi.Fetch, KafkaError.TopicAuthorizationFailed);

        var refusal = await Assert.ThrowsAsync<PipelineException>(() => ReadRecords.ReadAsync(source, 1, Deadline, [new SplitPosition(Split, 5)]));
        proxy.Fail(KafkaApi.Fetch, KafkaError.None);
        await fixture.AppendAsync(5, Deadline);
        await read.ContinueAsync(source.ReadAsync([new SplitPosition(Split, 5)], Deadline), 10);

        Assert.Equal((FaultKind.NotAuthorised, (SplitId?)Split), (refusal.Kind, refusal.Split));
        Assert.Contains("--operation Read", refusal.NextStep, StringComparison.Ordinal);
        Assert.Equal(new PositionRange(0, 10), read.Ranges[Split]);
    }

    [Fact]
    public async Task A_password_may_change_at_the_broker_before_it_changes_in_the_file()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "first\n", Deadline);
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.AppendAsync(5, Deadline);
        await using var proxy = KafkaProxy.Start(fixture.Kafka.Bootstrap, "pipeline", "first");
        await using var source = fixture.Open(KafkaFixture.Options(proxy.Bootstrap) with
        {
            Security = new KafkaSecurityOptions { Protocol = KafkaProtocol.SaslPlaintext, Mechanism = SaslMechanism.Plain, Username = "pipeline", Password = new Secret($"secret:file:{file}") },
        });
        await using var chunks = source.ReadAsync(await ReadRecords.BeginningAsync(source, Deadline), Deadline).GetAsyncEnumerator(Deadline);
        var read = new ReadRecords();
        await TakeAsync(chunks, read, 5);

        proxy.Password = "second";
        proxy.CloseConnections();
        var reading = await Assert.ThrowsAsync<PipelineException>(() => TakeAsync(chunks, read, 6));
        var listing = await Assert.ThrowsAsync<PipelineException>(async () => await source.ListSplitsAsync(fixture.Table, Deadline));
        await File.WriteAllTextAsync(file, "second\n", Deadline);
        await fixture.AppendAsync(5, Deadline);
        Assert.Single(await ListAsync(source, fixture.Table));
        await read.ContinueAsync(source.ReadAsync([new SplitPosition(Split, 5)], Deadline), 10);

        Assert.Equal([FaultKind.NotAuthorised, FaultKind.NotAuthorised], new[] { reading.Kind, listing.Kind });
        Assert.Equal(new PositionRange(0, 10), read.Ranges[Split]);
    }

    [Theory]
    [InlineData("pipeline-events", 1)]
    [InlineData(null, 0)]
    public async Task A_group_that_may_not_be_used_is_no_fault_of_a_table(string? group, int warnings)
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await using var proxy = KafkaProxy.Start(fixture.Kafka.Bootstrap);
        proxy.Fail(KafkaApi.FindCoordinator, KafkaError.GroupAuthorizationFailed);
        await using var source = fixture.Open(KafkaFixture.Options(proxy.Bootstrap) with { Group = group }, logs: _log);
        await using var chunks = source.ReadAsync(await ReadRecords.BeginningAsync(source, Deadline), Deadline).GetAsyncEnumerator(Deadline);
        var read = new ReadRecords();
        var reading = TakeAsync(chunks, read, 10);

        // The client asks again and again.
        while (proxy.Requests(KafkaApi.FindCoordinator) < 3) await Task.Delay(10, Deadline);
        await fixture.AppendAsync(10, Deadline);
        await reading;
        await source.AcknowledgeAsync(Split, 10, Deadline);

        if (warnings > 0) await _log.WaitForAsync(line => line.Contains("commit-group-offsets = false", StringComparison.Ordinal), Deadline);
        Assert.Equal(warnings, _log.At(LogLevel.Warning).Count);
        Assert.Empty(_log.At(LogLevel.Error));
    }

    [Fact]
    public async Task In_a_topic_that_was_made_anew_nothing_is_missing()
    {
        await using var fixture = new KafkaFixture(partitions: 1, hasTopicIds: true);
        await using var proxy = KafkaProxy.Start(fixture.Kafka.Bootstrap);
        for (var record = 0; record < 10; record++) await fixture.AppendAsync(1, Deadline);
        await using var source = fixture.Open(KafkaFixture.Options(proxy.Bootstrap), logs: _log);
        var before = await ReadRecords.BeginningAsync(source, Deadline);
        await using var chunks = source.ReadAsync(before, Deadline).GetAsyncEnumerator(Deadline);
        var read = new ReadRecords();
        await TakeAsync(chunks, read, 10);

        proxy.SetTopicId(KafkaFixture.Topic, Guid.NewGuid());
        proxy.End(KafkaFixture.Topic, 0, at: 4);
        var anew = await Assert.ThrowsAsync<PipelineException>(() => TakeAsync(chunks, read, 11));
        var now = await ReadRecords.BeginningAsync(source, Deadline);

        Assert.True(anew.IsTransient);
        Assert.Contains("created again", anew.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("estore", $"{anew} {string.Join(' ', _log.At(LogLevel.Error))}", StringComparison.Ordinal);
        Assert.Single(_log.At(LogLevel.Warning), line => line.Contains("created again", StringComparison.Ordinal));
        Assert.NotEqual(before.Single().Split, now.Single().Split);
        Assert.Equal(4, (await ReadRecords.ReadAsync(source, 4, Deadline, now)).Records.Count);
    }

    [Fact]
    public async Task A_log_that_brokers_have_cut_is_a_gap_that_awaits_a_word_and_no_outage()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await using var proxy = KafkaProxy.Start(fixture.Kafka.Bootstrap);
        await fixture.AppendAsync(20, Deadline);
        proxy.BeginEpoch(KafkaFixture.Topic, 0, epoch: 2, from: 0);
        await using var source = fixture.Open(KafkaFixture.Options(proxy.Bootstrap), logs: _log);
        await using var chunks = source.ReadAsync([new SplitPosition(Split, 0)], Deadline).GetAsyncEnumerator(Deadline);
        var read = new ReadRecords();
        await TakeAsync(chunks, read, 20);

        proxy.BeginEpoch(KafkaFixture.Topic, 0, epoch: 3, from: 9);
        // A leader that goes makes the client look who leads now.
        proxy.Fail(KafkaApi.Fetch, KafkaError.NotLeaderOrFollower);
        var reading = TakeAsync(chunks, read, 21);
        while (proxy.Requests(KafkaApi.OffsetForLeaderEpoch) == 0) await Task.Delay(10, Deadline);
        proxy.Fail(KafkaApi.Fetch, KafkaError.None);
        var cut = await Assert.ThrowsAsync<PipelineException>(() => reading);

        Assert.Equal((FaultKind.Gap, (SplitId?)Split, null), (cut.Kind, cut.Split, cut.Gap));
        Assert.Contains("others stand at their offsets", cut.Message, StringComparison.Ordinal);
        Assert.True(Fault.Of("", cut).AwaitsWord);
    }

    [Theory]
    [InlineData(CompressionType.Gzip)]
    [InlineData(CompressionType.None)]
    public async Task Behind_a_batch_that_is_damaged_nothing_is_read_until_it_is_whole(CompressionType compression)
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await using var proxy = KafkaProxy.Start(fixture.Kafka.Bootstrap);
        using (var producer = new ProducerBuilder<byte[]?, byte[]?>(new ProducerConfig { BootstrapServers = fixture.Kafka.Bootstrap, CompressionType = compression }).Build())
            for (var number = 0; number < 3; number++)
                await producer.ProduceAsync(new TopicPartition(KafkaFixture.Topic, 0), new Message<byte[]?, byte[]?> { Value = Encoding.UTF8.GetBytes(new string('x', 1000)) }, Deadline);
        proxy.Damage(KafkaFixture.Topic, 0, offset: 1);
        await using var source = fixture.Open(KafkaFixture.Options(proxy.Bootstrap));
        await using var chunks = source.ReadAsync([new SplitPosition(Split, 0)], Deadline).GetAsyncEnumerator(Deadline);
        var read = new ReadRecords();

        var damaged = await Assert.ThrowsAsync<PipelineException>(() => TakeAsync(chunks, read, 3));
        proxy.Mend(KafkaFixture.Topic, 0);
        await read.ContinueAsync(source.ReadAsync([new SplitPosition(Split, read.Ranges[Split].To)], Deadline), 3);

        Assert.Equal((FaultKind.Damaged, (SplitId?)Split), (damaged.Kind, damaged.Split));
        Assert.Equal([0, 1, 2], read.Records.Select(record => record.Offset));
    }

    [Theory]
    [InlineData(1_700_000_000_000_000)]
    [InlineData(253_402_300_800_000)]
    [InlineData(-2)]
    [InlineData(-62_135_596_800_001)]
    [InlineData(long.MaxValue)]
    [InlineData(long.MinValue)]
    public async Task A_timestamp_that_no_table_can_hold_makes_its_record_a_dead_letter_and_its_neighbours_flow(long milliseconds)
    {
        await using var fixture = new KafkaFixture(partitions: 2);
        await using var proxy = KafkaProxy.Start(fixture.Kafka.Bootstrap);
        for (var record = 0; record < 6; record++) await fixture.AppendAsync(1, Deadline);
        proxy.SetTimestamp(KafkaFixture.Topic, 0, offset: 1, milliseconds);
        await using var source = fixture.Open(KafkaFixture.Options(proxy.Bootstrap));

        var read = await ReadRecords.ReadAsync(source, 6, Deadline);

        var letter = Assert.Single(read.DeadLetters);
        Assert.Equal((1, "invalid_timestamp", null), (letter.Position, letter.Code, letter.Timestamp));
        Assert.Contains($"{milliseconds} ms", letter.Reason, StringComparison.Ordinal);
        Assert.Equal(5, read.Records.Count(record => record.Timestamp is not null));
        Assert.Equal([new PositionRange(0, 3), new PositionRange(0, 3)], read.Ranges.Values);
    }

    [Theory]
    [InlineData(0, "1970-01-01T00:00:00.0000000+00:00")]
    [InlineData(253_402_300_799_999, "9999-12-31T23:59:59.9990000+00:00")]
    [InlineData(-1, null)]
    public async Task Timestamps_up_to_the_last_of_the_year_9999_are_kept_and_none_is_none(long milliseconds, string? kept)
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await using var proxy = KafkaProxy.Start(fixture.Kafka.Bootstrap);
        await fixture.AppendAsync(1, Deadline);
        proxy.SetTimestamp(KafkaFixture.Topic, 0, offset: 0, milliseconds);
        await using var source = fixture.Open(KafkaFixture.Options(proxy.Bootstrap));

        var read = await ReadRecords.ReadAsync(source, 1, Deadline);

        Assert.Equal(kept, Assert.Single(read.Records).Timestamp?.ToString("O"));
    }

    /// <summary>A client that had an outage, or little time on a busy machine, may need another moment.</summary>
    private async Task<IReadOnlyList<Split>> ListAsync(ISource source, string table)
    {
        while (true)
        {
            try
            {
                return await source.ListSplitsAsync(table, Deadline);
            }
            catch (PipelineException)
            {
                await Task.Delay(100, Deadline);
            }
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
}
