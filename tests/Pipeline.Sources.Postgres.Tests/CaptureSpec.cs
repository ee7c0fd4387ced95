using Pipeline.Core;

namespace Pipeline.Sources.Postgres.Tests;

public sealed class CaptureSpec(PostgresServer server) : PostgresSpec
{
    [Fact]
    public async Task Inserts_updates_deletes_and_truncates_come_in_the_order_of_their_commits()
    {
        await using var database = await CreateAsync("create table items (id int primary key, name text)");
        await using var reading = await CaptureReading.StartAsync(database.CaptureOptions("items"), from: null, Cancel);

        await database.ExecuteAsync("insert into items values (1, 'a'), (2, 'b')", Cancel);
        await database.ExecuteAsync("begin; update items set name = 'c' where id = 1; delete from items where id = 2; commit", Cancel);
        await database.ExecuteAsync("truncate items", Cancel);
        await reading.TakeAsync(5);

        Assert.Equal(["c 1|a", "c 2|b", "u 1|c", "d 2|-", "t -|-"], reading.Changes.Select(change => change.ToString()));
        Assert.Equal([0, 1, 0, 1, 0], reading.Changes.Select(change => change.Sequence));
        Assert.Equal(reading.Changes.Select(change => change.Position).Order(), reading.Changes.Select(change => change.Position));
    }

    [Fact]
    public async Task A_change_of_the_key_is_a_delete_and_an_insert()
    {
        await using var database = await CreateAsync("create table items (id int primary key, name text); create table wide (id int primary key, name text); alter table wide replica identity full");
        await using var reading = await CaptureReading.StartAsync(database.CaptureOptions("items", "wide"), from: null, Cancel);

        await database.ExecuteAsync("insert into items values (1, 'a'); update items set id = 2; update items set id = 2, name = 'b'", Cancel);
        await database.ExecuteAsync("insert into wide values (1, 'a'); update wide set id = 2; update wide set name = 'b'; delete from wide", Cancel);
        await reading.TakeAsync(9);

        Assert.Equal(["c 1|a", "d 1|-", "c 2|a", "u 2|b"], reading.Changes.Where(change => change.Table == "items").Select(change => change.ToString()));
        Assert.Equal(["c 1|a", "d 1|a", "c 2|a", "u 2|b", "d 2|b"], reading.Changes.Where(change => change.Table == "wide").Take(5).Select(change => change.ToString()));
    }

    [Fact]
    public async Task A_large_value_that_an_update_leaves_alone_is_marked_not_invented()
    {
        await using var database = await CreateAsync("""
            create table items (id int primary key, name text, body text); alter table items alter body set storage external;
            create table whole (id int primary key, name text, body text); alter table whole alter body set storage external; alter table whole replica identity full;
            """);
        await using var reading = await CaptureReading.StartAsync(database.CaptureOptions("items", "whole"), from: null, Cancel);

        await database.ExecuteAsync("insert into items values (1, 'a', repeat('x', 10000)); update items set name = 'b'; update items set body = 'short'", Cancel);
        await database.ExecuteAsync("insert into whole values (1, 'a', repeat('x', 10000)); update whole set name = 'b'", Cancel);
        await reading.TakeAsync(5);

        var items = reading.Changes.Where(change => change.Table == "items").ToList();
        Assert.Equal([null, "id,name", null], items.Select(change => change.Changed));
        Assert.Equal("1|b|-", items[1].Values);
        var whole = reading.Changes.Last(change => change.Table == "whole");
        Assert.Equal((null, $"1|b|{new string('x', 10000)}"), (whole.Changed, whole.Values));
    }

    [Fact]
    public async Task A_transaction_over_several_tables_advances_once_at_its_end()
    {
        await using var database = await CreateAsync("create table orders (id int primary key, note text); create table lines (id int primary key, note text)");
        await using var reading = await CaptureReading.StartAsync(database.CaptureOptions("orders", "lines"), from: null, Cancel);

        await database.ExecuteAsync("begin; insert into orders select i, repeat('x', 100) from generate_series(1, 500) i; insert into lines select i, repeat('y', 100) from generate_series(1, 500) i; commit", Cancel);
        await reading.TakeAsync(1);

        Assert.Equal(1000, reading.Changes.Count);
        Assert.True(reading.Chunks.All > 10, $"{reading.Chunks.All} chunks");
        Assert.Equal(1, reading.Chunks.Advancing);
        Assert.Single(reading.Changes.Select(change => change.Position).Distinct());
        Assert.Equal(Enumerable.Range(0, 1000).Select(number => (long)number), reading.Changes.Select(change => change.Sequence).Order());
    }

