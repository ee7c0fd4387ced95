using Confluent.Kafka;
using CsCheck;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Sources.Kafka.Catalog;
using Pipeline.Sources.Kafka.Reading;

namespace Pipeline.Sources.Kafka.Tests;

public sealed class PartitionReadingSpec
{
    [Fact]
    public void Offsets_that_are_never_delivered_still_advance_the_position()
    {
        using var part = new Part(position: 0);
        part.Take(0, "a");
        // 1 to 4: aborted or compacted. 6: the marker that ends a transaction.
        part.Take(5, "b");
        part.Reading.ReachEnd(7);

        part.Reading.Flush();

        using var chunk = part.Chunks().Single();
        Assert.Equal(new PositionRange(0, 7), chunk.Range);
        Assert.Equal(2, chunk.RowCount);
    }

    [Fact]
    public void A_partition_of_markers_alone_gives_an_advancing_chunk_without_rows()
    {
        using var part = new Part(position: 10);
        part.Reading.ReachEnd(12);

        part.Reading.Flush();
        part.Reading.Flush();

        using var chunk = part.Chunks().Single();
        Assert.Equal(new PositionRange(10, 12), chunk.Range);
        Assert.Null(chunk.Rows);
        Assert.Null(chunk.DeadLetters);
    }

    [Fact]
    public void The_beginning_is_where_the_first_record_is()
    {
        using var part = new Part(position: null);
        part.Reading.ReachEnd(40);
        part.Reading.Flush();
        part.Take(40, "a");
        part.Reading.Flush();

        using var chunk = part.Chunks().Single();
        Assert.Equal(new PositionRange(40, 41), chunk.Range);
    }

    [Fact]
    public void A_record_whose_time_goes_back_or_is_missing_is_put_behind_those_before_it_also_after_a_restart()
    {
        using var part = new Part(position: 0);
        part.Take(0, "a", timestampMs: 5);
        part.Take(1, "b", timestampMs: 3);
        part.Take(2, "c");
        part.Take(3, "d", timestampMs: 7);
        part.Reading.Flush();
        using var first = part.Chunks().Single();
        using var again = new Part(position: 4, marks: first.Marks);
        again.Take(4, "e", timestampMs: 6);
        again.Take(5, "f", timestampMs: 7);
        again.Reading.Flush();
        using var second = again.Chunks().Single();

        Assert.Equal([null, 5_000, 5_000, null], OrderTimes(first));
        Assert.Equal(new SplitMarks(OrderTime: 7_000), first.Marks);
        Assert.Equal([7_000, null], OrderTimes(second));
    }

    [Fact]
    public void Where_times_never_go_back_there_is_no_column_for_it()
    {
        using var part = new Part(position: 0);
        part.Take(0, "a");
        part.Take(1, "b", timestampMs: 3);
        part.Take(2, "c", timestampMs: 3);
        part.Reading.Flush();

        using var chunk = part.Chunks().Single();
        Assert.Equal(-1, chunk.Rows!.Schema.GetFieldIndex(BronzeColumns.OrderTime));
    }

    [Fact]
    public void What_is_kept_beside_the_position_tells_the_leader_of_the_last_record_and_how_far_markers_go_beyond_it()
    {
        using var part = new Part(position: 0);
        part.Take(0, "a", leaderEpoch: 3);
        part.Reading.ReachEnd(5);
        part.Reading.Flush();

        using var chunk = part.Chunks().Single();
        Assert.Equal(new LastRecord(1, 3), LastRecord.Of(chunk.Marks.Note, chunk.Range.To));
        Assert.Null(LastRecord.Of(note: null, position: 5));
        Assert.Null(new LastRecord(0, 3).NoteAt(1L << 33));
    }

    [Fact]
    public void A_leader_that_is_not_told_takes_back_what_was_known()
    {
        using var part = new Part(position: 1, marks: new SplitMarks(Note: new LastRecord(1, 3).NoteAt(1)));
        part.Take(1, "a");
        part.Reading.Flush();

        using var chunk = part.Chunks().Single();
        Assert.Equal(-1, chunk.Marks.Note);
    }

