using Apache.Arrow;

namespace Pipeline.Transform.Tests.Silver;

/// <summary>Bronze rows of change capture: updates that leave out what did not change, several changes in one transaction.</summary>
public sealed class SilverChangesSpec
{
    private const string Contract = """
        users {
          from = bronze/app/users
          columns { user_id { type = long }, email { type = string, required = true }, notes { type = string, required = true, from = remarks } }
          key = [user_id]
        }
        """;

    private static readonly IReadOnlyList<Field> Columns = TestLake.BronzeColumns("user_id long", "email string", "remarks string", "_changed string", "_sequence long");

    /// <summary>User 1 keeps its notes over two updates, user 2 is deleted and made again in one transaction, user 3 is moved to another key.</summary>
    private static readonly string[] History =
    [
        "1, 'a@x', 'long text', NULL, 0, 'c', 10",
        "1, 'b@x', NULL, 'user_id,email', 1, 'u', 10",
        "2, 'd@x', 'old notes', NULL, 2, 'c', 10",
        "1, 'c@x', NULL, 'user_id,email', 0, 'u', 20",
        "2, NULL, NULL, NULL, 1, 'd', 20",
        "2, 'e@x', 'new notes', NULL, 2, 'c', 20",
        "3, 'f@x', 'stays', NULL, 0, 'c', 30",
        "3, NULL, NULL, NULL, 0, 'd', 40",
        "4, 'f@x', 'stays', NULL, 1, 'c', 40",
    ];

    [Theory]
    [InlineData(9)]
    [InlineData(3)]
    [InlineData(1)]
    public async Task Keeps_the_values_that_a_change_does_not_carry(int rowsPerRun)
    {
        using var lake = new TestLake(TestGraph.Of(Contract));
        await RunInPiecesAsync(lake, History, rowsPerRun);

        Assert.Equal(["1|c@x|long text", "2|e@x|new notes", "4|f@x|stays"], await lake.RowsAsync("SELECT user_id, email, notes FROM silver.users ORDER BY 1"));
        Assert.Empty(await lake.RowsAsync("SELECT * FROM silver.users__quarantine"));
        Assert.Equal(["9|2|4"], await lake.RowsAsync("SELECT SUM(rows_in), SUM(deleted), SUM(superseded + replaced) FROM silver._quality"));
    }

    /// <summary>Rows of a snapshot come after changes that left their large values out; user 3 moves to key 4 with a value that nobody knows.</summary>
    private static readonly string[] SnapshotLater =
    [
        "1, 'b@x', NULL, 'user_id,email', 0, 'u', 20",
        "2, 'd@x', NULL, 'user_id,email', 0, 'u', 30",
        "1, 'c@x', NULL, 'user_id,email', 0, 'u', 40",
        "3, NULL, NULL, NULL, 0, 'd', 50",
        "4, 'f@x', NULL, 'user_id,email', 1, 'c', 50",
        "2, 'e@x', 'newer', NULL, 0, 'u', 60",
        "1, 'a@x', 'notes of 1', NULL, -1, 'r', 10",
        "2, 'a@x', 'notes of 2', NULL, -1, 'r', 10",
        "3, 'a@x', 'notes of 3', NULL, -1, 'r', 10",
        "1, 'a@x', 'notes of 1', NULL, -1, 'r', 15",
    ];

    [Theory]
    [InlineData(10)]
    [InlineData(6)]
    [InlineData(4)]
    [InlineData(1)]
    public async Task A_snapshot_that_comes_after_a_change_fills_what_the_change_left_out(int rowsPerRun)
    {
        using var lake = new TestLake(TestGraph.Of(Contract));
        await RunInPiecesAsync(lake, SnapshotLater, rowsPerRun);

        Assert.Equal(["1|c@x|notes of 1|", "2|e@x|newer|", "4|f@x||email"], await lake.RowsAsync("SELECT user_id, email, notes, _changed FROM silver.users ORDER BY 1"));
        Assert.Equal(["10|0|7"], await lake.RowsAsync("SELECT SUM(rows_in), SUM(quarantined), SUM(superseded + replaced) + SUM(deleted) FROM silver._quality"));
    }

    /// <summary>A table emptied in the middle of a transaction, which goes on; rows of its snapshot come late, before and at the position of the truncate.</summary>
    private static readonly string[] Truncated =
    [
        "1, 'a@x', 'n', NULL, 0, 'c', 10",
        "2, 'b@x', 'n', NULL, 1, 'c', 10",
        "3, NULL, 'n', NULL, 2, 'c', 10",
        "2, 'c@x', 'n', NULL, 0, 'u', 20",
        "NULL, NULL, NULL, NULL, 1, 't', 20",
        "1, 'd@x', 'new', NULL, 2, 'c', 20",
        "1, 'old', 'n', NULL, -1, 'r', 5",
        "2, 'old', 'n', NULL, -1, 'r', 20",
    ];

