using Pipeline.Core.Metrics;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>A row gets another key, and the server leaves out what is stored out of line and did not change: under the new key nobody has it.</summary>
public sealed class MovedRowSpec(PostgresServer server) : PostgresSpec
{
    private const string Large = "(select string_agg(md5(i::text), '') from generate_series(1, 100) i)";
    private const int LargeLength = 3200;

    /// <param name="place">A type of the key's second column, whose values come in the stream's binary form or as text.</param>
    [Theory]
    [InlineData("bigint", "5")]
    [InlineData("uuid", "00112233-4455-6677-8899-aabbccddeeff")]
    [InlineData("text", "it''s \\ 7")]
    [InlineData("bytea", "\\x00ff27")]
    [InlineData("boolean", "t")]
    [InlineData("inet", "10.0.0.1/8")]
    [InlineData("date", "2024-02-29")]
    [InlineData("timestamptz", "2024-02-29 12:00:00.000001+00")]
    [InlineData("numeric(10,2)", "7.50")]
    [InlineData("double precision", "0.1")]
    public async Task A_large_value_follows_its_row_to_another_key(string place, string value)
    {
        await using var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync($"""
            create table items (id bigint, place {place}, body text, note text, more jsonb, primary key (id, place));
            alter table items alter body set storage external; alter table items alter more set storage external
            """, Cancel);
        await using var reading = await CaptureReading.StartAsync(database.CaptureOptions("items"), from: null, Cancel);
        await database.ExecuteAsync($"insert into items values (1, '{value}', {Large}, 'a', to_jsonb({Large}))", Cancel);
        await reading.TakeAsync(1);

        await database.ExecuteAsync("update items set id = 2, note = 'b'", Cancel);
        await reading.TakeAsync(4);

        var (moved, follows) = (reading.Changes[2], reading.Changes[3]);
        Assert.Equal(["d", "c", "u"], reading.Changes.Skip(1).Select(change => change.Op));
        Assert.Equal("id,place,note", moved.Changed);
        Assert.Equal("id,place,body,more", follows.Changed);
        Assert.Equal((moved.Position, moved.Sequence + 1), (follows.Position, follows.Sequence));
        var inserted = reading.Changes[0].Values.Split('|');
        var fields = follows.Values.Split('|');
        Assert.Equal(["2", inserted[1], inserted[2], "-", inserted[4]], fields);
        Assert.Equal(LargeLength, fields[2].Length);
    }

    /// <param name="chunkBytesMax">The smaller holds few of the rows, so that the others are asked for again.</param>
    [Theory, InlineData(4 << 20), InlineData(64 << 10)]
    public async Task Of_many_rows_each_gets_its_own_value_and_one_that_is_gone_by_then_gets_none(long chunkBytesMax)
    {
        await using var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync("create table items (id bigint primary key, body text); alter table items alter body set storage external", Cancel);
        var options = database.CaptureOptions("items") with { ChunkBytesMax = chunkBytesMax };
        long position;
        await using (var reading = await CaptureReading.StartAsync(options, from: null, Cancel))
        {
            await database.ExecuteAsync($"insert into items select i, i || {Large} from generate_series(1, 350) i", Cancel);
            await reading.TakeAsync(350);
            position = reading.Position!.Value;
        }

        // From the greatest on: each key is free by then, and has been another row's.
        await database.ExecuteAsync("do $$ begin for i in reverse 350..1 loop update items set id = i + 1 where id = i; end loop; end $$; delete from items where id > 340", Cancel);
        await using var again = await CaptureReading.StartAsync(options, position, Cancel);
        await again.TakeAsync((2 * 350) + 11 + 339);

        var known = again.Changes.Where(change => change.Op == "u").ToDictionary(change => change.Values.Split('|')[0], change => change.Values.Split('|')[1]);
        Assert.Equal(Enumerable.Range(2, 339).Select(id => (long)id), known.Keys.Select(long.Parse).Order());
        Assert.All(known, row => Assert.StartsWith($"{long.Parse(row.Key) - 1}c4ca", row.Value, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("alter table items alter body type varchar", "a column has another type")]
    [InlineData("alter table items rename to others", "relation \"public.items\" does not exist")]
    public async Task What_cannot_be_read_is_told_and_counted_with_the_SQL_that_has_the_server_send_it(string change, string cause)
    {
        await using var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync("create table items (id bigint primary key, body text); alter table items alter body set storage external", Cancel);
        var options = database.CaptureOptions("items");
        using var logs = new LogLines();
        using var figures = new Measurements("source", options.Name);
        await using var reading = await CaptureReading.StartAsync(options, from: null, Cancel, logs);
        await database.ExecuteAsync($"insert into items values (1, {Large}), (2, {Large})", Cancel);
        await reading.TakeAsync(2);

        await database.ExecuteAsync($"begin; update items set id = id + 10; {change}; commit", Cancel);
        await reading.TakeAsync(6);

        Assert.Equal(["d", "c", "d", "c"], reading.Changes.Skip(2).Select(row => row.Op));
        Assert.Equal(["id", "id"], reading.Changes.Where(row => row.Op == "c").Skip(2).Select(row => row.Changed));
        Assert.Equal(2, figures.Sum(Instruments.PostgresUnknown));
        var line = Assert.Single(logs.At(Microsoft.Extensions.Logging.LogLevel.Warning));
        Assert.Contains(cause, line, StringComparison.Ordinal);
        Assert.Contains("ALTER TABLE public.items REPLICA IDENTITY FULL;", line, StringComparison.Ordinal);
    }
}