    [Fact]
    public void A_reading_that_ends_hands_over_all_before_its_end_at_once_and_nothing_of_what_lies_there_or_behind()
    {
        using var part = new Part(position: 3, end: 5);
        part.Take(3, "a");
        Assert.False(part.Reading.IsOver);
        part.Take(4, "b");
        Assert.True(part.Reading.IsOver);
        part.Take(5, "c");
        part.Reading.ReachEnd(9);
        part.Reading.Flush();

        using var chunk = part.Chunks().Single();
        Assert.Equal((new PositionRange(3, 5), 2), (chunk.Range, chunk.RowCount));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Its_end_is_reached_where_no_record_lies_right_before_it(bool isRecordBehind)
    {
        using var part = new Part(position: 3, end: 5);
        part.Take(3, "a");
        if (isRecordBehind) part.Take(8, "b");
        else part.Reading.ReachEnd(8);

        using var chunk = part.Chunks().Single();
        Assert.Equal((new PositionRange(3, 5), 1, true), (chunk.Range, chunk.RowCount, part.Reading.IsOver));
    }

    [Fact]
    public void An_end_before_which_nothing_is_left_is_a_chunk_without_rows()
    {
        using var part = new Part(position: 3, end: 5);
        part.Take(5, "a");

        using var chunk = part.Chunks().Single();
        Assert.Equal((new PositionRange(3, 5), null), (chunk.Range, chunk.Rows));
    }

    [Fact]
    public void A_reading_that_has_ended_is_not_said_to_wait_for_its_brokers()
    {
        var said = new List<WaitNotice>();
        var time = new FakeTimeProvider();
        using var waits = new PartitionWaits(KafkaFixture.Options("localhost:1"), new WaitWatch(time, said.Add));
        using var part = new Part(position: 3, end: 5, wait: waits.Of(new TopicPartition("user_events", 0)));
        part.Take(5, "a");

        for (var look = 0; look < 3; look++)
        {
            part.Reading.SeeEnd(9, isTaking: false);
            time.Advance(TimeSpan.FromMinutes(2));
        }

        Assert.Empty(said);
        Assert.Equal(4, part.Reading.LagRecords);
    }

    [Fact]
    public void No_record_of_a_reading_that_ends_is_put_behind_what_was_read_behind_the_end()
    {
        using var part = new Part(position: 3, end: 6, marks: new SplitMarks(OrderTime: 4_000), orderTimeMax: 7_000);
        part.Take(3, "a", timestampMs: 5);
        part.Take(4, "b", timestampMs: 9);
        part.Take(5, "c", timestampMs: 6);

        using var chunk = part.Chunks().Single();
        Assert.Equal([null, 7_000, 7_000], OrderTimes(chunk));
        Assert.Equal(7_000, chunk.Marks.OrderTime);
    }

    private static IEnumerable<long?> OrderTimes(Chunk chunk) => ((Apache.Arrow.TimestampArray)chunk.Rows!.Column(BronzeColumns.OrderTime)).Values.ToArray()
        .Select((value, row) => chunk.Rows!.Column(BronzeColumns.OrderTime).IsNull(row) ? null as long? : value);

    [Fact]
    public void A_chunk_is_due_by_the_age_of_its_first_record()
    {
        using var part = new Part(position: 0);
        Assert.False(part.Reading.IsDue(TimeSpan.Zero));

        part.Take(0, "a");
        part.Time.Advance(TimeSpan.FromMilliseconds(60));
        part.Take(1, "b");
        part.Time.Advance(TimeSpan.FromMilliseconds(39));

        Assert.False(part.Reading.IsDue(TimeSpan.FromMilliseconds(100)));
        part.Time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(part.Reading.IsDue(TimeSpan.FromMilliseconds(100)));
    }

    [Fact]
    public void Lag_is_counted_from_the_partitions_end_and_the_newest_record_read()
    {
        using var part = new Part(position: 0);
        Assert.Null(part.Reading.LagRecords);
        part.Take(0, "a", timestampMs: part.Time.GetUtcNow().AddSeconds(-30).ToUnixTimeMilliseconds());
        part.Reading.Flush();

        part.Reading.SeeEnd(11, isTaking: false);
        Assert.Equal(10, part.Reading.LagRecords);
        Assert.Equal(30, part.Reading.LagSeconds);

        part.Reading.ReachEnd(11);
        part.Reading.SeeEnd(11, isTaking: false);
        Assert.Equal(0, part.Reading.LagRecords);
        Assert.Equal(0, part.Reading.LagSeconds);
    }

    [Fact]
    public void Whatever_the_sizes_chunks_are_contiguous_bounded_and_complete() =>
        Gen.Select(Gen.Int[0, 3000], Gen.Int[1, 4]).Array[1, 200].Sample(records =>
        {
            using var part = new Part(position: 0, chunkBytesMax: 8 << 10);
            long offset = 0;
            foreach (var (size, step) in records)
            {
                part.Take(offset, new string('x', size));
                offset += step;
            }

            part.Reading.Flush();

            long next = 0;
            var rows = 0;
            foreach (var chunk in part.Chunks())
            {
                using (chunk)
                {
                    Assert.Equal(next, chunk.Range.From);
                    Assert.True(chunk.Range.IsAdvancing);
                    // One record more than the limit at most; columns grow by doubling.
                    Assert.InRange(chunk.Rows!.Column("value").Data.Buffers[2].Length, 0, (8 << 10) + 3000);
                    next = chunk.Range.To;
                    rows += chunk.RowCount;
                }
            }

            Assert.Equal(records.Length, rows);
            Assert.Equal(offset - records[^1].Item2 + 1, next);
        }, iter: 100);

    [Fact]
    public void What_was_there_when_the_leader_was_asked_is_looked_at_when_it_has_been_read()
    {
        using var part = new Part(position: 5);
        var askedAt = part.Time.GetTimestamp();
        part.Reading.EndedAt(7, askedAt);
        part.Time.Advance(TimeSpan.FromSeconds(3));
        part.Take(5, "a");
        // More has come since: what is waited for stays.
        part.Reading.EndedAt(9, part.Time.GetTimestamp());
        part.Reading.Look();
        Assert.Null(part.Reading.LastLook);

        part.Take(6, "b");
        part.Reading.Look();

        Assert.Equal(new SplitLook(7, askedAt), part.Reading.LastLook);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(40L)]
    public void A_partition_with_nothing_new_is_looked_at_again_and_again(long? position)
    {
        using var part = new Part(position);
        for (var look = 0; look < 3; look++)
        {
            part.Time.Advance(TimeSpan.FromHours(1));
            var askedAt = part.Time.GetTimestamp();
            part.Reading.EndedAt(40, askedAt);
            part.Reading.ReachEnd(40);
            part.Reading.Look();

            Assert.Equal(new SplitLook(null, askedAt), part.Reading.LastLook);
        }
    }

    [Fact]
    public void One_that_is_behind_is_as_old_as_the_newest_record_read()
    {
        using var part = new Part(position: 0);
        part.Take(0, "a", (part.Time.GetUtcNow() - TimeSpan.FromMinutes(90)).ToUnixTimeMilliseconds());
        part.Reading.Flush();
        part.Reading.SeeEnd(1_000, isTaking: false);

        part.Reading.Look();

        Assert.Equal(1, part.Reading.LastLook!.Position);
        Assert.Equal(TimeSpan.FromMinutes(90), part.Time.GetElapsedTime(part.Reading.LastLook.At));
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData(7L, null)]
    [InlineData(5L, 7L)]
    public void Its_first_end_is_looked_at_without_anybody_being_asked(long? position, long? look)
    {
        using var part = new Part(position);
        var beganAt = part.Time.GetTimestamp();
        part.Time.Advance(TimeSpan.FromSeconds(3));
        for (var offset = position ?? 7; offset < 7; offset++) part.Take(offset, "a");
        part.Reading.ReachEnd(7);
        part.Reading.SeeEnd(7, isTaking: false);
        part.Reading.Look();
        Assert.Equal(new SplitLook(look, beganAt), part.Reading.LastLook);

        // What the client remembers says nothing later than that.
        part.Time.Advance(TimeSpan.FromSeconds(3));
        part.Reading.SeeEnd(7, isTaking: false);
        part.Reading.Look();
        Assert.Equal(beganAt, part.Reading.LastLook!.At);
    }

    [Fact]
    public void An_end_behind_which_an_open_transaction_holds_records_is_none()
    {
        using var part = new Part(position: 5);
        part.Take(5, "a");
        part.Reading.ReachEnd(6);
        part.Reading.SeeEnd(8, isTaking: false);
        part.Reading.Look();
        Assert.Null(part.Reading.LastLook);

        part.Take(6, "b");
        part.Reading.ReachEnd(8);
        part.Reading.SeeEnd(8, isTaking: false);
        part.Reading.Look();

        Assert.Equal(8, part.Reading.LastLook!.Position);
    }

    /// <summary>A partition that reads from nowhere.</summary>
    private sealed class Part : IDisposable
    {
        private readonly ChunkQueue _queue = new(long.MaxValue);
        private readonly KafkaMetrics _metrics = new("events");

        public Part(long? position, long chunkBytesMax = 1 << 20, SplitMarks marks = default, long? end = null, long? orderTimeMax = null, PartitionWait? wait = null) => Reading = new PartitionReading(new SplitId("events", "user_events/0"),
            new KafkaTableOptions { Name = "user_events", Topic = "user_events" }, 0, position, chunkBytesMax, default, _queue, _metrics, Time, wait, marks, end: end, orderTimeMax: orderTimeMax);

        public FakeTimeProvider Time { get; } = new();

        public PartitionReading Reading { get; }

        public void Take(long offset, string value, long timestampMs = -1, int leaderEpoch = -1) => Reading.Take(new KafkaRecord
        {
            Offset = offset,
            TimestampMs = timestampMs,
            LeaderEpoch = leaderEpoch,
            HasKey = false,
            Key = default,
            HasValue = true,
            Value = ReadRecords.Utf8(value),
            HeadersJson = default,
        });

        public IReadOnlyList<Chunk> Chunks()
        {
            _queue.Complete(fault: null);
            return _queue.TakeAllAsync(TestContext.Current.CancellationToken).ToBlockingEnumerable(TestContext.Current.CancellationToken).ToList();
        }

        public void Dispose()
        {
            Reading.Abandon();
            _queue.Dispose();
            _metrics.Dispose();
        }
    }
}
