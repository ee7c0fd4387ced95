using Pipeline.Core;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>Of which tables it is certain, at their first reading, that the slot tells all that became of their rows since it was made.</summary>
public sealed class CaptureStartsSpec(PostgresServer server) : PostgresSpec
{
    private const string Create = """
        create table parted (id int primary key, val text) partition by range (id);
        create table parted_1 partition of parted for values from (0) to (100); create table parted_2 partition of parted for values from (100) to (200);
        create table plain (id int primary key, val text); create table other (id int primary key, val text);
        insert into parted values (1, 'a'), (101, 'b'); insert into plain values (1, 'a'); insert into other values (1, 'a');
        """;

    [Theory]
    [InlineData("insert into parted values (2, 'c'); update plain set val = 'b'; analyze; alter table other add empty text; create table parted_3 partition of parted for values from (200) to (300)", "")]
    [InlineData("truncate parted_1; insert into parted values (2, 'c'); analyze parted_1", "parted")]
    [InlineData("alter table parted detach partition parted_1", "parted")]
    [InlineData("drop table parted_1", "parted")]
    [InlineData("alter table plain alter val type varchar using upper(val)", "plain")]
    [InlineData("alter table plain rename val to value", "plain")]
    [InlineData("alter publication {0} drop table other; alter publication {0} add table other", "other")]
    public async Task Whoever_saw_them_before_there_was_a_slot_sees_which_may_have_lost_rows(string happens, string expected)
    {
        await using var database = await CreateAsync();
        var options = Options(database);
        await using var source = TestDatabase.Open(options);
        var first = await UncertainAsync(source);
        await database.ExecuteAsync(string.Format(null, happens, options.Capture.Publication), Cancel);

        Assert.Equal("", first);
        Assert.Equal(expected, await UncertainAsync(source));
        // It stays so, until it is read.
        Assert.Equal(expected, await UncertainAsync(source));
    }

    [Theory]
    [InlineData("insert into parted values (2, 'c'); update plain set val = 'b'; vacuum plain", "parted")]
    [InlineData("alter table plain alter val type varchar using upper(val)", "parted plain")]
    [InlineData("alter table plain rename val to value", "parted plain")]
    [InlineData("drop table other; create table other (id int primary key, val text)", "parted")]
    [InlineData("alter publication {0} set (publish = 'insert'); alter publication {0} set (publish = 'insert, update, delete, truncate')", "parted plain other")]
    public async Task Whoever_finds_a_slot_sees_which_may_have_been_altered_since_and_is_certain_of_no_partition(string happens, string expected)
    {
        await using var database = await CreateAsync();
        var options = Options(database);
        await database.ExecuteAsync($"create publication {options.Capture.Publication} for all tables with (publish_via_partition_root = true)", Cancel);
        // As old as the oldest transaction that was open anywhere on the server.
        do
        {
            await database.DropSlotsAsync(Cancel);
            await database.ExecuteAsync($"select pg_create_logical_replication_slot('{options.Capture.Slot}', 'pgoutput')", Cancel);
        }
        while (await database.ScalarAsync<bool>($"select (select age(catalog_xmin) from pg_replication_slots where slot_name = '{options.Capture.Slot}') >= (select age(xmin) from pg_publication)", Cancel));

        foreach (var statement in happens.Split("; ")) await database.ExecuteAsync(string.Format(null, statement, options.Capture.Publication), Cancel);
        await using var source = TestDatabase.Open(options);

        Assert.Equal(expected, await UncertainAsync(source));
    }

    [Fact]
    public async Task A_table_that_we_published_when_the_slot_was_there_is_certain_from_then_on()
    {
        await using var database = await CreateAsync();
        var options = Options(database);
        await using (var before = TestDatabase.Open(options with { Tables = [.. options.Tables.Skip(1)] })) await before.ListSplitsAsync("plain", Cancel);
        await using var source = TestDatabase.Open(options);
        var first = await source.ListSplitsAsync("parted", Cancel);
        await database.ExecuteAsync("truncate parted_1", Cancel);

        Assert.False(first[0].For("parted").Form!.IsUncertain);
        Assert.Contains("parted", await UncertainAsync(source), StringComparison.Ordinal);
    }

    private async Task<TestDatabase> CreateAsync()
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync(Create, Cancel);
        return database;
    }

    private static PostgresSourceOptions Options(TestDatabase database)
    {
        var options = database.CaptureOptions("parted", "plain", "other");
        return options with { Capture = options.Capture with { Snapshot = true } };
    }

    private async Task<string> UncertainAsync(ISource source)
    {
        var slot = (await source.ListSplitsAsync("parted", Cancel))[0];
        return string.Join(' ', slot.Tables.Where(table => slot.For(table).Form!.IsUncertain));
    }
}
