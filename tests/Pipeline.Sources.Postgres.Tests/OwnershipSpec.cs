using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>Two pipelines, and two sources, on one server: each leaves what is the other's.</summary>
public sealed class OwnershipSpec(PostgresServer server) : PostgresSpec
{
    private static readonly TestOwner Sales = new("sales", "lake-1");
    private static readonly TestOwner Marketing = new("marketing", "lake-2");

    [Theory]
    [InlineData("marketing", "lake-2")]
    [InlineData("sales", "lake-2")]
    public async Task A_second_pipeline_of_the_same_names_is_refused_with_a_line_and_reads_when_the_first_has_left(string name, string lake)
    {
        await using var database = await CreateAsync();
        var second = new TestOwner(name, lake);
        var first = await CaptureReading.StartAsync(database.CaptureOptions("items"), from: null, Cancel, owner: Sales);
        await database.ExecuteAsync("insert into items values (1, 'a')", Cancel);
        await first.TakeAsync(1);
        var mark = await MarkAsync(database);

        var refused = await RefusalAsync(database.CaptureOptions("items", "others"), second);
        await using (var source = TestDatabase.Open(database.CaptureOptions("items"), owner: second)) await source.RemoveTracesAsync(Cancel);
        await database.ExecuteAsync("insert into items values (2, 'b')", Cancel);
        await first.TakeAsync(2);

        Assert.False(refused.IsTransient);
        Assert.DoesNotContain('\n', refused.Message);
        Assert.Contains("pipeline sales with the lake lake-1", refused.Cause, StringComparison.Ordinal);
        Assert.Contains($"pipeline {name} with the lake {lake}", refused.Cause, StringComparison.Ordinal);
        Assert.Equal(mark, await MarkAsync(database));
        Assert.Equal(1, await database.ScalarAsync<long>("select count(*) from pg_publication_tables where pubname like 'publication_%'", Cancel));

        await first.DisposeAsync();
        await database.UntilSlotsAreLeftAsync(Cancel);
        await using (var source = TestDatabase.Open(database.CaptureOptions("items"), owner: Sales)) await source.RemoveTracesAsync(Cancel);
        await using var next = await CaptureReading.StartAsync(database.CaptureOptions("items"), from: null, Cancel, owner: second);
        await database.ExecuteAsync("insert into items values (3, 'c')", Cancel);
        await next.TakeAsync(1);
        Assert.Equal(["c 3|c"], next.Changes.Select(change => change.ToString()));
    }

