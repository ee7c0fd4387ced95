using System.Buffers.Binary;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Reading.Capture;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>What a server sent of one table, changed by chance and given to a reader in the place where it was.</summary>
public sealed class ChangedMessagesSpec(PostgresServer server) : PostgresSpec
{
    private const int Rows = 12;
    private const int ChangeHeaderBytes = 25;

    /// <summary>One has not as many columns as the other: a row that is said to be the other's is none.</summary>
    private const string Tables = """
        create table changed (number bigint primary key, note text, amount numeric(10,2), at timestamptz, flag boolean);
        create table steady (number bigint primary key, note text);
        """;

    private static readonly PostgresColumn[] Columns =
    [
        Column(1, "number", TypeOids.Int8), Column(2, "note", TypeOids.Text), Column(3, "amount", TypeOids.Numeric, modifier: (10 << 16 | 2) + 4), Column(4, "at", TypeOids.TimestampTz), Column(5, "flag", TypeOids.Bool),
    ];

    [Fact]
    public async Task A_changed_row_of_a_snapshot_is_a_row_or_halts_that_snapshot_alone_and_no_row_is_passed_over()
    {
        await using var database = await CreateAsync();
        await database.ExecuteAsync($"insert into changed select i, 'note ' || i, i / 4.0, now(), i % 2 = 0 from generate_series(1, {Rows}) i; insert into steady select i, 'note' from generate_series(1, {Rows}) i", Cancel);
        await using var proxy = new ChangingProxy(server.Scratch.Port, server.Scratch.Certificates.IssueClient(User(database)));
        await using var source = TestDatabase.Open(Options(database, proxy));
        var (changed, steady) = (await SnapshotAsync(source, "changed"), await SnapshotAsync(source, "steady"));
        var rows = new List<byte[]>();
        proxy.Change = content =>
        {
            if (IsRow(content)) rows.Add(content[sizeof(short)..]);
            return content;
        };
        Assert.Equal(Numbers(Rows), (await ReadAsync(source, changed)).Numbers);

        var (round, halted) = (0, 0);
        foreach (var input in await ChangedAsync(rows, nameof(DecoderFuzzSpec.Rows_of_COPY), Fuzz.ReadingsOr(100)))
        {
            var target = round++ % rows.Count;
            var seen = -1;
            proxy.Change = content => IsRow(content) && ++seen == target ? [.. content[..sizeof(short)], .. input] : content;
            var (numbers, fault) = await ReadAsync(source, changed);
            proxy.Change = content => content;

            // All the others are there, and one more, whatever its number is now.
            if (fault is null) Assert.True(numbers.Count == Rows && !Numbers(Rows).Except(numbers).Skip(1).Any(), $"{string.Join(", ", numbers)} for {Convert.ToHexString(input)}");
            if (fault is null) continue;
            halted++;
            Assert.Equal((FaultKind.Damaged, changed), (fault.Kind, fault.Split!.Value));
            Assert.Empty(numbers);
            if (halted % 20 == 1) Assert.Equal(Numbers(Rows), (await ReadAsync(source, steady)).Numbers);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{halted} of {round} changed rows halted the snapshot");
        Assert.InRange(halted, round / 4, round);
        Assert.Equal(Numbers(Rows), (await ReadAsync(source, changed)).Numbers);
    }

    [Fact]
    public async Task A_changed_message_of_a_slot_is_a_change_or_ends_the_reading_behind_the_transaction_before_it()
    {
        await using var database = await CreateAsync();
        await using var proxy = new ChangingProxy(server.Scratch.Port, server.Scratch.Certificates.IssueClient(User(database)));
        var options = Options(database, proxy);
        var sent = new List<byte[]>();
        proxy.Change = content =>
        {
            if (content[0] == (byte)'w') sent.Add(content);
            return content;
        };
        var oids = (Changed: await OidAsync(database, "changed"), Steady: await OidAsync(database, "steady"));
        SplitId slot;
        long from;
        await using (var reading = await CaptureReading.StartAsync(options, from: null, Cancel))
        {
            slot = reading.Slot;
            from = (await reading.Source.ListSplitsAsync("changed", Cancel))[0].Beginning!.Value;
            foreach (var sql in (string[])
                     [
                         "insert into changed values (1, 'one', 1.5, now(), true)", "insert into steady values (1, 'one')", "insert into changed values (2, 'two', null, null, null)",
                         "update changed set note = 'three' where number = 2", "insert into steady values (2, 'two')", "update changed set number = 4 where number = 1", "delete from changed where number = 2", "truncate changed",
                         "insert into steady values (3, 'three')",
                     ])
                await database.ExecuteAsync(sql, Cancel);
            await reading.TakeAsync(10);
        }

        var clean = await ReplayAsync(sent, slot, from, oids);
        Assert.Null(clean.Fault);
        Assert.Equal(10, clean.Changes.Count);
        // Which transaction a message is of.
        var transactions = sent.Select((_, index) => sent.Take(index + 1).Count(content => content[ChangeHeaderBytes] == (byte)'B')).ToList();
        var targets = Enumerable.Range(0, sent.Count).Where(index => sent[index][ChangeHeaderBytes] is not (byte)'R' && clean.Changes.Any(change => change.Table == "changed" && change.Transaction == transactions[index])).ToList();
        var (round, halted, given) = (0, 0, 0);
        foreach (var input in await ChangedAsync([.. targets.Select(target => sent[target][ChangeHeaderBytes..])], nameof(DecoderFuzzSpec.Messages_of_pgoutput), Fuzz.Inputs + (Fuzz.Inputs / 5)))
        {
            var alike = targets.Where(target => input.Length > 0 && sent[target][ChangeHeaderBytes] == input[0]).ToList();
            var candidates = alike.Count > 0 ? alike : targets;
            var target = candidates[round++ % candidates.Count];
            // An empty one the stream does not hand on; a whole one of another type is one that a server may send.
            if (input.Length == 0 || (input[0] != sent[target][ChangeHeaderBytes] && "BCIUDTROYM"u8.Contains(input[0]))) continue;
            given++;
            var replayed = await ReplayAsync([.. sent[..target], [.. sent[target][..ChangeHeaderBytes], .. input], .. sent[(target + 1)..]], slot, from, oids);

            if (replayed.Fault is null)
            {
                Assert.Equal(clean.Position, replayed.Position);
                Assert.Equal(clean.Changes.Where(change => change.Transaction != transactions[target]), replayed.Changes.Where(change => change.Transaction != transactions[target]));
                Assert.True(replayed.Changes.Any(change => change.Transaction == transactions[target]), Convert.ToHexString(input));
                continue;
            }

            halted++;
            Assert.Equal(FaultKind.Damaged, replayed.Fault.Kind);
            Assert.Equal(clean.Changes.Where(change => change.Transaction < transactions[target]), replayed.Changes);
            Assert.Equal(clean.Ends.Where(end => end.Transaction < transactions[target]).Select(end => end.Position).LastOrDefault(from), replayed.Position);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{halted} of {given} changed messages ended the reading");
        Assert.True(given >= Fuzz.Inputs, $"{given} of {Fuzz.Inputs}");
        Assert.InRange(halted, given / 4, given);
    }

    [Fact]
    public async Task A_slot_that_met_what_cannot_be_read_is_halted_alone_and_goes_on_where_it_was()
    {
        await using var database = await CreateAsync();
        await using var proxy = new ChangingProxy(server.Scratch.Port, server.Scratch.Certificates.IssueClient(User(database)));
        var options = Options(database, proxy);
        await using (var reading = await CaptureReading.StartAsync(options, from: null, Cancel))
        {
            await database.ExecuteAsync("insert into steady values (1, 'one')", Cancel);
            await reading.TakeAsync(1);
            proxy.Change = content => content[0] == (byte)'w' && content[ChangeHeaderBytes] == (byte)'I' ? content[..^1] : content;
            await database.ExecuteAsync("insert into changed values (1, 'one', 1.5, now(), true)", Cancel);
            var fault = await reading.FailAsync();

            Assert.Equal((FaultKind.Damaged, reading.Slot), (fault.Kind, fault.Split!.Value));
            Assert.Equal(["c 1|one"], reading.Changes.Select(change => change.ToString()));
            Assert.Equal(Numbers(1), (await ReadAsync(reading.Source, await SnapshotAsync(reading.Source, "steady"))).Numbers);

            proxy.Change = content => content;
            await using var again = await CaptureReading.StartAsync(options, reading.Position, Cancel);
            await again.TakeAsync(1);
            Assert.Equal("changed", Assert.Single(again.Changes).Table);
        }
    }

    /// <summary>What a reader makes of messages: whole transactions, where they end, and what ended it if it was not their end.</summary>
    private async Task<Replayed> ReplayAsync(IReadOnlyList<byte[]> messages, SplitId slot, long from, (uint Changed, uint Steady) oids)
    {
        using var queue = new ChunkQueue(64 << 20);
        PipelineException? fault = null;
        var recorded = new Recorded(messages);
        using (var reader = new SlotReader(recorded, slot, from, new PostgresSourceOptions { Name = "app", Host = "", Port = 0, Database = "", Security = new PostgresSecurityOptions { Username = "" }, Tables = [TestDatabase.Table("changed", "")] }, queue, new SplitLooks(), new AskedEnd(), new FakeTimeProvider()))
        {
            try
            {
                while (true)
                {
                    var oid = reader.ReadToRelation(Cancel)!.Oid;
                    reader.Use(oid, oid == oids.Changed ? Captured("changed", Columns) : oid == oids.Steady ? Captured("steady", Columns[..2]) : null, Cancel);
                }
            }
            catch (EndOfStreamException)
            {
                // All were taken.
            }
            catch (PipelineException e)
            {
                fault = e;
            }
        }

        queue.Complete(fault: null);
        var (position, transaction, changes, ends) = (from, 0, new List<Told>(), new List<(int Transaction, long Position)>());
        var commits = messages.Where(message => message[ChangeHeaderBytes] == (byte)'C').Select(message => BinaryPrimitives.ReadInt64BigEndian(message.AsSpan(1))).ToList();
        await foreach (var chunk in queue.TakeAllAsync(Cancel))
        {
            using (chunk)
            {
                transaction = 1 + commits.IndexOf(chunk.Range.To);
                for (var row = 0; row < chunk.RowCount; row++)
                    changes.Add(new Told(transaction, chunk.Table, string.Join('|', chunk.Rows!.Schema.FieldsList.Select((field, column) => ArrowText.Of(chunk.Rows.Column(column), row)))));
                position = chunk.Range.To;
                ends.Add((transaction, position));
            }
        }

        return new Replayed(changes, ends, position, fault);

        static CapturedTable Captured(string name, PostgresColumn[] columns) =>
            new(name, new PostgresTable(1, name, "", columns, ["number"]), [.. Enumerable.Range(0, columns.Length)], [.. columns.Select(column => column.Name == "number")]);
    }

    private static bool IsRow(byte[] content) => content.Length > sizeof(short) && BinaryPrimitives.ReadInt16BigEndian(content) == Columns.Length;

    private static async Task<List<byte[]>> ChangedAsync(IReadOnlyList<byte[]> good, string corpus, int count)
    {
        var changed = new List<byte[]>();
        await new Fuzz(good, test: corpus).RunAsync(changed.Add, _ => false, count);
        return changed;
    }

    private static IEnumerable<long> Numbers(int rows) => Enumerable.Range(1, rows).Select(number => (long)number);

    private async Task<SplitId> SnapshotAsync(PostgresSource source, string table) => (await source.ListSplitsAsync(table, Cancel)).Single(split => SnapshotSplit.Is(split.Id)).Id;

    /// <summary>Numbers of a snapshot that was read to its end, or what ended it before.</summary>
    private async Task<(List<long> Numbers, PipelineException? Fault)> ReadAsync(PostgresSource source, SplitId split)
    {
        var (numbers, isWhole) = (new List<long>(), false);
        try
        {
            await foreach (var chunk in source.ReadAsync([new SplitPosition(split, null)], Cancel))
            {
                using (chunk)
                {
                    for (var row = 0; row < chunk.RowCount; row++) numbers.Add(long.Parse(ArrowText.Of(chunk.Rows!.Column("number"), row) ?? "-1"));
                    isWhole = chunk.Range.To == SnapshotSplit.Complete;
                    if (isWhole) break;
                }
            }
        }
        catch (PipelineException e)
        {
            return (numbers, e);
        }

        Assert.True(isWhole);
        return (numbers, null);
    }

    private static PostgresColumn Column(short number, string name, uint type, int modifier = -1) => new(number, name, type, name, 'b', 'X', 0, modifier, IsNotNull: false);

    private static PostgresSourceOptions Options(TestDatabase database, ChangingProxy proxy)
    {
        var options = database.CaptureOptions("changed", "steady");
        return options with
        {
            Port = proxy.Port,
            Security = options.Security with { Tls = TlsMode.Disable, CaFile = null, Username = User(database) },
            Capture = options.Capture with { Snapshot = true },
            ReadersMax = 1,
        };
    }

    private static string User(TestDatabase database) => $"changed_{database.Name}";

    private async Task<uint> OidAsync(TestDatabase database, string table) => await database.ScalarAsync<uint>($"select '{table}'::regclass::oid", Cancel);

    private async ValueTask<TestDatabase> CreateAsync()
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync($"""
            do $$ begin create role certificate_users; exception when duplicate_object then null; end $$;
            create role {User(database)} superuser login in role certificate_users;
            {Tables}
            """, Cancel);
        return database;
    }

    private sealed record Told(int Transaction, string Table, string Values);

    private sealed record Replayed(List<Told> Changes, List<(int Transaction, long Position)> Ends, long Position, PipelineException? Fault);

    /// <summary>What a slot has sent once; each transaction ends before the next is there.</summary>
    private sealed class Recorded(IReadOnlyList<byte[]> messages) : ISlotMessages
    {
        private int _next;

        public bool HasMessage => false;

        public bool Poll(TimeSpan wait) => false;

        public bool Read(out ReadOnlySpan<byte> change, out long serverPosition, out bool isWaiting)
        {
            if (_next == messages.Count) throw new EndOfStreamException();
            var message = messages[_next++];
            (serverPosition, isWaiting) = (BinaryPrimitives.ReadInt64BigEndian(message.AsSpan(9)), false);
            change = message.AsSpan(ChangeHeaderBytes);
            return true;
        }
    }
}
