using Apache.Arrow;
using Npgsql;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Sources.Postgres.Reading.Capture;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

public sealed class SnapshotSpec(PostgresServer server) : PostgresSpec
{
    private const int Rows = 20_000;

    /// <summary>Its block is one of the last, and full.</summary>
    private const long Mover = Rows - 500;

    [Fact]
    public async Task Snapshot_and_stream_together_give_the_table_whatever_is_written_meanwhile()
    {
        await using var database = await CreateAsync();
        await database.ExecuteAsync("alter table items add column file text; alter table items alter file set storage external; update items set file = repeat(md5(number::text), 80) where number % 10 = 0", Cancel);
        var options = Options(database);
        await using var source = TestDatabase.Open(options);
        var splits = await source.ListSplitsAsync("items", Cancel);
        await using var chunks = source.ReadAsync([.. splits.Select(split => new SplitPosition(split.Id, null))], Cancel).GetAsyncEnumerator(Cancel);
        var history = new Dictionary<long, List<(long Position, long Sequence, string Op, string? Note, string? File, bool HasFile)>>();

        // Writers change, move, delete and add rows while the blocks are read.
        var writing = Task.Run(async () =>
        {
            var random = new Random(7);
            for (var i = 0; i < 300; i++)
                await database.ExecuteAsync(random.Next(4) switch
                {
                    0 => $"delete from items where number between {random.Next(Rows)} and {random.Next(50)} + {random.Next(Rows)}",
                    1 => $"insert into items values ({Rows + i}, 'new {i}')",
                    // The stream does not carry to another key what is stored out of line.
                    2 => $"update items set number = -{i} - 1, file = 'carried {i}' where number = {random.Next(Rows)}",
                    _ => $"update items set note = 'changed {i}' where number % 97 = {random.Next(97)}",
                }, Cancel);
            await database.ExecuteAsync("insert into items values (1000000, 'last')", Cancel);
        }, Cancel);
        var (isSnapshotRead, isLastSeen) = (false, false);
        while (!isSnapshotRead || !isLastSeen)
        {
            Assert.True(await chunks.MoveNextAsync());
            using var chunk = chunks.Current;
            isSnapshotRead |= chunk.Range.To == SnapshotSplit.Complete;
            for (var row = 0; row < chunk.RowCount; row++)
            {
                string? Text(string column) => ArrowText.Of(chunk.Rows!.Column(column), row);
                var number = long.Parse(Text("number")!);
                if (!history.TryGetValue(number, out var changes)) history.Add(number, changes = []);
                changes.Add((long.Parse(Text("_position")!), long.Parse(Text("_sequence")!), Text("_op")!, Text("note"), Text("file"), Text("_changed")?.Split(',').Contains("file") ?? true));
                // By the stream: the snapshot may be ahead of it.
                isLastSeen |= number == 1_000_000 && changes[^1].Op == "c";
            }
        }

        await writing;
        await using var command = database.DataSource.CreateCommand("select coalesce(array_agg(number || ' ' || note || ' ' || coalesce(file, '-') order by number), '{}') from items");
        var merged = new List<string>();
        foreach (var (number, changes) in history.OrderBy(pair => pair.Key))
        {
            var ordered = changes.OrderBy(change => (change.Position, change.Sequence)).ToList();
            if (ordered[^1].Op == "d") continue;
            // Of the same row: not from before it was deleted.
            var file = ordered.FindLastIndex(change => change.HasFile || change.Op == "d");
            Assert.True(file >= 0 && ordered[file].HasFile, $"nothing has the file of {number}: {string.Join("; ", ordered)}");
            merged.Add($"{number} {ordered[^1].Note} {ordered[file].File ?? "-"}");
        }

        Assert.Equal((string[])(await command.ExecuteScalarAsync(Cancel))!, merged);
    }

