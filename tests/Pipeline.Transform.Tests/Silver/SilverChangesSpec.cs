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
        foreach (var rows in History.Chunk(rowsPerRun))
        {
            await lake.AppendAsync("bronze/app/users", Columns,
                $"SELECT * FROM (VALUES {string.Join(", ", rows.Select(row => $"({row})"))}) AS v(user_id, email, remarks, _changed, _sequence, _op, _position)");
            await lake.RunAllAsync();
        }

        Assert.Equal(["1|c@x|long text", "2|e@x|new notes", "4|f@x|stays"], await lake.RowsAsync("SELECT user_id, email, notes FROM silver.users ORDER BY 1"));
        Assert.Empty(await lake.RowsAsync("SELECT * FROM silver.users__quarantine"));
        Assert.Equal(["9|2|4"], await lake.RowsAsync("SELECT SUM(rows_in), SUM(deleted), SUM(superseded + replaced) FROM silver._quality"));
    }

    [Fact]
    public async Task Sets_a_truncate_aside_for_people()
    {
        using var lake = new TestLake(TestGraph.Of(Contract));
        await lake.AppendAsync("bronze/app/users", Columns, """
            SELECT * FROM (VALUES (1, 'a@x', 'n', NULL, 0, 'c', 10), (NULL, NULL, NULL, NULL, 0, 't', 20)) AS v(user_id, email, remarks, _changed, _sequence, _op, _position)
            """);
        await lake.RunAllAsync();

        Assert.Equal(["1"], await lake.RowsAsync("SELECT user_id FROM silver.users"));
        Assert.Equal(["truncate|t|20"], await lake.RowsAsync("SELECT _rules, _op, _position FROM silver.users__quarantine"));
    }
}
