using System.Globalization;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>What is published is what is read, by the snapshot as by the stream; and what cannot be captured is refused alone, before it harms anybody.</summary>
public sealed class PublicationSpec(PostgresServer server) : PostgresSpec
{
    private const string Good = "create table good (id int primary key, val text); insert into good values (1, 'a');";

    /// <summary>A table <c>bad</c>, what is said of it, and the statement that is told; null: a setting is.</summary>
    public static TheoryData<string, string, string?> Refusals => new()
    {
        { "create table bad (id int, val text)", "there is no primary key", "ALTER TABLE public.bad REPLICA IDENTITY FULL" },
        { "create table bad (id int primary key, val text); alter table bad replica identity nothing", "refuses its updates and deletes", "ALTER TABLE public.bad REPLICA IDENTITY FULL" },
        { "create table bad (id int primary key, val text not null unique); alter table bad replica identity using index bad_val_key", "a delete carries val, and not id", "ALTER TABLE public.bad REPLICA IDENTITY FULL" },
        { "create unlogged table bad (id int primary key, val text)", "unlogged", "ALTER TABLE public.bad SET LOGGED" },
        { "create view bad as select 1 as id", "a view", null },
        { "create table bad (id int primary key, \"a b\" text, a_b text)", "in the lake it has the name a_b", null },
        { "create table bad (id int primary key, val text, \"Val\" text)", "only case tells it from", null },
        { "select 1", "does not exist", null },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task A_table_that_cannot_be_captured_is_refused_alone_and_nothing_is_done_to_it(string create, string cause, string? statement)
    {
        await using var database = await CreateAsync($"{Good} {create}");
        var options = database.CaptureOptions("bad", "good");
        options = options with { Capture = options.Capture with { Snapshot = true } };
        await using var source = TestDatabase.Open(options);

        var refusal = await Assert.ThrowsAsync<PipelineException>(async () => await source.ListSplitsAsync("bad", Cancel));
        var splits = await source.ListSplitsAsync("good", Cancel);
        var findings = await source.CheckAsync(Cancel);
        var published = await database.ScalarAsync<string>("select string_agg(tablename, ',') from pg_publication_tables", Cancel);

        Assert.Contains(cause, refusal.Message, StringComparison.Ordinal);
        Assert.Contains("table bad", refusal.Thing, StringComparison.Ordinal);
        Assert.Equal("good", published);
        Assert.All(splits, split => Assert.Equal(["good"], split.Tables));
        Assert.Equal(["r 1|a"], await SnapshotAsync(source, splits[^1].Id));
        // The check says the same.
        Assert.Contains(findings, finding => !finding.Ok && finding.Thing.StartsWith("app.bad", StringComparison.Ordinal) && finding.Detail.Contains(cause, StringComparison.Ordinal));
        Assert.DoesNotContain(findings, finding => !finding.Ok && finding.Thing.StartsWith("app.good", StringComparison.Ordinal));

        if (statement is null) return;
        Assert.Contains(statement, refusal.NextStep, StringComparison.Ordinal);
        await database.ExecuteAsync(refusal.NextStep, Cancel);
        Assert.Equal(["bad", "good"], (await source.ListSplitsAsync("bad", Cancel))[0].Tables);
    }

    [Fact]
    public async Task A_table_under_two_names_is_captured_as_the_first_of_them()
    {
        await using var database = await CreateAsync(Good);
        var options = database.CaptureOptions("good");
        options = options with { Tables = [.. options.Tables, options.Tables[0] with { Name = "other" }] };
        await using var source = TestDatabase.Open(options);

        var refusal = await Assert.ThrowsAsync<PipelineException>(async () => await source.ListSplitsAsync("other", Cancel));
        var slot = (await source.ListSplitsAsync("good", Cancel))[0];

        Assert.Contains("it is captured as good already", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(["good"], slot.Tables);
        Assert.Equal([("app.other: table", false)], (await source.CheckAsync(Cancel)).Where(finding => finding.Detail.Contains("captured as", StringComparison.Ordinal)).Select(finding => (finding.Thing, finding.Ok)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Tables_that_come_into_a_publication_when_its_slot_is_there_say_from_where_on_the_slot_has_their_changes(bool isSnapshot)
    {
        await using var database = await CreateAsync(Good);
        var options = database.CaptureOptions("good");
        options = options with { Capture = options.Capture with { Snapshot = isSnapshot } };
        await using (var first = TestDatabase.Open(options)) Assert.Null((await first.ListSplitsAsync("good", Cancel))[0].Beginnings);
        await database.ExecuteAsync($"drop publication {options.Capture.Publication}", Cancel);
        await database.ExecuteAsync("insert into good values (2, 'b')", Cancel);
        var end = await database.ScalarAsync<long>("select (pg_current_wal_insert_lsn() - '0/0')::bigint", Cancel);

        await using var source = TestDatabase.Open(options);
        var slot = (await source.ListSplitsAsync("good", Cancel))[0];

        Assert.True(slot.Beginning < end);
        Assert.Equal(isSnapshot, slot.For("good").Beginning >= end);
        Assert.Equal(isSnapshot, slot.Beginnings is not null);
    }

    [Fact]
    public async Task A_column_that_cannot_be_kept_is_left_out_or_renamed_by_configuration()
    {
        await using var database = await CreateAsync("create table bad (id int primary key, _op text, val text, \"Val\" text); insert into bad values (1, 'x', 'a', 'b')");
        var options = database.CaptureOptions("bad");
        options = options with
        {
            Capture = options.Capture with { Snapshot = true },
            Tables = [options.Tables[0] with { Omit = ["Val"], Rename = new Dictionary<string, string>(StringComparer.Ordinal) { ["_op"] = "operation" } }],
        };
        await using var reading = await CaptureReading.StartAsync(options, from: null, Cancel);
        await database.ExecuteAsync("insert into bad values (2, 'y', 'c', 'd'); update bad set val = 'e' where id = 1", Cancel);
        await reading.TakeAsync(2);
        var schema = await reading.Source.DescribeAsync("bad", Cancel);
        var snapshot = (await reading.Source.ListSplitsAsync("bad", Cancel))[^1];

        Assert.Equal(["id", "operation", "val"], schema.FieldsList.Select(field => field.Name).Where(name => name[0] != '_'));
        Assert.Equal(["c 2|y|c", "u 1|x|e"], reading.Changes.Select(change => change.ToString()));
        Assert.Equal(["r 1|x|e", "r 2|y|c"], await SnapshotAsync(reading.Source, snapshot.Id));
    }

    [Fact]
    public async Task A_column_whose_name_readers_refuse_has_another_in_the_snapshot_in_the_stream_and_among_the_changed()
    {
        await using var database = await CreateAsync("""
            create table odd (id int primary key, "order date" text, _op text, file_row_number text, big text);
            alter table odd alter column big set storage external;
            insert into odd values (1, 'monday', 'x', 'y', repeat('z', 10000))
            """);
        var options = database.CaptureOptions("odd");
        options = options with { Capture = options.Capture with { Snapshot = true } };
        await using var reading = await CaptureReading.StartAsync(options, from: null, Cancel);
        await database.ExecuteAsync("update odd set \"order date\" = 'tuesday' where id = 1", Cancel);
        await reading.TakeAsync(1);
        var schema = await reading.Source.DescribeAsync("odd", Cancel);

        Assert.Equal(["id", "order_date", "_op_", "file_row_number_", "big", "_changed", "_sequence", "_op", "_position"], schema.FieldsList.Select(field => field.Name));
        Assert.Equal("u 1|tuesday|y|-", Assert.Single(reading.Changes).ToString());
        Assert.Equal("id,order_date,_op_,file_row_number_", Assert.Single(reading.Changes).Changed);
        Assert.DoesNotContain(await reading.Source.CheckAsync(Cancel), finding => !finding.Ok && finding.Thing.StartsWith("app.odd", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_list_of_columns_and_a_filter_of_rows_hold_for_the_snapshot_as_for_the_stream()
    {
        await using var database = await CreateAsync("create table items (id int primary key, secret text, val text); insert into items values (1, 's', 'a'), (2, 's', 'b')");
        var options = database.CaptureOptions("items");
        options = options with { Capture = options.Capture with { Snapshot = true } };
        await database.ExecuteAsync($"create publication {options.Capture.Publication} for table items (id, val) where (id <> 1)", Cancel);
        IReadOnlyList<string> snapshot;
        await using (var source = TestDatabase.Open(options)) snapshot = await SnapshotAsync(source, (await source.ListSplitsAsync("items", Cancel))[^1].Id);
        await using var reading = await CaptureReading.StartAsync(options, from: null, Cancel);
        await database.ExecuteAsync("insert into items values (3, 's', 'c')", Cancel);
        await reading.TakeAsync(1);

        Assert.Equal(["r 2|b"], snapshot);
        Assert.Equal(["c 3|c"], reading.Changes.Select(change => change.ToString()));
        Assert.Contains(await reading.Source.CheckAsync(Cancel), finding => finding.Detail.Contains("rows where (id <> 1), without 1 column", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Operations_that_are_not_published_are_told_and_need_no_identity()
    {
        await using var database = await CreateAsync("create table items (id int, val text)");
        var options = database.CaptureOptions("items");
        await database.ExecuteAsync($"create publication {options.Capture.Publication} for table items with (publish = 'insert')", Cancel);
        using var logs = new LogLines();
        await using var reading = await CaptureReading.StartAsync(options, from: null, Cancel, logs);
        await database.ExecuteAsync("insert into items values (1, 'a'); update items set val = 'b'; insert into items values (2, 'c')", Cancel);
        await reading.TakeAsync(2);

        Assert.Equal(["c 1|a", "c 2|c"], reading.Changes.Select(change => change.ToString()));
        Assert.Contains(logs.At(LogLevel.Warning), line => line.Contains("leaves out updates, deletes, truncates", StringComparison.Ordinal));
        Assert.Contains(await reading.Source.CheckAsync(Cancel), finding => finding.Detail.Contains("leaves out updates, deletes, truncates", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("for table parts")]
    [InlineData("for all tables")]
    public async Task Partitions_that_are_published_by_themselves_are_refused_with_the_SQL_that_makes_them_come_as_their_table(string tables)
    {
        await using var database = await CreateAsync("create table parts (id int primary key, val text) partition by range (id); create table parts_1 partition of parts for values from (0) to (100)");
        var options = database.CaptureOptions("parts");
        await database.ExecuteAsync($"create publication {options.Capture.Publication} {tables}", Cancel);

        PipelineException refusal;
        await using (var source = TestDatabase.Open(options))
            refusal = await Assert.ThrowsAsync<PipelineException>(async () => await source.ListSplitsAsync("parts", Cancel));
        await database.ExecuteAsync(refusal.NextStep.Replace("As its owner: ", "", StringComparison.Ordinal), Cancel);
        await using var reading = await CaptureReading.StartAsync(options, from: null, Cancel);
        await database.ExecuteAsync("insert into parts values (1, 'a')", Cancel);
        await reading.TakeAsync(1);

        Assert.Equal(["c 1|a"], reading.Changes.Select(change => change.ToString()));
    }

    [Fact]
    public async Task A_table_that_others_inherit_from_is_itself_in_the_snapshot_as_in_the_stream()
    {
        await using var database = await CreateAsync("create table parent (id int primary key, val text); create table child (extra int) inherits (parent); alter table child add primary key (id); insert into parent values (1, 'a'); insert into child values (2, 'b', 3)");
        var options = database.CaptureOptions("parent");
        options = options with { Capture = options.Capture with { Snapshot = true } };
        await using var reading = await CaptureReading.StartAsync(options, from: null, Cancel);
        await database.ExecuteAsync("insert into child values (3, 'c', 3); insert into parent values (4, 'd')", Cancel);
        await reading.TakeAsync(1);
        var splits = await reading.Source.ListSplitsAsync("parent", Cancel);

        Assert.Equal(["c 4|d"], reading.Changes.Select(change => change.ToString()));
        Assert.Equal(2, splits.Count);
        Assert.Equal(["r 1|a", "r 4|d"], await SnapshotAsync(reading.Source, splits[^1].Id));
    }

    [Fact]
    public async Task A_function_of_somebody_elses_schema_is_never_called()
    {
        await using var database = await CreateAsync("""
            create table items (id int primary key, at point, address inet);
            create table calls (what text);
            create function public.format(text, point) returns text language plpgsql as $$ begin insert into public.calls values ('format'); return 'stolen'; end $$;
            create function public.format(text, inet) returns text language plpgsql as $$ begin insert into public.calls values ('format'); return 'stolen'; end $$;
            insert into items values (1, '(1,2)', '10.0.0.1');
            """);
        var options = database.CaptureOptions("items");
        await using var source = TestDatabase.Open(options with { Capture = options.Capture with { Snapshot = true } });
        var rows = await SnapshotAsync(source, (await source.ListSplitsAsync("items", Cancel))[^1].Id);

        Assert.Equal(["r 1|(1,2)|10.0.0.1"], rows);
        Assert.Equal(0, await database.ScalarAsync<long>("select count(*) from calls", Cancel));
    }

    private async Task<IReadOnlyList<string>> SnapshotAsync(PostgresSource source, SplitId split)
    {
        var rows = new List<string>();
        await foreach (var chunk in source.ReadAsync([new SplitPosition(split, null)], Cancel))
        {
            using (chunk)
            {
                for (var row = 0; row < (chunk.Rows?.Length ?? 0); row++)
                {
                    var columns = chunk.Rows!.Schema.FieldsList.Select(field => field.Name).Where(name => name[0] != '_');
                    rows.Add(string.Create(CultureInfo.InvariantCulture, $"{ArrowText.Of(chunk.Rows.Column(BronzeColumns.Op), row)} {string.Join('|', columns.Select(column => ArrowText.Of(chunk.Rows.Column(column), row) ?? "-"))}"));
                }

                if (chunk.Range.To == long.MaxValue) break;
            }
        }

        return [.. rows.Order(StringComparer.Ordinal)];
    }

    private async ValueTask<TestDatabase> CreateAsync(string sql)
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync(sql, Cancel);
        return database;
    }
}
