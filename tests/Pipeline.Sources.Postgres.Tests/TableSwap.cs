using Npgsql;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>A table that a test holds, and gives its name to another one when a source waits for it.</summary>
internal sealed class TableSwap(TestDatabase database, string table, NpgsqlConnection connection, NpgsqlTransaction transaction)
{
    public static async Task<TableSwap> HoldAsync(TestDatabase database, string table, CancellationToken cancellationToken)
    {
        var connection = await database.DataSource.OpenConnectionAsync(cancellationToken);
        var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(connection, $"lock table {table} in access exclusive mode", cancellationToken);
        return new TableSwap(database, table, connection, transaction);
    }

    /// <summary>Waits until a source's connection waits for the table; then the other has its name.</summary>
    public async Task EndAsync(string other, CancellationToken cancellationToken)
    {
        while (await database.ScalarAsync<long>("select count(*) from pg_stat_activity where datname = current_database() and application_name like 'pipeline/%' and wait_event_type = 'Lock'", cancellationToken) == 0)
            await Task.Delay(10, cancellationToken);
        await ExecuteAsync(connection, $"alter table {table} rename to {table}_before; alter table {other} rename to {table}", cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        await connection.DisposeAsync();
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