    [Fact]
    public async Task A_long_transaction_goes_out_in_pieces_of_bounded_size()
    {
        const int Rows = 50_000;
        await using var database = await CreateAsync("create table items (id int primary key, name text)");
        var options = database.CaptureOptions("items") with { ChunkBytesMax = 64 << 10, ReadAheadBytesMax = 128 << 10 };
        await using var source = TestDatabase.Open(options);
        var slot = (await source.ListSplitsAsync("items", Cancel))[0].Id;
        await database.ExecuteAsync($"insert into items select i, repeat('x', 100) from generate_series(1, {Rows}) i", Cancel);
        var (rows, pieces) = (0, 0);

        await foreach (var chunk in source.ReadAsync([new SplitPosition(slot, null)], Cancel))
            using (chunk)
            {
                Assert.True(chunk.Bytes <= 4 * options.ChunkBytesMax, $"{chunk.Bytes} bytes");
                rows += chunk.RowCount;
                pieces++;
                if (chunk.Range.IsAdvancing) break;
            }

        Assert.Equal(Rows, rows);
        Assert.True(pieces > 50, $"{pieces} pieces");
    }

    [Fact]
    public async Task A_transaction_that_is_rolled_back_leaves_nothing()
    {
        await using var database = await CreateAsync("create table items (id int primary key, name text)");
        await using var reading = await CaptureReading.StartAsync(database.CaptureOptions("items"), from: null, Cancel);

        await database.ExecuteAsync("begin; insert into items values (1, 'a'); savepoint s; insert into items values (2, 'b'); rollback to s; commit", Cancel);
        await database.ExecuteAsync("begin; insert into items values (3, 'c'); rollback", Cancel);
        await database.ExecuteAsync("insert into items values (4, 'd')", Cancel);
        await reading.TakeAsync(2);

        Assert.Equal(["c 1|a", "c 4|d"], reading.Changes.Select(change => change.ToString()));
    }

    [Fact]
    public async Task Only_what_is_acknowledged_is_confirmed_to_the_server()
    {
        await using var database = await CreateAsync("create table items (id int primary key, name text)");
        await using var reading = await CaptureReading.StartAsync(database.CaptureOptions("items"), from: null, Cancel);
        var before = await ConfirmedAsync(database);

        await database.ExecuteAsync("insert into items values (1, 'a')", Cancel);
        await reading.TakeAsync(1);
        await database.ExecuteAsync("insert into items values (2, 'b')", Cancel);
        Assert.Equal(before, await ConfirmedAsync(database));
        await reading.AcknowledgeAsync(Cancel);

        while (await ConfirmedAsync(database) != reading.Position) Cancel.ThrowIfCancellationRequested();
        await reading.TakeAsync(2);
    }

    [Fact]
    public async Task A_position_that_the_slot_has_left_behind_is_a_gap()
    {
        await using var database = await CreateAsync("create table items (id int primary key, name text)");
        await using (var reading = await CaptureReading.StartAsync(database.CaptureOptions("items"), from: null, Cancel))
        {
            await database.ExecuteAsync("insert into items values (1, 'a')", Cancel);
            await reading.TakeAsync(1);
        }

        var behind = await ConfirmedAsync(database) - 1;
        var failure = await FailureAsync(database.CaptureOptions("items"), behind);

        Assert.Equal(FaultKind.Gap, failure.Kind);
        Assert.Equal(new PositionRange(behind, behind + 1), failure.Gap);
    }

    [Fact]
    public async Task A_slot_dropped_by_someone_else_is_a_gap_and_not_a_fresh_start()
    {
        await using var database = await CreateAsync("create table items (id int primary key, name text)");
        long position;
        await using (var reading = await CaptureReading.StartAsync(database.CaptureOptions("items"), from: null, Cancel))
        {
            await database.ExecuteAsync("insert into items values (1, 'a')", Cancel);
            await reading.TakeAsync(1);
            position = reading.Position!.Value;
            await database.DropSlotsAsync(Cancel);
            var cut = await reading.FailAsync();
            // Whether the look that follows the end of the stream comes before the drop or after it is the server's choice.
            Assert.True(cut.IsTransient || cut.Kind == FaultKind.Gap, cut.Message);
        }

        await database.ExecuteAsync("insert into items values (2, 'lost')", Cancel);
        var failure = await FailureAsync(database.CaptureOptions("items"), position);

        Assert.Equal(FaultKind.Gap, failure.Kind);
    }

