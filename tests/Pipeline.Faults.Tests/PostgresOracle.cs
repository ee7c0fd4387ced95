namespace Pipeline.Faults.Tests;

/// <summary>
/// Compares the lake with the server and with the writers' books: Silver with the table row by row, Bronze's history with
/// what was committed. It shares nothing with the product but the lake's format.
/// </summary>
internal static class PostgresOracle
{
    /// <summary>To be called when nobody writes and everything has arrived.</summary>
    /// <param name="truncates">How often each table was truncated.</param>
    public static async Task AssertAsync(PostgresScene scene, CancellationToken cancellationToken, IReadOnlyDictionary<PostgresTable, int>? truncates = null)
    {
        Assert.True(scene.Book.Transactions > 0);
        Assert.NotEmpty(scene.Book.RolledBack);
        foreach (var table in PostgresTable.All)
        {
            await AssertSilverAsync(scene, table, cancellationToken);
            await AssertHistoryAsync(scene, table, truncates?.GetValueOrDefault(table) ?? 0, cancellationToken);
        }

        await AssertWholeTransactionsAsync(scene, cancellationToken);
    }

    public static async Task AssertSilverAsync(PostgresScene scene, PostgresTable table, CancellationToken cancellationToken)
    {
        var silver = scene.Silver(table);
        silver.CheckFiles();
        var expected = await scene.RowsAsync(
            $"select concat_ws('|', id, version, tx, coalesce(amount::text, '-'), coalesce(md5(body), '-'), md5(extra::text), (extract(epoch from changed) * 1000000)::bigint) from {table.Name}", cancellationToken);
        var found = await FileQuery.ColumnAsync(silver,
            "concat_ws('|', id, version, tx, coalesce(CAST(amount AS VARCHAR), '-'), coalesce(md5(body), '-'), md5(extra), epoch_us(changed))", cancellationToken);
        Assert.Equal(expected.Order(StringComparer.Ordinal), found.Order(StringComparer.Ordinal));
    }

    /// <summary>Each committed change once and in the order of commits; nothing of what was rolled back, in no snapshot either.</summary>
    private static async Task AssertHistoryAsync(PostgresScene scene, PostgresTable table, int truncates, CancellationToken cancellationToken)
    {
        var bronze = scene.Bronze(table);
        bronze.CheckFiles();
        var histories = await FileQuery.RowsAsync($"""
            SELECT id || ': ' || string_agg(_op || CASE WHEN _op = 'd' THEN '' ELSE CAST(version AS VARCHAR) END, ',' ORDER BY _position, _sequence)
            FROM {FileQuery.Relation(bronze.Files)} WHERE _op IN ('c', 'u', 'd') GROUP BY id
            """, cancellationToken);
        Assert.Equal(scene.Book.Histories(table.Name), histories.Select(row => (string)row[0]!).Order(StringComparer.Ordinal));

        var committed = scene.Book.States(table.Name).ToHashSet(StringComparer.Ordinal);
        var snapshot = await FileQuery.ColumnAsync(bronze, "CASE WHEN _op = 'r' AND version > 0 THEN concat_ws(':', id, version, tx) ELSE '' END", cancellationToken);
        Assert.DoesNotContain(snapshot, state => state.Length > 0 && !committed.Contains(state));
        Assert.Equal(truncates, (await FileQuery.ColumnAsync(bronze, "_op", cancellationToken)).Count(op => op == "t"));
    }

    /// <summary>A transaction has one place in the log, the same in all tables, and no version of a table shows a part of it.</summary>
    private static async Task AssertWholeTransactionsAsync(PostgresScene scene, CancellationToken cancellationToken)
    {
        var torn = await FileQuery.RowsAsync($"""
            SELECT tx, count(DISTINCT _position) FROM ({string.Join(" UNION ALL ", PostgresTable.All.Select(table => $"SELECT tx, _position FROM {FileQuery.Relation(scene.Bronze(table).Files)} WHERE _op IN ('c', 'u')"))})
            GROUP BY tx HAVING count(DISTINCT _position) > 1
            """, cancellationToken);
        Assert.Empty(torn);
        foreach (var table in PostgresTable.All)
        {
            var added = scene.Bronze(table).Added;
            var parts = await FileQuery.RowsAsync($"SELECT DISTINCT _position, filename FROM {FileQuery.Relation(added.Select(file => file.File))} WHERE _op <> 'r'", cancellationToken);
            var versionOf = added.ToDictionary(file => file.File, file => file.Version, StringComparer.Ordinal);
            Assert.Empty(parts.GroupBy(part => (long)part[0]!).Where(part => part.Select(row => versionOf[(string)row[1]!]).Distinct().Count() > 1).Select(part => part.Key));
        }
    }
}
