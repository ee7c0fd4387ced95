using Npgsql;
using Pipeline.Core;
using Pipeline.Ingest;
using Pipeline.Operations.Inspection;
using Pipeline.Testing;
using static Xunit.TestContext;

namespace Pipeline.Node.Tests.Failures;

/// <summary>
/// A column that is dropped at its source while a node reads: it is null from then on, in Bronze and behind it, what was read
/// keeps its value, and its table is read on. Added again it is read again; as another type it halts the table.
/// </summary>
[Collection(HealthySources.Name)]
public sealed class DroppedColumnSpec(HealthySources healthy) : IDisposable
{
    private readonly ScratchDirectory _directory = new("pipeline-dropped-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_column_of_Snowflake_is_null_from_then_on()
    {
        void Do(params string[] statements) => Array.ForEach(statements, healthy.Snowflake.Database.Execute);
        string Row(int id, string note) => $"INSERT INTO DROPPED VALUES ({id}, TIMESTAMPTZ '2026-01-0{id} 00:00:00+00'{note})";
        Do("CREATE OR REPLACE TABLE DROPPED (ID NUMBER(12,0), UPDATED_AT TIMESTAMP_TZ(6), NOTE VARCHAR)", Row(1, ", 'a'"));
        await using var node = await StartAsync("crm", healthy.SnowflakeOf("dropped { table = DROPPED, watermark = UPDATED_AT, key = [ID] }"));
        await AssertNotesAsync(node, "bronze/crm/dropped", "1a");

        Do("ALTER TABLE DROPPED DROP COLUMN NOTE", Row(2, ""));
        await AssertNotesAsync(node, "bronze/crm/dropped", "1a 2-");
        await AssertNotesAsync(node, "silver/dropped", "1a 2-");
        Do("ALTER TABLE DROPPED ADD COLUMN NOTE VARCHAR", Row(3, ", 'c'"));
        await AssertNotesAsync(node, "silver/dropped", "1a 2- 3c");
        AssertNothingWasSaid(node);

        // What stood in it is not what has become null.
        Do("ALTER TABLE DROPPED RENAME COLUMN NOTE TO REMARK", "UPDATE DROPPED SET UPDATED_AT = TIMESTAMPTZ '2026-01-05 00:00:00+00' WHERE ID = 3", Row(6, ", 'f'"));
        await AssertNotesAsync(node, "silver/dropped", "1a 2- 3c 6-");
        Do("DELETE FROM DROPPED WHERE ID = 6", "ALTER TABLE DROPPED RENAME COLUMN REMARK TO NOTE");

        Do("ALTER TABLE DROPPED DROP COLUMN NOTE", "ALTER TABLE DROPPED ADD COLUMN NOTE DECIMAL(12,0)", Row(7, ", 4"));
        await AssertHaltedAsync(node, "bronze/crm/dropped", "string");
        Do("ALTER TABLE DROPPED DROP COLUMN NOTE");
        node.LookAgain();
        await AssertNotesAsync(node, "silver/dropped", "1a 2- 3c 6- 7-");
    }

    [Theory]
    [InlineData("watermark = updated_at, ", "poll-interval = 100ms", "string")]
    [InlineData("", "mode = cdc, capture { slot = dropped, publication = dropped }", "string")]
    public async Task A_column_of_PostgreSQL_is_null_from_then_on(string watermark, string mode, string type)
    {
        await using var database = NpgsqlDataSource.Create(healthy.PostgresConnectionString);
        await DoAsync(database, "DROP TABLE IF EXISTS dropped; CREATE TABLE dropped (id bigint PRIMARY KEY, note text, updated_at timestamptz NOT NULL DEFAULT now()); INSERT INTO dropped VALUES (1, 'a')");
        await using var node = await StartAsync("app", healthy.PostgresOf($$"""dropped { table = "public.dropped", {{watermark}}key = [id] }""", mode));
        await AssertNotesAsync(node, "bronze/app/dropped", "1a");

        await DoAsync(database, "ALTER TABLE dropped DROP note; INSERT INTO dropped VALUES (2)");
        await AssertNotesAsync(node, "bronze/app/dropped", "1a 2-");
        await AssertNotesAsync(node, "silver/dropped", "1a 2-");
        await DoAsync(database, "ALTER TABLE dropped ADD note text");
        await DoAsync(database, "INSERT INTO dropped (id, note) VALUES (3, 'c')");
        await AssertNotesAsync(node, "silver/dropped", "1a 2- 3c");
        AssertNothingWasSaid(node);

        // What stood in it is not what has become null.
        if (watermark.Length > 0)
        {
            await DoAsync(database, "ALTER TABLE dropped RENAME note TO remark; UPDATE dropped SET updated_at = now() WHERE id = 3; INSERT INTO dropped (id, remark) VALUES (6, 'f')");
            await AssertNotesAsync(node, "silver/dropped", "1a 2- 3c 6-");
            await DoAsync(database, "ALTER TABLE dropped RENAME remark TO note");
        }

        await DoAsync(database, "ALTER TABLE dropped DROP note, ADD note bigint; INSERT INTO dropped (id, note) VALUES (4, 4)");
        await AssertHaltedAsync(node, "bronze/app/dropped", type);
    }

    [Fact]
    public async Task A_column_that_is_dropped_in_the_middle_of_a_snapshot_keeps_what_was_read_and_every_row()
    {
        const int Rows = 30_000;
        await using var database = NpgsqlDataSource.Create(healthy.PostgresConnectionString);
        await DoAsync(database, $"DROP TABLE IF EXISTS dropped; CREATE TABLE dropped (id bigint PRIMARY KEY, note text, filler text); INSERT INTO dropped SELECT n, 'a', repeat('x', 500) FROM generate_series(1, {Rows}) AS n");
        await using var node = await RunningNode.StartAsync(_directory, healthy.PostgresOf("""dropped { table = "public.dropped", key = [id] }""", "mode = cdc, chunk-bytes-max = 64 KiB, readers-max = 1, capture { slot = dropped_midway, publication = dropped_midway }"));
        await node.WaitForRowsAsync("bronze/app/dropped", 1);

        // Its turn comes between two ranges.
        await DoAsync(database, "ALTER TABLE dropped DROP note");
        await node.WaitForRowsAsync("bronze/app/dropped", Rows);
        await DoAsync(database, $"INSERT INTO dropped VALUES ({Rows + 1}, 'x')");
        await node.WaitForRowsAsync("bronze/app/dropped", Rows + 1);

        var counted = await RowsAsync(node, "bronze/app/dropped", "count(*), count(DISTINCT id), count(note), max(id) FILTER (note IS NOT NULL)");
        Current.TestOutputHelper?.WriteLine($"{counted[0][2]} of {counted[0][0]} rows have what was dropped");
        Assert.Equal([Rows + 1L, Rows + 1L], counted[0][..2]);
        // Ranges are handed on in their order.
        Assert.Equal(counted[0][2], counted[0][3]);
        AssertNothingWasSaid(node);
    }

    private Task<RunningNode> StartAsync(string source, string sources) => RunningNode.StartAsync(_directory, sources, behind: $$"""
        silver { dropped { from = bronze/{{source}}/dropped, columns { id { type = long, required = true }, note { type = string } }, key = [id], order-by = [_position] } }
        """);

    private static async Task DoAsync(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Current.CancellationToken);
    }

