namespace Pipeline.Transform.Tests.Silver;

/// <summary>A column that a contract requires and its source has no more.</summary>
public sealed class RequiredColumnSpec
{
    private const string Waiting = "SELECT user_id, _position, _rules FROM silver.users__quarantine ORDER BY ALL";
    private const string Made = "SELECT user_id, email, _position FROM silver.users ORDER BY ALL";

    /// <summary>Email becomes mail. User 1 was there; 2, 3 and 4 come after; 5 was deleted meanwhile; 6 was never good.</summary>
    private static readonly string[] Renamed =
    [
        "1, 'a@x', NULL, 'r', 1, NULL",
        "5, 'e@x', NULL, 'r', 1, NULL",
        "6, 'dirt', NULL, 'r', 1, NULL",
        "5, NULL, NULL, 'd', 2, NULL",
        "1, NULL, 'b@x', 'r', 3, 'user_id,mail'",
        "2, NULL, 'c@x', 'r', 3, 'user_id,mail'",
        "3, NULL, 'd@x', 'r', 3, 'user_id,mail'",
        "5, NULL, 'f@x', 'r', 3, 'user_id,mail'",
        "6, NULL, 'g@x', 'r', 3, 'user_id,mail'",
        "3, NULL, 'd@y', 'r', 4, 'user_id,mail'",
    ];

    [Theory]
    [InlineData(10)]
    [InlineData(5)]
    [InlineData(1)]
    public async Task Is_kept_by_rows_that_have_an_older_value_and_missing_in_those_that_have_none(int rowsPerRun)
    {
        using var lake = await RunAsync("email { type = string, required = true }", rowsPerRun, Renamed);

        Assert.Equal(["1|a@x|3"], await lake.RowsAsync(Made));
        Assert.Equal(["2|3|required:email", "3|3|required:email", "3|4|required:email", "5|3|required:email", "6|1|email_valid", "6|3|required:email"], await lake.RowsAsync(Waiting));
        Assert.Equal(["true"], await lake.RowsAsync("""
            SELECT SUM(rows_in) = (SELECT count(*) FROM silver.users) + (SELECT count(*) FROM silver.users__quarantine) + SUM(superseded + replaced + deleted + truncated) FROM silver._quality WHERE table_name = 'silver/users'
            """));
    }

    [Theory]
    [InlineData(12)]
    [InlineData(1)]
    public async Task That_is_there_again_settles_the_rows_that_lacked_it(int rowsPerRun)
    {
        using var lake = await RunAsync("email { type = string, required = true }", rowsPerRun, [.. Renamed, "2, 'h@x', NULL, 'r', 5, 'user_id,email'", "3, 'i@x', NULL, 'r', 5, NULL"]);

        Assert.Equal(["1|a@x|3", "2|h@x|5", "3|i@x|5"], await lake.RowsAsync(Made));
        Assert.Equal(["5|3|required:email", "6|1|email_valid", "6|3|required:email"], await lake.RowsAsync(Waiting));
    }

    [Theory]
    [InlineData("email { type = string }", "1|a@x|3 2||3 3||4 5||3 6||3")]
    [InlineData("email { type = string, required = true, value = \"coalesce(mail, email)\" }", "1|b@x|3 2|c@x|3 3|d@y|4 5|f@x|3 6|g@x|3")]
    public async Task Is_missing_in_no_row_of_a_contract_that_does_not_require_it_or_reads_the_new_one(string column, string made)
    {
        using var lake = await RunAsync(column, 5, Renamed);

        Assert.Equal(made.Split(' '), await lake.RowsAsync(Made));
        Assert.Empty(await lake.RowsAsync(Waiting));
    }

    /// <summary>A row of a snapshot has all that its table has; a change may have left alone what is large.</summary>
    [Fact]
    public async Task Is_missing_in_rows_of_a_snapshot_and_not_in_changes()
    {
        using var lake = await RunAsync("email { type = string, required = true }", 3, ["1, NULL, 'a@x', 'r', 3, 'user_id,mail', -1", "2, NULL, 'b@x', 'u', 3, 'user_id,mail', 0"], isCapture: true);

        Assert.Equal(["2||3"], await lake.RowsAsync(Made));
        Assert.Equal(["1|3|required:email"], await lake.RowsAsync(Waiting));
    }

    private static async Task<TestLake> RunAsync(string column, int rowsPerRun, string[] rows, bool isCapture = false)
    {
        var lake = new TestLake(TestGraph.Of($$"""
            users {
              from = bronze/app/users, key = [user_id]
              columns { user_id { type = long }, {{column}} }
              rules = [ { name = email_valid, check = "regexp_like(email, '@')" } ]
            }
            """));
        var columns = TestLake.BronzeColumns(["user_id long", "email string", "mail string", "_changed string", .. isCapture ? ["_sequence long"] : System.Array.Empty<string>()]);
        foreach (var part in rows.Chunk(rowsPerRun))
        {
            await lake.AppendAsync("bronze/app/users", columns, $"""
                SELECT * REPLACE (CAST(email AS VARCHAR) AS email, CAST(mail AS VARCHAR) AS mail, CAST(_changed AS VARCHAR) AS _changed)
                FROM (VALUES {string.Join(", ", part.Select(row => $"({row})"))}) AS v(user_id, email, mail, _op, _position, _changed{(isCapture ? ", _sequence" : "")})
                """);
            await lake.RunAllAsync();
        }

        return lake;
    }
}
