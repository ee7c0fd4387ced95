using System.Buffers.Binary;
using System.Text;
using Apache.Arrow;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Reading.Capture;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>How the stream of a slot becomes chunks, without a server: messages are written as pgoutput writes them.</summary>
public sealed class SlotReaderSpec
{
    private const uint Orders = 1001, Lines = 1002, Other = 1003;

    private readonly FakeTimeProvider _time = new();
    private readonly SplitLooks _looks = new();
    private readonly AskedEnd _end = new();
    private readonly Messages _messages;
    private readonly PostgresSourceOptions _options = new()
    {
        Name = "app", Host = "nowhere", Database = "app", Security = new PostgresSecurityOptions { Username = "reader" }, Mode = ReadMode.Cdc, ChunkBytesMax = 1_000,
        ChunkAgeMax = TimeSpan.FromMilliseconds(100), Capture = new CaptureOptions { HeartbeatInterval = TimeSpan.FromSeconds(10) },
        Tables = [new PostgresTableOptions("orders", "orders", "", [], TimeSpan.Zero), new PostgresTableOptions("lines", "lines", "", [], TimeSpan.Zero)],
    };

    private static readonly SplitId Split = new("app", "slot");

    public SlotReaderSpec() => _messages = new Messages(_time);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_transaction_moves_the_slot_to_its_end_with_its_last_chunk()
    {
        _messages.Begin(150).Insert(Orders, "a").Insert(Lines, "b").Insert(Orders, "c").Commit(200);

        Assert.Equal(["orders [100, 100) a c", "lines [100, 200) b"], await ReadAsync());
    }

