using Pipeline.Core;

namespace Pipeline.Ingest.Tests.Captures;

/// <summary>Another table behind a name, a part of it that is gone, another time in a publication: a new epoch with its own snapshot.</summary>
public sealed class CaptureIdentitySpec
{
    private static readonly string[] Tables = ["recreated", "swapped", "detached", "dropped", "emptied", "refilled", "outside", "same", "rewritten"];

    private const string Columns = "(id bigint primary key, val text)";

    private const string Partitioned = """
        create table {0} (id bigint primary key, val text) partition by range (id);
        create table {0}_1 partition of {0} for values from (0) to (100); create table {0}_2 partition of {0} for values from (100) to (200);
        """;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_table_of_which_something_else_lies_behind_the_name_becomes_what_the_server_has(bool isRunning)
    {
        await using var scene = await CaptureScene.StartAsync($"""
            create table recreated {Columns}; create table swapped {Columns}; create table outside {Columns}; create table same {Columns};
            {string.Join(' ', new[] { "detached", "dropped", "emptied", "refilled", "rewritten" }.Select(table => string.Format(null, Partitioned, table)))}
            {string.Concat(Tables.Select(table => $"insert into {table} values (1, 'a'), (2, 'b'), (101, 'c'), (102, 'd');"))}
            """, Tables);
        await scene.StartNodeAsync();
        await scene.UntilCapturedAsync();
        await scene.ExecuteAsync(string.Concat(Tables.Select(table => $"update {table} set val = 'e' where id = 101; delete from {table} where id = 2;")));
        await scene.UntilCapturedAsync();
        await scene.AssertEqualAsync();
        if (!isRunning) await scene.KillNodeAsync();

        string[] parted = ["detached", "dropped", "emptied", "refilled"];
        await scene.ExecuteAsync(string.Concat(parted.Select(table => $"update {table} set val = 'last' where id = 1;")));
        await scene.ExecuteAsync($"""
            drop table recreated; create table recreated {Columns}; insert into recreated values (1, 'new'), (3, 'new');
            create table swapped_new (like swapped including all); insert into swapped_new values (1, 'new'), (4, 'new');
            alter table swapped rename to swapped_old; alter table swapped_new rename to swapped; insert into swapped_old values (9, 'of the old one');
            alter table detached detach partition detached_1; drop table dropped_1; truncate emptied_1; truncate refilled_1; insert into refilled values (5, 'new');
            create table rewritten_3 partition of rewritten for values from (200) to (300);
            alter publication {CaptureScene.Publication} drop table outside
            """);
        await scene.ExecuteAsync("vacuum full rewritten_1");
        await scene.ExecuteAsync("update outside set val = 'unseen' where id = 1; delete from outside where id = 101; insert into outside values (5, 'unseen')");
        if (!isRunning) await scene.StartNodeAsync();
        await scene.UntilCapturedAsync();
        await scene.AssertEqualAsync();
        await scene.ExecuteAsync(string.Concat(Tables.Select(table => $"insert into {table} values (103, 'later'); update {table} set val = 'later' where id = 102;")));
        await scene.UntilCapturedAsync();

        await scene.AssertEqualAsync();
        foreach (var table in Tables) Assert.Equal((table, table is "same" or "rewritten" ? 0 : 1), (table, await scene.EpochOfAsync(table)));
        // What came before is of the epoch that ends, and nothing of it is left out.
        foreach (var table in parted) Assert.Contains("last", await scene.ChangesOfAsync(table, "u", "val"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_publication_that_was_dropped_is_made_again_and_the_tables_begin_anew(bool isRunning)
    {
        await using var scene = await CaptureScene.StartAsync($"create table users {Columns}; create table orders {Columns}; insert into users values (1, 'a'), (2, 'b')", ["users", "orders"]);
        await scene.StartNodeAsync();
        await scene.UntilCapturedAsync();
        if (!isRunning) await scene.KillNodeAsync();

        await scene.ExecuteAsync($"drop publication {CaptureScene.Publication}");
        await scene.ExecuteAsync("delete from users where id = 1; insert into users values (3, 'unpublished'); insert into orders values (1, 'unpublished')");
        if (!isRunning) await scene.StartNodeAsync();
        await scene.UntilCapturedAsync();
        await scene.ExecuteAsync("update users set val = 'later'; insert into orders values (2, 'later')");
        await scene.UntilCapturedAsync();

        await scene.AssertEqualAsync();
    }

    /// <param name="isMadeBySomebodyElse">Who makes it again: whoever finds slot and publication sees that the publication is younger.</param>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_publication_that_was_dropped_before_a_table_was_ever_read_keeps_nobody_from_reading_it(bool isMadeBySomebodyElse)
    {
        await using var scene = await CaptureScene.StartAsync($"create table users {Columns}; create table orders {Columns}; insert into users values (1, 'a')", ["users", "orders"]);
        // As a node does that is killed before the lake has a table.
        await using (var source = scene.Open()) await source.ListSplitsAsync("users", scene.Cancel);
        await scene.ExecuteAsync("insert into users values (2, 'published')");
        await scene.ExecuteAsync($"drop publication {CaptureScene.Publication}");
        await scene.ExecuteAsync("delete from users where id = 1; insert into users values (3, 'unpublished'); insert into orders values (1, 'unpublished')");
        if (isMadeBySomebodyElse) await scene.ExecuteAsync($"create publication {CaptureScene.Publication} for table users, orders");

        await scene.StartNodeAsync();
        await scene.UntilCapturedAsync();
        await scene.ExecuteAsync("update users set val = 'later' where id = 2; insert into orders values (2, 'later')");
        await scene.UntilCapturedAsync();

        await scene.AssertEqualAsync();
        // Each once, whether the server says that it cannot decode what lies between or (from version 18 on) passes over it.
        var expected = isMadeBySomebodyElse ? 1 : 0;
        Assert.Equal((expected, expected), (await scene.EpochOfAsync("users"), await scene.EpochOfAsync("orders")));
    }

    [Fact]
    public async Task A_slot_that_was_made_before_its_publication_is_read_and_so_is_a_table_that_comes_into_this_later()
    {
        await using var scene = await CaptureScene.StartAsync($"create table users {Columns}; create table orders {Columns}", ["users", "orders"]);
        await scene.ExecuteAsync("select pg_create_logical_replication_slot('pipeline_app', 'pgoutput')");
        await scene.ExecuteAsync("insert into users values (1, 'unpublished'), (2, 'unpublished'); insert into orders values (1, 'unpublished')");
        await scene.ExecuteAsync($"create publication {CaptureScene.Publication} for table users");

        await scene.StartNodeAsync();
        await scene.UntilCapturedAsync(["users"]);
        await scene.ExecuteAsync("delete from users where id = 1; update orders set val = 'outside'");
        await scene.ExecuteAsync($"alter publication {CaptureScene.Publication} add table orders");
        await scene.UntilCapturedAsync();
        await scene.ExecuteAsync("update users set val = 'later'; insert into orders values (2, 'later')");
        await scene.UntilCapturedAsync();

        await scene.AssertEqualAsync();
        Assert.Equal(1, await scene.EpochOfAsync("users"));
    }

    [Fact]
    public async Task A_table_that_was_out_of_the_publication_before_it_was_ever_read_is_what_the_server_has()
    {
        await using var scene = await CaptureScene.StartAsync($"create table users {Columns}; create table orders {Columns}", ["users", "orders"]);
        await using (var source = scene.Open()) await source.ListSplitsAsync("users", scene.Cancel);
        await scene.ExecuteAsync("insert into orders values (1, 'published'), (2, 'published'), (3, 'published'); insert into users values (1, 'published')");
        await scene.ExecuteAsync($"alter publication {CaptureScene.Publication} drop table orders");
        await scene.ExecuteAsync("update orders set val = 'unpublished' where id = 1; delete from orders where id = 2; update users set val = 'later'");

        await scene.StartNodeAsync();
        await scene.UntilCapturedAsync();
        await scene.ExecuteAsync("update orders set val = 'later' where id = 3");
        await scene.UntilCapturedAsync();

        await scene.AssertEqualAsync();
    }

    /// <summary>As after a dump and its restore, or pg_upgrade: identifiers are others, the slot is gone, and positions may be lower than the lake's.</summary>
    /// <param name="hasPublication">Dumps have publications, and what they say of whose they are.</param>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_server_that_was_made_anew_of_a_dump_is_read_from_a_snapshot_and_older_rows_with_greater_numbers_do_not_win(bool hasPublication)
    {
        await using var scene = await CaptureScene.StartAsync($"create table users {Columns}; insert into users values (1, 'a'), (2, 'b'), (3, 'c')", ["users"]);
        // The next server's log is shorter than this.
        for (var segment = 0; segment < 4; segment++) await scene.ExecuteAsync("select pg_switch_wal()");
        await scene.StartNodeAsync();
        await scene.UntilCapturedAsync();
        await scene.ExecuteAsync("update users set val = 'old' where id = 2; insert into users values (4, 'd')");
        await scene.UntilCapturedAsync();
        var comment = await scene.ScalarAsync<string>("select obj_description(oid, 'pg_publication') from pg_publication");
        await scene.KillNodeAsync();
        // What nobody had read when it was dumped is in the dump alone.
        await scene.ReplaceServerAsync($"create table users {Columns}; insert into users values (2, 'new'), (3, 'c'), (5, 'unseen')");
        if (hasPublication) await scene.ExecuteAsync($"create publication {CaptureScene.Publication} for table users with (publish_via_partition_root = true); comment on publication {CaptureScene.Publication} is '{comment.Replace("'", "''", StringComparison.Ordinal)}'");

        await scene.StartNodeAsync();
        await scene.UntilCapturedAsync();
        await scene.AssertEqualAsync();
        await scene.ExecuteAsync("update users set val = 'later' where id = 3; delete from users where id = 5");
        await scene.UntilCapturedAsync();

        await scene.AssertEqualAsync();
        Assert.Equal(1, await scene.EpochOfAsync("users"));
    }

    /// <summary>Numbers of tables and databases, publications and their comments are the same; only the server is another.</summary>
    [Fact]
    public async Task A_server_that_pg_upgrade_has_made_is_read_from_a_snapshot_and_what_changed_while_nobody_read_is_in_the_lake()
    {
        await using var scene = await CaptureScene.StartAsync($"create table users {Columns}; insert into users values (1, 'a'), (2, 'b'), (3, 'c')", ["users"]);
        await scene.StartNodeAsync();
        await scene.UntilCapturedAsync();
        await scene.ExecuteAsync("update users set val = 'old' where id = 2");
        await scene.UntilCapturedAsync();
        await scene.KillNodeAsync();
        await scene.ExecuteAsync("update users set val = 'unseen' where id = 2; delete from users where id = 3; insert into users values (4, 'unseen')");
        await scene.UpgradeServerAsync();

        await scene.StartNodeAsync();
        await scene.UntilCapturedAsync();
        await scene.AssertEqualAsync();
        await scene.ExecuteAsync("update users set val = 'later' where id = 1; delete from users where id = 4");
        await scene.UntilCapturedAsync();

        await scene.AssertEqualAsync();
        Assert.Equal(1, await scene.EpochOfAsync("users"));
    }

    [Fact]
    public async Task A_table_that_left_a_publication_of_somebody_else_says_the_SQL_that_brings_it_back_and_is_read_anew_then()
    {
        await using var scene = await CaptureScene.StartAsync($"""
            create table users {Columns}; create table orders {Columns}; insert into users values (1, 'a'), (2, 'b'); insert into orders values (1, 'a');
            create publication {CaptureScene.Publication} for table users, orders
            """, ["users", "orders"]);
        await scene.StartNodeAsync();
        await scene.UntilCapturedAsync();
        await scene.ExecuteAsync($"alter publication {CaptureScene.Publication} drop table orders");
        var refused = await scene.Node.UntilAsync(status => status.Tables.Any(table => table.Table.Name == "orders" && table.LastFault is { Kind: FaultKind.Missing }));
        await scene.ExecuteAsync("insert into orders values (2, 'unseen'); delete from orders where id = 1; insert into users values (3, 'c')");
        await scene.ExecuteAsync(refused.Tables.First(table => table.Table.Name == "orders").LastFault!.NextStep["As its owner: ".Length..]);
        await scene.UntilCapturedAsync();

        await scene.AssertEqualAsync();
        Assert.Equal((0, 1), (await scene.EpochOfAsync("users"), await scene.EpochOfAsync("orders")));
    }
}
