using Pipeline.Core;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>A watermark that cannot be true is refused by the check as by the reading, or is read as what it is.</summary>
public sealed class WatermarkTruthSpec(PostgresServer server) : PostgresSpec
{
    [Theory]
    [InlineData("America/New_York")]
    [InlineData("Asia/Tokyo")]
    public async Task Times_without_a_zone_are_of_the_zone_that_is_said_and_it_has_to_be_said_where_the_servers_is_not_UTC(string zone)
    {
        await using var database = await CreateAsync($"alter database {{0}} set timezone = '{zone}'");
        // The pool's session is from before.
        await database.ExecuteAsync($"create table items (number bigint not null, at timestamp not null default clock_timestamp()); create index on items (at); set timezone = '{zone}'; insert into items values (1)", Cancel);
        var table = TestDatabase.Table("items", "at");

        await AssertRefusedAsync(database, table, $"the server's zone is {zone}", $"watermark-zone = \"{zone}\"");

        await using var reading = await SourceReading.StartAsync(database.Options(table with { WatermarkZone = zone }), from: null, Cancel);
        await reading.TakeRowsAsync(1);
        await database.ExecuteAsync($"set timezone = '{zone}'; insert into items values (2)", Cancel);
        await reading.TakeRowsAsync(2);
        await database.ExecuteAsync($"set timezone = '{zone}'; insert into items values (3)", Cancel);
        await reading.TakeRowsAsync(3);
        Assert.Equal([1L, 2L, 3L], reading.Rows);
        await using var source = TestDatabase.Open(database.Options(table with { WatermarkZone = zone }));
        Assert.DoesNotContain(await source.CheckAsync(Cancel), finding => !finding.Ok && finding.Thing.Contains("items", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_zone_that_there_is_not_is_told()
    {
        await using var database = await CreateAsync("create table items (number bigint not null, at timestamp not null)");

        await AssertRefusedAsync(database, TestDatabase.Table("items", "at") with { WatermarkZone = "Europe/Nowhere" }, "\"Europe/Nowhere\" not recognized", "");
    }

    [Theory]
    [InlineData("create sequence numbers cache 20; create table items (number bigint not null, at bigint not null default nextval('numbers'))", "20 numbers at a time", "ALTER SEQUENCE public.numbers CACHE 1")]
    [InlineData("create table items (number bigint not null, at bigint generated always as identity (cache 5))", "5 numbers at a time", "ALTER SEQUENCE public.items_at_seq CACHE 1")]
    [InlineData("create sequence numbers increment -1; create table items (number bigint not null, at bigint not null default nextval('numbers'))", "counts downwards", "INCREMENT BY 1")]
    [InlineData("create table items (number bigint not null, at smallint generated always as identity (cycle))", "begins again at its end", "NO CYCLE")]
    [InlineData("create table below (number bigint not null, at timestamptz not null); create materialized view items as select * from below", "it is a materialised view", "overlap")]
    [InlineData("create foreign data wrapper nothing; create server elsewhere foreign data wrapper nothing; create foreign table items (number bigint, at timestamptz) server elsewhere", "it is a foreign table", "overlap")]
    public async Task What_cannot_tell_changes_is_refused(string create, string cause, string help)
    {
        await using var database = await CreateAsync(create);

        await AssertRefusedAsync(database, TestDatabase.Table("items", "at"), cause, help);
    }

    [Fact]
    public async Task A_parent_is_read_with_those_that_inherit_from_it()
    {
        await using var database = await CreateAsync("create table items (number bigint not null, at bigint generated always as identity); create table heirs () inherits (items); insert into items values (1); insert into heirs values (2, 2)");
        await using var reading = await SourceReading.StartAsync(database.Options(TestDatabase.Table("items", "at")), from: null, Cancel);

        await reading.TakeRowsAsync(2);

        Assert.Equal([1L, 2L], reading.Rows.Order());
    }

    private async Task AssertRefusedAsync(TestDatabase database, PostgresTableOptions table, string cause, string help)
    {
        var options = database.Options(table);
        await using (var source = TestDatabase.Open(options))
        {
            var finding = Assert.Single(await source.CheckAsync(Cancel), finding => !finding.Ok && finding.Detail.Contains(cause, StringComparison.Ordinal));
            Assert.Contains(help, finding.NextStep, StringComparison.Ordinal);
        }

        await using var reading = await SourceReading.StartAsync(options, from: null, Cancel);
        var failure = await Assert.ThrowsAsync<PipelineException>(async () => await reading.TakeRowsAsync(1));
        Assert.Equal(FaultKind.Invalid, failure.Kind);
        Assert.Contains(cause, failure.Cause, StringComparison.Ordinal);
        Assert.Contains(help, failure.NextStep, StringComparison.Ordinal);
    }

    private async ValueTask<TestDatabase> CreateAsync(string sql)
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync(string.Format(null, sql, database.Name), Cancel);
        return database;
    }
}
