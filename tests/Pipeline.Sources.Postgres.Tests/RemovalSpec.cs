using Pipeline.Core;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>The server before and after, by its own catalog.</summary>
public sealed class RemovalSpec(PostgresServer server) : PostgresSpec
{
    [Fact]
    public async Task Removing_a_source_gives_the_server_back_as_it_was()
    {
        await using var database = await CreateAsync();
        var before = await CatalogAsync(database);
        await ReadOneAsync(database);
        var during = await CatalogAsync(database);

        await using var source = TestDatabase.Open(database.CaptureOptions("items"));
        var found = await source.FindTracesAsync(Cancel);
        await source.RemoveTracesAsync(Cancel);

        Assert.NotEqual(before, during);
        Assert.Equal(before, await CatalogAsync(database));
        Assert.Equal([$"SELECT pg_drop_replication_slot('slot_{database.Name}');", $"DROP PUBLICATION \"publication_{database.Name}\";"], found.Select(trace => trace.Removal));
        Assert.Empty(await source.FindTracesAsync(Cancel));
    }

    [Fact]
    public async Task The_statements_it_shows_are_all_it_takes()
    {
        await using var database = await CreateAsync();
        var before = await CatalogAsync(database);
        await ReadOneAsync(database);

        await using var source = TestDatabase.Open(database.CaptureOptions("items"));
        foreach (var trace in await source.FindTracesAsync(Cancel)) await database.ExecuteAsync(trace.Removal!, Cancel);

        Assert.Equal(before, await CatalogAsync(database));
    }

    [Fact]
    public async Task A_publication_of_somebody_else_stays_and_is_never_altered()
    {
        await using var database = await CreateAsync();
        await database.ExecuteAsync($"create publication publication_{database.Name} for table items with (publish_via_partition_root = true); create table others (id int primary key)", Cancel);
        var before = await CatalogAsync(database);
        await ReadOneAsync(database);
        await using var source = TestDatabase.Open(database.CaptureOptions("items"), owner: new TestOwner(hasRead: true));
        await using var larger = TestDatabase.Open(database.CaptureOptions("items", "others"));

        var refused = await Assert.ThrowsAsync<PipelineException>(async () => await larger.ListSplitsAsync("others", Cancel));
        var found = await source.FindTracesAsync(Cancel);
        await source.RemoveTracesAsync(Cancel);

        Assert.Equal(FaultKind.Missing, refused.Kind);
        Assert.Contains("add table public.others", refused.NextStep, StringComparison.Ordinal);
        Assert.Null(found[1].Removal);
        Assert.Equal(before, await CatalogAsync(database));
    }

    [Fact]
    public async Task A_slot_that_is_being_read_is_not_dropped_and_its_reader_is_named()
    {
        await using var database = await CreateAsync();
        await using var reading = await CaptureReading.StartAsync(database.CaptureOptions("items"), from: null, Cancel);
        await database.ExecuteAsync("insert into items values (1, 'a')", Cancel);
        await reading.TakeAsync(1);
        var during = await CatalogAsync(database);
        var pid = await database.ScalarAsync<int>("select active_pid from pg_replication_slots where database = current_database()", Cancel);

        await using var source = TestDatabase.Open(database.CaptureOptions("items"));
        var failure = await Assert.ThrowsAsync<PipelineException>(async () => await source.RemoveTracesAsync(Cancel));

        Assert.Contains($"process {pid} of the server (application pipeline/test/app)", failure.Message, StringComparison.Ordinal);
        Assert.Equal(during, await CatalogAsync(database));
    }

    [Fact]
    public async Task A_slot_of_another_database_stays()
    {
        await using var database = await CreateAsync();
        await using var other = await CreateAsync();
        await database.ExecuteAsync($"select pg_create_logical_replication_slot('slot_{other.Name}', 'pgoutput')", Cancel);

        await using var source = TestDatabase.Open(other.CaptureOptions("items"));
        var found = await source.FindTracesAsync(Cancel);
        await source.RemoveTracesAsync(Cancel);

        Assert.Null(Assert.Single(found).Removal);
        Assert.Contains($"slot slot_{other.Name}", await CatalogAsync(database), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reading_by_watermark_leaves_nothing()
    {
        await using var database = await CreateAsync();
        await database.ExecuteAsync("alter table items add updated_at timestamptz not null default now(); insert into items values (1, 'a')", Cancel);
        var before = await CatalogAsync(database);
        var options = database.Options(TestDatabase.Table("items", "updated_at"));
        await using (var source = TestDatabase.Open(options))
        {
            var split = (await source.ListSplitsAsync("items", Cancel))[0].Id;
            await using var chunks = source.ReadAsync([new SplitPosition(split, null)], Cancel).GetAsyncEnumerator(Cancel);
            Assert.True(await chunks.MoveNextAsync());
            chunks.Current.Dispose();
            Assert.Empty(await source.FindTracesAsync(Cancel));
        }

        Assert.Equal(before, await CatalogAsync(database));
    }

    private async Task ReadOneAsync(TestDatabase database)
    {
        await using (var reading = await CaptureReading.StartAsync(database.CaptureOptions("items"), from: null, Cancel))
        {
            await database.ExecuteAsync("insert into items values (1, 'a')", Cancel);
            await reading.TakeAsync(1);
        }

        await database.UntilSlotsAreLeftAsync(Cancel);
    }

    private ValueTask<string> CatalogAsync(TestDatabase database) => database.CatalogAsync(Cancel);

    private async ValueTask<TestDatabase> CreateAsync()
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync("create table items (id int primary key, name text)", Cancel);
        return database;
    }
}