    [Theory]
    [InlineData(8)]
    [InlineData(6)]
    [InlineData(3)]
    public async Task A_truncate_empties_the_table_of_what_came_before_it(int rowsPerRun)
    {
        using var lake = new TestLake(TestGraph.Of(Contract));
        await RunInPiecesAsync(lake, Truncated, rowsPerRun);

        Assert.Equal(["1|d@x|new"], await lake.RowsAsync("SELECT user_id, email, notes FROM silver.users"));
        Assert.Empty(await lake.RowsAsync("SELECT _rules, _position FROM silver.users__quarantine"));
        // The truncate itself, and all that it removed but what an update had replaced before.
        Assert.Equal(["8|0|7"], await lake.RowsAsync("SELECT SUM(rows_in), SUM(quarantined - released), SUM(superseded + replaced) + SUM(deleted + truncated) FROM silver._quality"));
    }

    [Fact]
    public async Task Rows_that_a_truncate_removed_count_as_deleted()
    {
        using var lake = new TestLake(TestGraph.Of(Contract));
        await lake.AppendAsync("bronze/app/users", Columns,
            "SELECT i AS user_id, 'a@x' AS email, 'n' AS remarks, CAST(NULL AS VARCHAR) AS _changed, i AS _sequence, 'c' AS _op, 10 AS _position FROM range(5) AS r(i)");
        await lake.RunAllAsync();
        await lake.AppendAsync("bronze/app/users", Columns, "SELECT NULL AS user_id, NULL AS email, NULL AS remarks, NULL AS _changed, 0 AS _sequence, 't' AS _op, 20 AS _position");
        await lake.RunAllAsync();

        Assert.Empty(await lake.RowsAsync("SELECT * FROM silver.users"));
        Assert.Equal(["6|5|1|5|0"], await lake.RowsAsync("SELECT SUM(rows_in), SUM(accepted), SUM(deleted), SUM(truncated), SUM(superseded + replaced) FROM silver._quality"));
    }

    [Theory]
    [InlineData(4)]
    [InlineData(1)]
    public async Task Columns_whose_names_begin_with_an_underscore_are_kept_and_replaced_as_others_are_and_those_of_the_pipeline_are_always_known(int rowsPerRun)
    {
        using var lake = new TestLake(TestGraph.Of("""
            users {
              from = bronze/app/users
              columns { user_id { type = long, from = _id }, synced { type = string, from = _fivetran_synced }, legacy { type = string }, placed { type = long, from = _position }, op { type = string, value = "upper(_op)" } }
              key = [user_id]
            }
            """));
        string[] rows =
        [
            "1, 'monday', 'old', NULL, 'r', 10", "2, 'monday', 'old', NULL, 'r', 10",
            "1, 'tuesday', NULL, '_id,_fivetran_synced', 'u', 20", "3, 'tuesday', NULL, '_id,_fivetran_synced', 'r', 20",
        ];
        foreach (var part in rows.Chunk(rowsPerRun))
        {
            await lake.AppendAsync("bronze/app/users", TestLake.BronzeColumns("_id long", "_fivetran_synced string", "legacy string", "_changed string"),
                $"SELECT * REPLACE (CAST(legacy AS VARCHAR) AS legacy, CAST(_changed AS VARCHAR) AS _changed) FROM (VALUES {string.Join(", ", part.Select(row => $"({row})"))}) AS v(_id, _fivetran_synced, legacy, _changed, _op, _position)");
            await lake.RunAllAsync();
        }

        Assert.Equal(["1|tuesday|old|20|U", "2|monday|old|10|R", "3|tuesday||20|R"], await lake.RowsAsync("SELECT user_id, synced, legacy, placed, op FROM silver.users ORDER BY 1"));
    }

    private static async Task RunInPiecesAsync(TestLake lake, string[] history, int rowsPerRun)
    {
        foreach (var rows in history.Chunk(rowsPerRun))
        {
            await lake.AppendAsync("bronze/app/users", Columns,
                $"SELECT * FROM (VALUES {string.Join(", ", rows.Select(row => $"({row})"))}) AS v(user_id, email, remarks, _changed, _sequence, _op, _position)");
            await lake.RunAllAsync();
        }
    }
}
