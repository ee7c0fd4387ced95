using Pipeline.Core;

namespace Pipeline.Ingest.Tests.Captures;

/// <summary>A slot that stands far behind a table's snapshots: what is true no more of the log between does not come back.</summary>
public sealed class CaptureGapSpec
{
    /// <summary>A server that lacks what the lake has, with a slot of before, and somebody's decision that it is right. Of several tables one would take the others with it.</summary>
    [Theory]
    [InlineData("emptied")]
    [InlineData("detached")]
    [InlineData("outside")]
    public async Task Rows_that_went_without_a_change_of_theirs_between_the_slot_and_the_gap_stay_away_when_it_is_accepted(string table)
    {
        string[] tables = [table];
        await using var scene = await StartAsync(tables);
        await scene.StartNodeAsync();
        await scene.UntilCapturedAsync();
        await scene.KillNodeAsync();
        await LoseRowsAsync(scene, tables);
        var backup = await scene.BackUpServerAsync(isOfDisk: true);
        await scene.StartNodeAsync();
        await scene.UntilCapturedAsync();
        await scene.ExecuteAsync($"insert into {table} values (103, 'lost')");
        await scene.UntilCapturedAsync();

        await scene.PutBackAsync(backup, onNewTimeline: false);
        await scene.UntilCapturedAsync();
        await GoOnAsync(scene, tables);

        Assert.NotEqual(0, scene.GapsTold);
        await scene.AssertEqualAsync();
    }

    /// <summary>A slot that was made long before a node came: what it has is promised to Bronze, and does not tell all that happened.</summary>
    [Fact]
    public async Task Rows_that_went_or_changed_without_a_change_of_theirs_before_a_table_was_ever_read_are_what_the_server_has()
    {
        string[] tables = ["emptied", "filled", "detached", "dropped", "outside", "recast", "renamed", "plain"];
        await using var scene = await StartAsync(tables);
        await using (var source = scene.Open()) await source.ListSplitsAsync(tables[0], scene.Cancel);
        await LoseRowsAsync(scene, tables);

        await scene.StartNodeAsync();
        await scene.UntilCapturedAsync();
        await GoOnAsync(scene, tables);

        Assert.Equal(0, scene.GapsTold);
        await scene.AssertEqualAsync();
        foreach (var table in tables[..^1]) Assert.Equal((table, 1), (table, await scene.EpochOfAsync(table)));
        // Each change since the slot was made.
        foreach (var table in tables) Assert.Equal((table, 1), (table, (await scene.ChangesOfAsync(table, "c", "id")).Count(id => id == "2")));
    }

    /// <summary>A table that begins anew by itself has read nothing: it does not tell that the others were only left out.</summary>
    [Theory]
    [InlineData("drop table remade; create table remade (id bigint primary key, val text)")]
    [InlineData("alter publication pipeline_app drop table remade")]
    public async Task A_slot_that_was_lost_is_a_gap_whatever_table_of_it_begins_anew(string change)
    {
        string[] tables = ["kept", "plain", "remade"];
        await using var scene = await CaptureScene.StartAsync(string.Concat(tables.Select(table => $"create table {table} (id bigint primary key, val text); insert into {table} values (1, 'a');")), tables);
        await scene.StartNodeAsync();
        await scene.UntilCapturedAsync();
        await scene.KillNodeAsync();
        await scene.UntilAsync(async () => !await scene.ScalarAsync<bool>("select active from pg_replication_slots"));
        await scene.ExecuteAsync("insert into kept values (2, 'comes'); delete from kept where id = 2");
        await scene.ExecuteAsync("select pg_drop_replication_slot('pipeline_app')");
        await scene.ExecuteAsync(change);

        await scene.StartNodeAsync();

        await scene.Node.UntilAsync(status => status.Tables.Any(table => table is { State: IngestState.Halted, LastFault.Kind: FaultKind.Gap }));
        foreach (var table in tables[..^1]) Assert.Equal((table, 0), (table, await scene.EpochOfAsync(table)));
    }

    private static Task<CaptureScene> StartAsync(string[] tables) => CaptureScene.StartAsync($"""
        {string.Concat(tables.Where(table => table is "emptied" or "filled" or "detached" or "dropped").Select(table => $"create table {table} (id bigint primary key, val text) partition by range (id); create table {table}_1 partition of {table} for values from (0) to (100); create table {table}_2 partition of {table} for values from (100) to (200);"))}
        {string.Concat(tables.Where(table => table is "outside" or "recast" or "renamed" or "plain").Select(table => $"create table {table} (id bigint primary key, val text);"))}
        {string.Concat(tables.Select(table => $"insert into {table} values (1, 'a'), (101, 'b');"))}
        """, tables);

    /// <summary>No change of the stream says that the rows below 100 are gone.</summary>
    private static async Task LoseRowsAsync(CaptureScene scene, string[] tables)
    {
        foreach (var table in tables) await scene.ExecuteAsync($"insert into {table} values (2, 'goes'), (102, 'stays'); update {table} set val = 'goes' where id = 1");
        foreach (var table in tables)
        {
            await scene.ExecuteAsync(table switch
            {
                "emptied" => $"truncate {table}_1",
                "filled" => $"truncate {table}_1; insert into {table} values (3, 'new'); analyze {table}_1",
                "detached" => $"alter table {table} detach partition {table}_1",
                "dropped" => $"drop table {table}_1",
                "recast" => $"alter table {table} alter val type varchar using upper(val)",
                "renamed" => $"delete from {table} where id = 101; insert into {table} values (101, 'again'); alter table {table} rename val to value",
                "plain" => $"delete from {table} where id = 1",
                "outside" => $"alter publication {CaptureScene.Publication} drop table {table}",
                _ => throw new ArgumentOutOfRangeException(nameof(tables), table, null),
            });
        }

        if (!tables.Contains("outside")) return;
        await scene.ExecuteAsync("delete from outside where id < 100");
        await scene.ExecuteAsync($"alter publication {CaptureScene.Publication} add table outside");
    }

    private static async Task GoOnAsync(CaptureScene scene, string[] tables)
    {
        await scene.AssertEqualAsync();
        foreach (var table in tables) await scene.ExecuteAsync($"insert into {table} values (104, 'later'); update {table} set {(table == "renamed" ? "value" : "val")} = 'later' where id = 102");
        await scene.UntilCapturedAsync();
    }
}