    /// <summary>
    /// An update leaves out of the stream what is stored out of line and did not change. Its row moves to a block that was read already,
    /// from one that was not: no range has it.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_row_that_moves_behind_the_reader_is_in_the_snapshot_with_what_the_stream_leaves_out(bool isInterrupted)
    {
        await using var database = await CreateWithFilesAsync();
        await using var source = TestDatabase.Open(Options(database));
        var splits = await source.ListSplitsAsync("items", Cancel);
        var rows = new List<(long Number, string? Note, string? File)>();
        var chunks = source.ReadAsync([new SplitPosition(splits[1].Id, null)], Cancel).GetAsyncEnumerator(Cancel);
        SplitPosition reached = default;
        try
        {
            await TakeRangeAsync();
            // Its first blocks are free.
            await database.ExecuteAsync($"update items set note = 'moved' where number = {Mover}", Cancel);
            Assert.True(await database.ScalarAsync<bool>($"select ctid < '(20,0)' from items where number = {Mover}", Cancel));
            if (isInterrupted)
            {
                await chunks.DisposeAsync();
                await using var later = TestDatabase.Open(Options(database));
                await later.ListSplitsAsync("items", Cancel);
                chunks = later.ReadAsync([reached], Cancel).GetAsyncEnumerator(Cancel);
                while (reached.Position != SnapshotSplit.Complete) await TakeRangeAsync();
                await chunks.DisposeAsync();
            }

            while (reached.Position != SnapshotSplit.Complete) await TakeRangeAsync();
        }
        finally
        {
            await chunks.DisposeAsync();
        }

        Assert.Contains((Mover, "moved", new string('f', 3_000)), rows);
        // What did not change is not read again.
        Assert.InRange(rows.Count, Rows - 5_000, Rows - 5_000 + 1);

        async ValueTask TakeRangeAsync()
        {
            for (var isWhole = false; !isWhole;)
            {
                Assert.True(await chunks.MoveNextAsync());
                using var chunk = chunks.Current;
                for (var row = 0; row < chunk.RowCount; row++)
                {
                    string? Text(string column) => ArrowText.Of(chunk.Rows!.Column(column), row);
                    rows.Add((long.Parse(Text("number")!), Text("note"), Text("file")));
                }

                isWhole = chunk.Range.IsAdvancing;
                if (isWhole) reached = new SplitPosition(splits[1].Id, chunk.Range.To) { Marks = chunk.Marks };
            }
        }
    }

    [Fact]
    public async Task A_snapshot_that_an_earlier_release_has_begun_has_all_that_moved_since()
    {
        await using var database = await CreateWithFilesAsync();
        var first = await ReadAsync(database, from: null, chunks => chunks.Count(chunk => chunk.IsAdvancing) == 1);
        await database.ExecuteAsync($"update items set note = 'moved' where number = {Mover}", Cancel);

        // It kept a position and nothing beside.
        var second = await ReadAsync(database, first.Position, _ => false);

        Assert.Contains(Mover, second.Rows);
    }

    [Fact]
    public async Task A_change_whose_commit_follows_at_the_very_place_of_the_snapshot_comes_after_it()
    {
        await using var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync("create table items (number bigint primary key, note text); insert into items values (1, 'old')", Cancel);
        var slot = await CaptureReading.StartAsync(database.CaptureOptions("items"), from: null, Cancel);
        await using var one = await database.DataSource.OpenConnectionAsync(Cancel);
        await using var two = await database.DataSource.OpenConnectionAsync(Cancel);
        await RunAsync(one, "begin; insert into items values (2, 'new')");
        await RunAsync(two, "begin; update items set note = 'changed' where number = 1");
        await RunAsync(one, "commit");
        await slot.TakeAsync(1);
        var snapshotted = slot.Position!.Value;
        await slot.AcknowledgeAsync(Cancel);

        await RunAsync(two, "commit");
        await slot.TakeAsync(2);
        await slot.DisposeAsync();
        var update = slot.Changes[1];

        Assert.True(update.Position >= snapshotted);
        Assert.True(update.Sequence > (await SequencesOfSnapshotAsync(database)).Single(), $"{update} at {update.Position}:{update.Sequence} with the snapshot at {snapshotted}");
    }

    [Fact]
    public async Task A_snapshot_goes_on_where_it_was_interrupted()
    {
        await using var database = await CreateAsync();
        var first = await ReadAsync(database, from: null, chunks => chunks.Count(chunk => chunk.IsAdvancing) == 2);
        var second = await ReadAsync(database, first.Position, _ => false);

        Assert.InRange(first.Rows.Count, 1, Rows - 1);
        Assert.Equal(SnapshotSplit.Complete, second.Position);
        Assert.Equal(Enumerable.Range(0, Rows).Select(number => (long)number), first.Rows.Concat(second.Rows).Order());
    }