    /// <summary>Waits for as many rows as are wanted; each is written as its key and its note.</summary>
    private static async Task AssertNotesAsync(RunningNode node, string table, string notes)
    {
        await node.WaitForRowsAsync(table, notes.Split(' ').Length);
        Assert.Equal(notes, Assert.Single(await RowsAsync(node, table, "string_agg(id || coalesce(note, '-'), ' ' ORDER BY id)"))[0]);
    }

    private static async Task<IReadOnlyList<object?[]>> RowsAsync(RunningNode node, string table, string select)
    {
        var opened = (await node.Lake.TryOpenAsync(TableId.Parse(table), Current.CancellationToken))!;
        using var query = new LakeQuery(Current.CancellationToken);
        return await query.RowsAsync(opened, opened.Current, select);
    }

    private static void AssertNothingWasSaid(RunningNode node) => Assert.DoesNotContain(node.Log, line => line.Contains("dropped", StringComparison.Ordinal));

    private static async Task AssertHaltedAsync(RunningNode node, string table, string type)
    {
        var fault = (await node.WaitForStateAsync(table, IngestState.Halted)).LastFault!.ToString();
        Assert.Contains("note", fault, StringComparison.Ordinal);
        Assert.Contains(type, fault, StringComparison.Ordinal);
    }
}