    [Fact]
    public async Task A_slot_dropped_before_it_was_read_is_a_gap_behind_where_it_began()
    {
        await using var database = await CreateAsync("create table items (id int primary key, name text)");
        var options = database.CaptureOptions("items");
        await using var source = TestDatabase.Open(options);
        var beginning = (await source.ListSplitsAsync("items", Cancel))[0].Beginning;
        var confirmed = await ConfirmedAsync(database);

        await database.ExecuteAsync("insert into items values (1, 'lost'); select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()", Cancel);
        var successor = (await source.ListSplitsAsync("items", Cancel))[0].Beginning;
        var failure = await FailureAsync(options, beginning!.Value);

        Assert.Equal(confirmed, beginning);
        Assert.Equal((FaultKind.Gap, new PositionRange(beginning.Value, successor!.Value)), (failure.Kind, failure.Gap));
    }

    [Fact]
    public async Task While_our_tables_are_idle_the_position_follows_the_server()
    {
        await using var database = await CreateAsync("create table items (id int primary key, name text); create table others (id int)");
        var options = database.CaptureOptions("items");
        await using var reading = await CaptureReading.StartAsync(options with { Capture = options.Capture with { HeartbeatInterval = TimeSpan.FromMilliseconds(200) } }, from: null, Cancel);
        var reached = Pipeline.Sources.Postgres.Reading.Capture.Lsn.Parse(await database.ScalarAsync<string>(
            "insert into others select generate_series(1, 1000); select pg_current_wal_lsn()::text", Cancel));

        while (reading.Position is null || reading.Position < reached) await reading.TakeChunkAsync();

        Assert.Empty(reading.Changes);
    }

    [Fact]
    public async Task Generated_columns_are_left_out_and_partitions_come_as_their_table()
    {
        await using var database = await CreateAsync("""
            create table items (id int, name text, twice int generated always as (id * 2) stored, primary key (id)) partition by range (id);
            create table items_low partition of items for values from (0) to (10);
            create table items_high partition of items for values from (10) to (20);
            """);
        await using var reading = await CaptureReading.StartAsync(database.CaptureOptions("items"), from: null, Cancel);

        await database.ExecuteAsync("insert into items values (1, 'a'), (11, 'b'); update items set id = 12 where id = 1", Cancel);
        await reading.TakeAsync(4);

        Assert.Equal(["c 1|a", "c 11|b", "d 1|-", "c 12|a"], reading.Changes.Select(change => change.ToString()));
        Assert.Equal(["id", "name", "_changed", "_sequence", "_op", "_position"], (await reading.Source.DescribeAsync("items", Cancel)).FieldsList.Select(field => field.Name));
    }

    [Fact]
    public async Task The_check_gives_the_SQL_that_makes_capture_possible()
    {
        await using var database = await CreateAsync("create table items (id int, name text)");
        var role = $"capturer_{database.Name}";
        await database.ExecuteAsync($"create role {role} login password 'capturer'", Cancel);
        var options = database.CaptureOptions("items").Secured(security => security with { Username = role, Password = new Secret("capturer") });
        await using var source = TestDatabase.Open(options);
        await Assert.ThrowsAsync<PipelineException>(async () => await source.ListSplitsAsync("items", Cancel));

        var missing = (await source.CheckAsync(Cancel)).Where(finding => !finding.Ok).ToList();
        foreach (var finding in missing) await database.ExecuteAsync(finding.NextStep!, Cancel);

        Assert.Equal(4, missing.Count);
        Assert.All(await source.CheckAsync(Cancel), finding => Assert.True(finding.Ok, finding.ToString()));
        await using var reading = await CaptureReading.StartAsync(options, from: null, Cancel);
        await database.ExecuteAsync("insert into items values (1, 'a')", Cancel);
        await reading.TakeAsync(1);
    }

    private async ValueTask<TestDatabase> CreateAsync(string sql)
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync(sql, Cancel);
        return database;
    }

    private async ValueTask<long> ConfirmedAsync(TestDatabase database) =>
        Pipeline.Sources.Postgres.Reading.Capture.Lsn.Parse(await database.ScalarAsync<string>("select confirmed_flush_lsn::text from pg_replication_slots where database = current_database()", Cancel));

    private async Task<PipelineException> FailureAsync(PostgresSourceOptions options, long from) =>
        await Assert.ThrowsAsync<PipelineException>(async () =>
        {
            await using var reading = await CaptureReading.StartAsync(options, from, Cancel);
            await reading.TakeChunkAsync();
        });
}