    [Fact]
    public async Task The_statement_of_the_refusal_takes_a_slot_over_and_its_former_reader_stops()
    {
        await using var database = await CreateAsync();
        var options = database.CaptureOptions("items");
        options = options with { Capture = options.Capture with { WalCheckInterval = TimeSpan.FromMilliseconds(50) } };
        await using var first = await CaptureReading.StartAsync(options, from: null, Cancel, owner: Sales);
        await database.ExecuteAsync("insert into items values (1, 'a')", Cancel);
        await first.TakeAsync(1);
        await first.AcknowledgeAsync(Cancel);

        var refused = await RefusalAsync(options, Marketing);
        await database.ExecuteAsync(StatementOf(refused), Cancel);
        var ended = await first.FailAsync();
        await first.DisposeAsync();
        await using var second = await CaptureReading.StartAsync(options, from: null, Cancel, owner: Marketing);
        await database.ExecuteAsync("insert into items values (2, 'b')", Cancel);
        while (second.Changes.All(change => change.Values != "2|b")) await second.TakeChunkAsync();

        Assert.False(ended.IsTransient);
        Assert.Equal(first.Slot, ended.Split);
        Assert.Contains("read by source app of pipeline marketing", ended.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_slot_is_refused_also_when_it_is_read_with_another_publication()
    {
        await using var database = await CreateAsync();
        var options = database.CaptureOptions("items");
        await EnsureAsync(options, Sales);

        var refused = await RefusalAsync(options with { Capture = options.Capture with { Publication = "publication_of_marketing" } }, Marketing);

        Assert.Contains("the slot is read by source app of pipeline sales", refused.Cause, StringComparison.Ordinal);
        Assert.Equal(0, await database.ScalarAsync<long>("select count(*) from pg_publication where pubname = 'publication_of_marketing'", Cancel));
    }

    [Fact]
    public async Task A_publication_is_refused_also_when_it_is_to_be_read_with_another_slot()
    {
        await using var database = await CreateAsync();
        var options = database.CaptureOptions("items");
        await EnsureAsync(options, Sales);

        var refused = await RefusalAsync(options with { Capture = options.Capture with { Slot = $"{options.Capture.Slot}_of_marketing" } }, Marketing);

        Assert.Contains("belongs to source app of pipeline sales", refused.Cause, StringComparison.Ordinal);
        Assert.Equal(1, await database.ScalarAsync<long>("select count(*) from pg_replication_slots where database = current_database()", Cancel));
    }

    [Fact]
    public async Task A_slot_of_another_database_is_refused_since_all_share_their_names()
    {
        await using var database = await CreateAsync();
        await using var other = await CreateAsync();
        await EnsureAsync(database.CaptureOptions("items"), Sales);
        var same = other.CaptureOptions("items");

        var refused = await RefusalAsync(same with { Capture = same.Capture with { Slot = $"slot_{database.Name}" } }, Sales);

        Assert.False(refused.IsTransient);
        Assert.Contains($"one of database {database.Name}", refused.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_release_before_has_made_is_taken_over_once_by_the_pipeline_that_has_read_it()
    {
        await using var database = await CreateAsync();
        var options = database.CaptureOptions("items");
        await MakeAsReleaseBeforeAsync(database);

        var unproven = await RefusalAsync(options, Marketing);
        await EnsureAsync(options, new TestOwner("sales", "lake-1", hasRead: true));
        var mark = await MarkAsync(database);
        await EnsureAsync(options, Sales);
        var late = await RefusalAsync(options, new TestOwner("marketing", "lake-2", hasRead: true));

        Assert.Contains("release before", unproven.Cause, StringComparison.Ordinal);
        Assert.StartsWith("made by pipeline for source app; slot", mark, StringComparison.Ordinal);
        Assert.Equal(mark, await MarkAsync(database));
        Assert.Contains("pipeline sales with the lake lake-1", late.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_release_before_has_made_is_had_by_the_statement_too()
    {
        await using var database = await CreateAsync();
        await MakeAsReleaseBeforeAsync(database);

        await database.ExecuteAsync(StatementOf(await RefusalAsync(database.CaptureOptions("items"), Sales)), Cancel);
        await EnsureAsync(database.CaptureOptions("items"), Sales);
    }

    [Fact]
    public async Task Beside_a_publication_of_somebody_else_a_slot_is_protected_by_the_statement_that_is_advised()
    {
        await using var database = await CreateAsync();
        await database.ExecuteAsync($"create publication publication_{database.Name} for table items with (publish_via_partition_root = true); comment on publication publication_{database.Name} is 'ours: ask the DBAs'", Cancel);
        using var logs = new LogLines();
        await using (var source = TestDatabase.Open(database.CaptureOptions("items"), logs, Sales))
        {
            await source.ListSplitsAsync("items", Cancel);
            await source.ListSplitsAsync("items", Cancel);
        }

        var advice = Assert.Single(logs.At(LogLevel.Information), line => line.Contains("COMMENT ON PUBLICATION", StringComparison.Ordinal));
        await database.ExecuteAsync(advice[advice.IndexOf("COMMENT ON", StringComparison.Ordinal)..], Cancel);
        await EnsureAsync(database.CaptureOptions("items"), Sales);
        var refused = await RefusalAsync(database.CaptureOptions("items"), Marketing);

        Assert.StartsWith("ours: ask the DBAs; slot", await MarkAsync(database), StringComparison.Ordinal);
        Assert.Contains("pipeline sales", refused.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unclaimed_slot_that_somebody_reads_is_another_s_unless_the_lake_has_read_it()
    {
        await using var database = await CreateAsync();
        await database.ExecuteAsync($"create publication publication_{database.Name} for table items with (publish_via_partition_root = true)", Cancel);
        await using var first = await CaptureReading.StartAsync(database.CaptureOptions("items"), from: null, Cancel, owner: Sales);
        await database.ExecuteAsync("insert into items values (1, 'a')", Cancel);
        await first.TakeAsync(1);

        var refused = await RefusalAsync(database.CaptureOptions("items"), Marketing);
        await EnsureAsync(database.CaptureOptions("items"), new TestOwner("sales", "lake-1", hasRead: true));

        Assert.Contains("somebody reads the slot", refused.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_check_says_what_a_start_would_refuse_or_take_over()
    {
        await using var database = await CreateAsync();
        var options = database.CaptureOptions("items");
        await MakeAsReleaseBeforeAsync(database);

        var unproven = await OwnerFindingAsync(options, Marketing);
        var adopted = await OwnerFindingAsync(options, new TestOwner("sales", "lake-1", hasRead: true));
        await EnsureAsync(options, new TestOwner("sales", "lake-1", hasRead: true));
        var own = await OwnerFindingAsync(options, Sales);
        var stranger = await OwnerFindingAsync(options, Marketing);

        Assert.Equal([false, true, true, false], [unproven.Ok, adopted.Ok, own.Ok, stranger.Ok]);
        Assert.Contains("takes them over", adopted.Detail, StringComparison.Ordinal);
        Assert.Equal((await RefusalAsync(options, Marketing)).Cause, stranger.Detail);
        Assert.Contains("COMMENT ON PUBLICATION", stranger.NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_sources_of_one_pipeline_share_a_publication_and_the_first_to_go_leaves_it_to_the_other()
    {
        await using var database = await CreateAsync();
        var one = database.CaptureOptions("items");
        var other = database.CaptureOptions("others") with { Name = "app2" };
        other = other with { Capture = other.Capture with { Slot = $"{one.Capture.Slot}_2" } };
        await EnsureAsync(one, Sales);
        await EnsureAsync(other, Sales);

        await using (var source = TestDatabase.Open(one, owner: Sales)) await source.RemoveTracesAsync(Cancel);
        var slots = await database.ScalarAsync<string[]>("select array_agg(slot_name::text) from pg_replication_slots where database = current_database()", Cancel);
        var publications = await database.ScalarAsync<long>("select count(*) from pg_publication", Cancel);
        await using (var source = TestDatabase.Open(other, owner: Sales)) await source.RemoveTracesAsync(Cancel);

        Assert.Equal([other.Capture.Slot], slots);
        Assert.Equal(1, publications);
        Assert.Equal(0, await database.ScalarAsync<long>("select count(*) from pg_publication", Cancel));
    }

    [Fact]
    public async Task Two_sources_of_one_pipeline_do_not_share_a_slot()
    {
        await using var database = await CreateAsync();
        await EnsureAsync(database.CaptureOptions("items"), Sales);

        var refused = await RefusalAsync(database.CaptureOptions("items") with { Name = "app2" }, Sales);

        Assert.Contains("read by source app of pipeline sales", refused.Cause, StringComparison.Ordinal);
    }

    private static string StatementOf(PipelineException refused) => refused.NextStep[refused.NextStep.IndexOf("COMMENT ON", StringComparison.Ordinal)..];

    private async Task EnsureAsync(PostgresSourceOptions options, ISourceOwner owner)
    {
        await using var source = TestDatabase.Open(options, owner: owner);
        await source.ListSplitsAsync(options.Tables[0].Name, Cancel);
    }

    private async Task<PipelineException> RefusalAsync(PostgresSourceOptions options, ISourceOwner owner) => await Assert.ThrowsAsync<PipelineException>(() => EnsureAsync(options, owner));

    private async Task<Finding> OwnerFindingAsync(PostgresSourceOptions options, ISourceOwner owner)
    {
        await using var source = TestDatabase.Open(options, owner: owner);
        return Assert.Single(await source.CheckAsync(Cancel), finding => finding.Thing.Contains("owner of slot", StringComparison.Ordinal));
    }

    private async Task MakeAsReleaseBeforeAsync(TestDatabase database)
    {
        await database.ExecuteAsync($"create publication publication_{database.Name} for table items with (publish_via_partition_root = true); comment on publication publication_{database.Name} is 'made by pipeline for source app'", Cancel);
        await database.ExecuteAsync($"select pg_create_logical_replication_slot('slot_{database.Name}', 'pgoutput')", Cancel);
    }

    private async Task<string> MarkAsync(TestDatabase database) =>
        await database.ScalarAsync<string>($"select obj_description(oid, 'pg_publication') from pg_publication where pubname = 'publication_{database.Name}'", Cancel);

    private async ValueTask<TestDatabase> CreateAsync()
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync("create table items (id int primary key, name text); create table others (id int primary key)", Cancel);
        return database;
    }
}
