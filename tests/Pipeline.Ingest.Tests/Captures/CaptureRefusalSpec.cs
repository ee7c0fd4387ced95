namespace Pipeline.Ingest.Tests.Captures;

/// <summary>A table that cannot be captured (any more) is halted alone and under its own name, and begins anew when what it says has been done.</summary>
public sealed class CaptureRefusalSpec
{
    private const string Innocent = "innocent";

    /// <summary>What makes a table bad, what is said of it, and what mends it: SQL, or settings and a start.</summary>
    private static readonly (string Table, string Harm, string Cause, string Mend, string? Settings, string Select)[] Cases =
    [
        ("retyped", "alter table retyped alter n type text using 'n' || n; update retyped set n = 'later' where id = 1", "column n is integer, not string", "alter table retyped alter n type integer using length(n)", null, "*"),
        ("renamed", "alter table renamed alter n type text using 'n' || n; update renamed set n = 'later' where id = 1", "column n is integer, not string", "", "rename { n = n_text }", "id, val, n as n_text"),
        ("omitted", "alter table omitted alter n type text using 'n' || n; update omitted set n = 'later' where id = 1", "column n is integer, not string", "", "omit = [n]", "id, val"),
        ("rekeyed", "alter table rekeyed alter id type text using 'k' || id; update rekeyed set n = 5 where id = 'k1'", "column id is long, not string", "alter table rekeyed alter id type bigint using substr(id, 2)::bigint", null, "*"),
        ("unkeyed", "alter table unkeyed drop constraint unkeyed_pkey", "there is no primary key", "alter table unkeyed add primary key (id)", null, "*"),
        ("nothing", "alter table nothing replica identity nothing", "the server refuses its updates and deletes", "alter table nothing replica identity full", null, "*"),
        ("cased", "alter table cased add \"Val\" text default 'x'", "only case tells it from val", "alter table cased drop \"Val\"", null, "*"),
        ("alike", "alter table alike add \"a b\" text, add \"a_b\" text", "in the lake it has the name a_b", "alter table alike rename \"a b\" to \"c\"", null, "*"),
        ("dropped", "drop table dropped", "does not exist", "create table dropped (id bigint primary key, n integer, val text)", null, "*"),
    ];

    private static readonly string[] Tables = [.. Cases.Select(one => one.Table), Innocent];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_table_that_cannot_be_captured_is_halted_alone_and_is_what_the_server_has_when_it_is_mended(bool isRunning)
    {
        await using var scene = await CaptureScene.StartAsync(string.Concat(Tables.Select(table => $"create table {table} (id bigint primary key, n integer, val text); insert into {table} values (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c');")), Tables);
        await scene.StartNodeAsync();
        await scene.UntilCapturedAsync();
        if (!isRunning) await scene.KillNodeAsync();

        await scene.ExecuteAsync(string.Concat(Tables.Select(table => $"update {table} set val = 'before' where id = 2;")));
        foreach (var one in Cases) await scene.ExecuteAsync(one.Harm);
        await scene.ExecuteAsync($"update {Innocent} set val = 'meanwhile' where id = 1; insert into {Innocent} values (4, 4, 'd')");
        if (!isRunning) await scene.StartNodeAsync();
        var status = await scene.Node.UntilAsync(now => Cases.All(one => now.Tables.Any(table => table.Table.Name == one.Table && table is { State: IngestState.Halted, LastFault: not null })));
        foreach (var one in Cases)
        {
            var fault = status.Tables.First(table => table.Table.Name == one.Table && table is { State: IngestState.Halted, LastFault: not null }).LastFault!;
            Assert.Contains(one.Cause, fault.Cause, StringComparison.Ordinal);
            Assert.Contains(one.Table, fault.Thing, StringComparison.Ordinal);
        }

        await scene.UntilCapturedAsync([Innocent]);
        Assert.Null(await scene.DifferenceAsync(Innocent));
        Assert.DoesNotContain((await scene.Node.StatusAsync()).Tables, table => table.Table.Name == Innocent && (table.State == IngestState.Halted || table.LastFault is { IsTransient: false }));

        foreach (var one in Cases)
        {
            if (one.Mend.Length > 0) await scene.ExecuteAsync(one.Mend);
            if (one.Settings is not null) scene.Settings[one.Table] = one.Settings;
        }

        await scene.KillNodeAsync();
        await scene.StartNodeAsync();
        await scene.ExecuteAsync(string.Concat(Tables.Select(table => $"insert into {table} (id, val) values (5, 'e');")));
        await scene.UntilCapturedAsync();
        foreach (var (table, _, _, _, _, select) in Cases) Assert.Null(await scene.DifferenceAsync(table, select));
        Assert.Null(await scene.DifferenceAsync(Innocent));
        Assert.Equal(0, await scene.EpochOfAsync(Innocent));
    }

    [Theory]
    [InlineData("evolve")]
    [InlineData("freeze")]
    [InlineData("fail")]
    public async Task A_column_whose_type_came_back_before_it_was_read_begins_its_table_anew_and_no_other_however_new_columns_are_taken(string schemaChanges)
    {
        const string Flips = "flips";
        const int Times = 3;
        string[] tables = [Flips, Innocent];
        await using var scene = await CaptureScene.StartAsync(string.Concat(tables.Select(table => $"create table {table} (id bigint primary key, n integer, val text); insert into {table} values (1, 1, 'a'), (2, 2, 'b');")), tables);
        scene.SchemaChanges = schemaChanges;
        await scene.StartNodeAsync();
        await scene.UntilCapturedAsync();

        // What the server runs as one transaction nobody can see the middle of.
        for (var time = 0; time < Times; time++)
            await scene.ExecuteAsync($"alter table {Flips} alter n type text using 'n' || n; update {Flips} set n = 'n7' where id = 1; alter table {Flips} alter n type integer using substr(n, 2)::integer");
        await scene.ExecuteAsync($"insert into {Flips} values (3, 3, 'c'); insert into {Innocent} values (3, 3, 'c')");

        await scene.UntilCapturedAsync();
        await scene.AssertEqualAsync();
        Assert.InRange(await scene.EpochOfAsync(Flips), 1, Times + 1);
        Assert.Equal(0, await scene.EpochOfAsync(Innocent));
        Assert.DoesNotContain((await scene.Node.StatusAsync()).Tables, table => table.State == IngestState.Halted);
    }

    [Fact]
    public async Task What_was_written_before_a_table_began_anew_halts_it_not_whatever_columns_it_had()
    {
        const string Flips = "flips";
        await using var scene = await CaptureScene.StartAsync($"create table {Flips} (id bigint primary key, n integer, val text); insert into {Flips} values (1, 1, 'a'), (2, 2, 'b')", [Flips]);
        scene.SchemaChanges = "fail";
        await scene.StartNodeAsync();
        await scene.UntilCapturedAsync();
        await scene.KillNodeAsync();

        await scene.ExecuteAsync($"alter table {Flips} alter n type text using 'n' || n; update {Flips} set n = 'n7' where id = 1; alter table {Flips} alter n type integer using substr(n, 2)::integer, add more text");
        await scene.StartNodeAsync();
        await scene.ExecuteAsync($"insert into {Flips} values (3, 3, 'c', 'd')");

        await scene.UntilCapturedAsync();
        await scene.AssertEqualAsync();
    }
}