    [Theory]
    [InlineData(200)]
    [InlineData(150)]
    public async Task A_transaction_that_ends_no_further_than_the_one_before_is_none_of_the_stream(long end)
    {
        _messages.Begin(200).Insert(Orders, "a").Commit(200).Begin(end).Insert(Orders, "b").Commit(end);

        Assert.Contains($"not behind {Pipeline.Sources.Postgres.Reading.Capture.Lsn.Format(200)}", (await Assert.ThrowsAsync<PipelineException>(ReadAsync)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_does_not_fit_into_a_chunk_goes_out_in_pieces_that_wait_for_the_end_of_their_transaction()
    {
        var large = new string('x', 1_000);
        _messages.Begin(150).Insert(Orders, large).Insert(Orders, large).Insert(Orders, "c").Commit(200);

        Assert.Equal([$"orders [100, 100) {large}", $"orders [100, 100) {large}", "orders [100, 200) c"], await ReadAsync());
    }

    [Fact]
    public async Task The_end_of_a_transaction_whose_rows_are_all_out_is_told_at_once()
    {
        var large = new string('x', 1_000);
        _messages.Begin(150).Insert(Orders, large).Commit(200).Begin(250);

        Assert.Equal([$"orders [100, 100) {large}", "orders [100, 200) "], await ReadAsync());
    }

    [Fact]
    public async Task Transactions_that_are_there_share_a_chunk()
    {
        _messages.Begin(150).Insert(Orders, "a").Commit(200).Begin(250).Insert(Orders, "b").Commit(300).Pause().Begin(350).Insert(Orders, "c").Commit(400);

        Assert.Equal(["orders [100, 300) a b", "orders [300, 400) c"], await ReadAsync());
    }

    [Fact]
    public async Task No_chunk_gets_older_than_it_may_while_more_comes()
    {
        _messages.Begin(150).Insert(Orders, "a").Commit(200).After(TimeSpan.FromMilliseconds(100)).Begin(250).Insert(Orders, "b").Commit(300);

        // It is looked at between two transactions.
        Assert.Equal(["orders [100, 300) a b"], await ReadAsync());
        _messages.Begin(350).Insert(Orders, "c").After(TimeSpan.FromMilliseconds(100)).Commit(400).Begin(450).Insert(Orders, "d").Commit(500);
        Assert.Equal(["orders [100, 400) c", "orders [400, 500) d"], await ReadAsync());
    }

    [Fact]
    public async Task What_happens_to_other_tables_is_told_from_time_to_time_and_when_the_server_waits()
    {
        _messages.Begin(150).Insert(Other, "a").Commit(200).Keepalive(210)
            .After(TimeSpan.FromSeconds(10)).Keepalive(300).Keepalive(310)
            .Keepalive(320, isWaiting: true).Keepalive(320, isWaiting: true);

        Assert.Equal(["orders [100, 300) ", "orders [300, 320) "], await ReadAsync());
    }

    [Fact]
    public async Task A_keepalive_within_a_transaction_moves_nothing()
    {
        _messages.Begin(150).Insert(Orders, "a").After(TimeSpan.FromSeconds(10)).Keepalive(300, isWaiting: true).Commit(200);

        Assert.Equal(["orders [100, 200) a"], await ReadAsync());
    }

    [Fact]
    public async Task A_truncate_is_a_row_of_each_of_its_tables()
    {
        _messages.Begin(150).Truncate(Orders, Other, Lines).Commit(200);

        Assert.Equal(["orders [100, 100) t", "lines [100, 200) t"], await ReadAsync());
    }

    [Fact]
    public async Task Rows_of_a_former_definition_go_out_before_the_next_one_is_used()
    {
        _messages.Begin(150).Insert(Orders, "a").Relation(Orders).Insert(Orders, "b").Commit(200);

        Assert.Equal(["orders [100, 100) a", "orders [100, 200) b"], await ReadAsync());
    }

    [Fact]
    public async Task A_keepalive_is_a_look_when_the_server_has_sent_all_up_to_the_end_that_it_told()
    {
        var askedAt = _time.GetTimestamp();
        _end.Answered(500, askedAt);
        _messages.Keepalive(499);
        await ReadAsync();
        Assert.Null(_looks.Find(Split));

        _messages.Keepalive(500);
        await ReadAsync();

        Assert.Equal(new SplitLook(null, askedAt), _looks.Find(Split));
    }

    [Fact]
    public async Task A_look_at_changes_counts_when_their_chunk_is_durable()
    {
        var askedAt = _time.GetTimestamp();
        _end.Answered(200, askedAt);
        _messages.Begin(150).Insert(Orders, "a").Keepalive(200).Commit(200);

        await ReadAsync();

        Assert.Equal(new SplitLook(200, askedAt), _looks.Find(Split));
    }

    /// <summary>Reads everything from position 100 and tells each chunk as <c>table range values</c>.</summary>
    private async Task<List<string>> ReadAsync()
    {
        var queue = new ChunkQueue(1 << 20);
        using (var reader = new SlotReader(_messages, Split, 100, _options, queue, _looks, _end, _time))
        {
            reader.Use(Orders, Table("orders"), Cancel);
            reader.Use(Lines, Table("lines"), Cancel);
            reader.Use(Other, table: null, Cancel);
            try
            {
                while (true) reader.Use(reader.ReadToRelation(Cancel)!.Oid, Table("orders"), Cancel);
            }
            catch (EndOfStreamException)
            {
                queue.Complete(fault: null);
            }
        }

        var told = new List<string>();
        await foreach (var chunk in queue.TakeAllAsync(Cancel))
            using (chunk)
                told.Add($"{chunk.Table} {chunk.Range} {string.Join(' ', Values(chunk.Rows))}");
        queue.Dispose();
        return told;
    }

    private static IEnumerable<string> Values(RecordBatch? rows)
    {
        for (var row = 0; row < rows?.Length; row++)
            yield return ((StringArray)rows.Column("id")).GetString(row) ?? ((StringArray)rows.Column(BronzeColumns.Op)).GetString(row);
    }

    private static CapturedTable Table(string name) => new(name, new PostgresTable(0, name, "", [new PostgresColumn(1, "id", 25, "text", 'b', 'S', 0, -1, IsNotNull: true)], ["id"]), [0], [true]);

    /// <summary>A script of messages; at its end the stream ends.</summary>
    private sealed class Messages(FakeTimeProvider time) : ISlotMessages
    {
        private readonly Queue<(byte[]? Change, long Position, bool IsWaiting, TimeSpan After, bool IsPause)> _script = new();
        private TimeSpan _after;
        private long _begun;

        public bool HasMessage => _script.TryPeek(out var next) && !next.IsPause;

        public bool Poll(TimeSpan wait)
        {
            if (_script.TryPeek(out var next) && next.IsPause) _script.Dequeue();
            time.Advance(wait);
            return false;
        }

        public bool Read(out ReadOnlySpan<byte> change, out long serverPosition, out bool isWaiting)
        {
            if (!_script.TryDequeue(out var next)) throw new EndOfStreamException();
            time.Advance(next.After);
            change = next.Change;
            serverPosition = next.Position;
            isWaiting = next.IsWaiting;
            return next.Change is not null;
        }

        public Messages Begin(long position)
        {
            _begun = position;
            return Change("B", Number(position), Number(0L), new byte[4]);
        }

        /// <param name="end">Of the commit record, where the slot goes.</param>
        public Messages Commit(long end) => Change(end, "C", new byte[1], Number(_begun), Number(end), Number(0L));

        public Messages Insert(uint relation, string id) => Change("I", Number(relation), [(byte)'N', 0, 1, (byte)'t', .. Number((uint)Encoding.UTF8.GetByteCount(id)), .. Encoding.UTF8.GetBytes(id)]);

        public Messages Truncate(params uint[] relations) => Change("T", [.. Number((uint)relations.Length), 0, .. relations.SelectMany(relation => Number(relation))]);

        /// <summary>A table without columns: its new definition is made up by the test.</summary>
        public Messages Relation(uint relation) => Change("R", Number(relation), "public\0orders\0d"u8.ToArray(), new byte[2]);

        public Messages Keepalive(long position, bool isWaiting = false)
        {
            _script.Enqueue((null, position, isWaiting, Take(), false));
            return this;
        }

        /// <summary>Nothing more is there for now.</summary>
        public Messages Pause()
        {
            _script.Enqueue((null, 0, false, default, true));
            return this;
        }

        /// <summary>The next message comes so much later.</summary>
        public Messages After(TimeSpan time)
        {
            _after = time;
            return this;
        }

        private Messages Change(string type, params byte[][] content) => Change(0, type, content);

        private Messages Change(long position, string type, params byte[][] content)
        {
            _script.Enqueue(([(byte)type[0], .. content.SelectMany(part => part)], position, false, Take(), false));
            return this;
        }

        private TimeSpan Take()
        {
            var after = _after;
            _after = default;
            return after;
        }

        private static byte[] Number(long value)
        {
            var bytes = new byte[sizeof(long)];
            BinaryPrimitives.WriteInt64BigEndian(bytes, value);
            return bytes;
        }

        private static byte[] Number(uint value)
        {
            var bytes = new byte[sizeof(uint)];
            BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
            return bytes;
        }
    }
}