    [Fact]
    public async Task A_table_that_is_rewritten_meanwhile_is_read_again()
    {
        await using var database = await CreateAsync();
        var first = await ReadAsync(database, from: null, chunks => chunks.Count(chunk => chunk.IsAdvancing) == 2);

        await database.ExecuteAsync("vacuum full items", Cancel);
        var second = await ReadAsync(database, first.Position, _ => false);

        Assert.Equal(Enumerable.Range(0, Rows).Select(number => (long)number), second.Rows.Order());
    }

    [Fact]
    public async Task A_complete_snapshot_has_nothing_more_to_read()
    {
        await using var database = await CreateAsync();
        await using var source = TestDatabase.Open(Options(database));
        var splits = await source.ListSplitsAsync("items", Cancel);
        await using var chunks = source.ReadAsync([new SplitPosition(splits[1].Id, SnapshotSplit.Complete), new SplitPosition(splits[0].Id, null)], Cancel).GetAsyncEnumerator(Cancel);

        await database.ExecuteAsync("insert into items values (-1, 'streamed')", Cancel);
        Assert.True(await chunks.MoveNextAsync());
        using var chunk = chunks.Current;

        Assert.Equal((splits[0].Id, 1), (chunk.Split, chunk.RowCount));
    }

    [Fact]
    public async Task A_partition_that_is_dropped_while_it_is_looked_for_has_no_rows_left()
    {
        await using var database = await CreateInPartsAsync();
        await using var source = TestDatabase.Open(Options(database));
        var low = (await source.ListSplitsAsync("items", Cancel))[1].Id;
        await using var session = await database.DataSource.OpenConnectionAsync(Cancel);
        await using var drop = new NpgsqlCommand("begin; drop table items_low", session);
        await drop.ExecuteNonQueryAsync(Cancel);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        await using var chunks = source.ReadAsync([new SplitPosition(low, null)], stop.Token).GetAsyncEnumerator(stop.Token);
        var reading = chunks.MoveNextAsync().AsTask();

        while (await database.ScalarAsync<long>("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%pg_relation_size%'", Cancel) == 0 && !reading.IsCompleted) await Task.Delay(20, Cancel);
        Assert.False(reading.IsCompleted);
        await using var commit = new NpgsqlCommand("commit", session);
        await commit.ExecuteNonQueryAsync(Cancel);
        while (source.LastLook(low)?.At != SplitLook.ForEver && !reading.IsCompleted) await Task.Delay(20, Cancel);

        Assert.Equal((SplitLook.ForEver, false), (source.LastLook(low)?.At, reading.IsCompleted));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
    }

    [Fact]
    public async Task Each_partition_is_a_snapshot_of_its_own()
    {
        await using var database = await CreateInPartsAsync();
        await using var source = TestDatabase.Open(Options(database));
        var splits = await source.ListSplitsAsync("items", Cancel);
        var rows = new List<long>();

        await foreach (var chunk in source.ReadAsync([.. splits.Skip(1).Select(split => new SplitPosition(split.Id, null))], Cancel))
            using (chunk)
            {
                for (var row = 0; row < chunk.RowCount; row++) rows.Add(((Int64Array)chunk.Rows!.Column("number")).GetValue(row)!.Value);
                if (rows.Count == 20) break;
            }

        Assert.Equal(3, splits.Count);
        Assert.Equal(Enumerable.Range(0, 20).Select(number => (long)number), rows.Order());
    }

    [Fact]
    public async Task Ranges_that_are_read_at_a_time_come_in_the_order_of_blocks_without_a_gap()
    {
        const int Readers = 4;
        await using var database = await CreateAsync();
        await using var source = TestDatabase.Open(Options(database) with { ReadersMax = Readers, ReadAheadBytesMax = 4 << 10 });
        var split = (await source.ListSplitsAsync("items", Cancel))[1].Id;
        var (numbers, reached) = (new List<long>(), 0L);

        await foreach (var chunk in source.ReadAsync([new SplitPosition(split, null)], Cancel))
            using (chunk)
            {
                if (reached == 0) await UntilAllReadAsync(database, Readers);
                Assert.Equal(reached, chunk.Range.From);
                reached = chunk.Range.To;
                for (var row = 0; row < chunk.RowCount; row++) numbers.Add(((Int64Array)chunk.Rows!.Column("number")).GetValue(row)!.Value);
                if (reached == SnapshotSplit.Complete) break;
            }

        // The table was filled in order and not changed: the order of blocks is that of numbers.
        Assert.Equal(Enumerable.Range(0, Rows).Select(number => (long)number), numbers);
    }

    [Fact]
    public async Task Readers_have_a_connection_each_and_one_for_the_questions_of_all()
    {
        const int Readers = 4;
        await using var database = await CreateAsync();
        await using var source = TestDatabase.Open(Options(database) with { ReadersMax = Readers, ReadAheadBytesMax = 4 << 10 });
        var split = (await source.ListSplitsAsync("items", Cancel))[1].Id;

        await using var chunks = source.ReadAsync([new SplitPosition(split, null)], Cancel).GetAsyncEnumerator(Cancel);
        Assert.True(await chunks.MoveNextAsync());
        chunks.Current.Dispose();
        await UntilAllReadAsync(database, Readers);

        // All of them stand still with a range in hand, so nobody asks for another.
        Assert.Equal(Readers + 1, await database.ScalarAsync<long>("select count(*) from pg_stat_activity where datname = current_database() and application_name = 'pipeline/test/app'", Cancel));
    }

    [Fact]
    public async Task Rows_of_another_table_that_got_the_name_are_not_in_the_snapshot()
    {
        await using var database = await CreateAsync();
        await database.ExecuteAsync("create table staged (like items including all); insert into staged values (-1, 'other')", Cancel);
        await using var source = TestDatabase.Open(Options(database));
        var split = (await source.ListSplitsAsync("items", Cancel))[1].Id;
        await source.DescribeAsync("items", Cancel);
        // The range has been claimed of the one when its reader waits for the lock.
        var swap = await TableSwap.HoldAsync(database, "items", Cancel);
        await using var chunks = source.ReadAsync([new SplitPosition(split, null)], Cancel).GetAsyncEnumerator(Cancel);
        var next = chunks.MoveNextAsync().AsTask();

        await swap.EndAsync("staged", Cancel);

        Assert.Contains("it was altered or rewritten while it was read", (await Assert.ThrowsAsync<PipelineException>(() => next)).Cause, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Several_tables_with_more_readers_than_connections_are_read_to_their_ends()
    {
        await using var database = await CreateAsync();
        await database.ExecuteAsync("create table others (like items including all); insert into others select * from items", Cancel);
        var options = database.CaptureOptions("items", "others");
        await using var source = TestDatabase.Open(options with
        {
            ConnectionsMax = 2, ReadAheadBytesMax = 4 << 10, ReadersMax = 3, Capture = options.Capture with { Snapshot = true },
        });
        var splits = (await source.ListSplitsAsync("items", Cancel)).Concat((await source.ListSplitsAsync("others", Cancel)).Skip(1));
        var (rows, complete) = (0, 0);

        await foreach (var chunk in source.ReadAsync([.. splits.Select(split => new SplitPosition(split.Id, null))], Cancel))
            using (chunk)
            {
                rows += chunk.RowCount;
                if (chunk.Range.To == SnapshotSplit.Complete && ++complete == 2) break;
            }

        Assert.Equal(2 * Rows, rows);
    }

    [Fact]
    public async Task Progress_is_told_in_rows_percent_and_time_left()
    {
        await using var database = await CreateAsync();
        await database.ExecuteAsync("analyze items", Cancel);
        using var figures = new Measurements("source", database.Name);
        using var logs = new LogLines();
        await using var source = TestDatabase.Open(Options(database) with { Name = database.Name, ReadAheadBytesMax = 4 << 10 }, logs);
        var split = (await source.ListSplitsAsync("items", Cancel))[1].Id;
        var (percents, expected, remaining) = (new List<double>(), new HashSet<double>(), new List<double>());

        await foreach (var chunk in source.ReadAsync([new SplitPosition(split, null)], Cancel))
            using (chunk)
            {
                // The readers are ahead of us: at the last chunks they have ended, and with them what they tell.
                if (figures.Observe(Instruments.SnapshotPercent) is { } percent) percents.Add(percent);
                if (figures.Observe(Instruments.SnapshotRows) is { } rows) Assert.InRange(rows, 1, Rows);
                if (figures.Observe(Instruments.SnapshotRowsExpected) is { } total) expected.Add(total);
                if (figures.Observe(Instruments.SnapshotRemaining) is { } left) remaining.Add(left);
                if (chunk.Range.To != SnapshotSplit.Complete) continue;
                // Before we leave: a reader that is cancelled tells nothing more.
                await logs.WaitForAsync(line => line == $"Snapshot of items: {Rows} rows of about {Rows}, 100 %, 0 s left", Cancel);
                break;
            }

        // In the server's form: a length and a value for each of two fields.
        Assert.True(figures.Sum(Instruments.PostgresBytes, database.Name, "items") > 8 * Rows);
        Assert.Equal(percents.Order(), percents);
        Assert.Contains(percents, percent => percent is > 40 and < 60);
        Assert.Equal([Rows], expected);
        Assert.All(remaining, left => Assert.InRange(left, 0, double.MaxValue));
        Assert.Contains(remaining, left => left > 0);
        while (figures.Observe(Instruments.SnapshotRows) is not null) await Task.Delay(10, Cancel);
    }

    private async Task RunAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    private async Task<IReadOnlyCollection<long>> SequencesOfSnapshotAsync(TestDatabase database)
    {
        var sequences = new HashSet<long>();
        await using var source = TestDatabase.Open(Options(database));
        var splits = await source.ListSplitsAsync("items", Cancel);
        await foreach (var chunk in source.ReadAsync([new SplitPosition(splits[1].Id, null)], Cancel))
            using (chunk)
            {
                for (var row = 0; row < chunk.RowCount; row++) sequences.Add(((Int64Array)chunk.Rows!.Column("_sequence")).GetValue(row)!.Value);
                if (chunk.Range.To == SnapshotSplit.Complete) break;
            }

        return sequences;
    }

    private static PostgresSourceOptions Options(TestDatabase database)
    {
        var options = database.CaptureOptions("items");
        return options with { Capture = options.Capture with { Snapshot = true } };
    }

    /// <summary>
    /// Waits until as many connections copy rows out or have just done so and wait to hand them on: as long as nobody takes what
    /// they have read, each reader comes to a range of its own and stays there.
    /// </summary>
    private async Task UntilAllReadAsync(TestDatabase database, int readers)
    {
        const string Reading = "select count(*) from pg_stat_activity where datname = current_database() and (query like 'copy (%' or query = 'commit') and application_name = 'pipeline/test/app'";
        while (await database.ScalarAsync<long>(Reading, Cancel) != readers) await Task.Delay(20, Cancel);
    }

    private async ValueTask<TestDatabase> CreateInPartsAsync()
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync("""
            create table items (number bigint primary key, note text) partition by range (number);
            create table items_low partition of items for values from (0) to (10);
            create table items_high partition of items for values from (10) to (20);
            insert into items select i, 'old' from generate_series(0, 19) i;
            """, Cancel);
        return database;
    }

    private async ValueTask<TestDatabase> CreateAsync()
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync($"create table items (number bigint primary key, note text); insert into items select i, 'old ' || i from generate_series(0, {Rows - 1}) i", Cancel);
        return database;
    }

    /// <summary>Rows of which some have a file that is stored out of line, behind blocks that are free.</summary>
    private async ValueTask<TestDatabase> CreateWithFilesAsync()
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync($"""
            create table items (number bigint primary key, note text, file text); alter table items alter file set storage external;
            insert into items select i, 'old ' || i, case when i between {Mover - 5} and {Mover + 5} then repeat('f', 3000) end from generate_series(0, {Rows - 1}) i;
            delete from items where number < 5000
            """, Cancel);
        await database.ExecuteAsync("vacuum items", Cancel);
        return database;
    }

    private async Task<(long? Position, List<long> Rows)> ReadAsync(TestDatabase database, long? from, Func<List<PositionRange>, bool> isEnough)
    {
        await using var source = TestDatabase.Open(Options(database));
        var splits = await source.ListSplitsAsync("items", Cancel);
        var (position, rows, pending, ranges) = (from, new List<long>(), new List<long>(), new List<PositionRange>());
        await foreach (var chunk in source.ReadAsync([new SplitPosition(splits[1].Id, from)], Cancel))
            using (chunk)
            {
                for (var row = 0; row < chunk.RowCount; row++) pending.Add(((Int64Array)chunk.Rows!.Column("number")).GetValue(row)!.Value);
                ranges.Add(chunk.Range);
                if (!chunk.Range.IsAdvancing) continue;
                rows.AddRange(pending);
                pending.Clear();
                position = chunk.Range.To;
                if (position == SnapshotSplit.Complete || isEnough(ranges)) break;
            }

        return (position, rows);
    }
}
