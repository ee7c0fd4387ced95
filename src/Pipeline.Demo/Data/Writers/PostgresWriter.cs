using System.Net;
using Npgsql;
using NpgsqlTypes;
using Pipeline.Demo.Data.Tables;

namespace Pipeline.Demo.Data.Writers;

/// <summary>Writes ticks into the application's PostgreSQL: one transaction each, with the tick's number in it.</summary>
internal sealed class PostgresWriter(NpgsqlDataSource database)
{
    /// <summary>Creates the tables unless they are there.</summary>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        await using var probe = database.CreateCommand("SELECT to_regclass('demo.progress') IS NOT NULL");
        if (await probe.ExecuteScalarAsync(cancellationToken) is true) return;
        // Several statements in one command are one transaction: all tables or none.
        await using var create = database.CreateCommand(Ddl.Postgres);
        await create.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>The last tick that the database has; -1 when none.</summary>
    public async Task<int> LastTickAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("SELECT coalesce(max(tick), -1) FROM demo.progress");
        return (int)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    public async Task<Tick> BeginAsync(int tick, CancellationToken cancellationToken)
    {
        var connection = await database.OpenConnectionAsync(cancellationToken);
        return new Tick(connection, await connection.BeginTransactionAsync(cancellationToken), tick);
    }

    /// <summary>A tick being written; disposed without <see cref="CommitAsync"/> it leaves no trace.</summary>
    internal sealed class Tick(NpgsqlConnection connection, NpgsqlTransaction transaction, int tick) : IAsyncDisposable
    {
        /// <summary>Inserts new rows and updates those whose key is there, all with the transaction's time.</summary>
        public async Task WriteAsync<TRow>(IDatabaseFeed<TRow> feed, IEnumerable<TRow> rows, CancellationToken cancellationToken)
        {
            var stage = $"stage_{feed.Name}";
            var columns = string.Join(", ", feed.Columns.Select(column => column.Name));
            await ExecuteAsync($"CREATE TEMP TABLE {stage} ON COMMIT DROP AS SELECT {columns} FROM public.{feed.Name} LIMIT 0", cancellationToken);
            await using (var import = await connection.BeginBinaryImportAsync($"COPY {stage} ({columns}) FROM STDIN (FORMAT binary)", cancellationToken))
            {
                foreach (var row in rows)
                {
                    await import.StartRowAsync(cancellationToken);
                    foreach (var column in feed.Columns)
                    {
                        if (column.Value(row) is { } value) await import.WriteAsync(ValueOf(column.Kind, value), TypeOf(column.Kind), cancellationToken);
                        else await import.WriteNullAsync(cancellationToken);
                    }
                }

                await import.CompleteAsync(cancellationToken);
            }

            var updates = feed.Columns.Where(column => !feed.Key.Contains(column.Name)).Select(column => $"{column.Name} = excluded.{column.Name}");
            await ExecuteAsync(
                $"INSERT INTO public.{feed.Name} ({columns}) SELECT {columns} FROM {stage} " +
                $"ON CONFLICT ({string.Join(", ", feed.Key)}) DO UPDATE SET {string.Join(", ", updates)}, updated_at = now()", cancellationToken);
        }

        public async Task CommitAsync(CancellationToken cancellationToken)
        {
            await ExecuteAsync($"INSERT INTO demo.progress VALUES ({tick})", cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }

        public async ValueTask DisposeAsync()
        {
            await transaction.DisposeAsync();
            await connection.DisposeAsync();
        }

        private async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
        {
            await using var command = new NpgsqlCommand(sql, connection, transaction);
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    private static object ValueOf(ColumnKind kind, object value) => kind == ColumnKind.Inet ? IPAddress.Parse((string)value) : value;

    private static NpgsqlDbType TypeOf(ColumnKind kind) => kind switch
    {
        ColumnKind.Long => NpgsqlDbType.Bigint,
        ColumnKind.Int => NpgsqlDbType.Integer,
        ColumnKind.Short => NpgsqlDbType.Smallint,
        ColumnKind.Double => NpgsqlDbType.Double,
        ColumnKind.Decimal => NpgsqlDbType.Numeric,
        ColumnKind.Boolean => NpgsqlDbType.Boolean,
        ColumnKind.Text => NpgsqlDbType.Text,
        ColumnKind.Date => NpgsqlDbType.Date,
        ColumnKind.Timestamp => NpgsqlDbType.TimestampTz,
        ColumnKind.Json => NpgsqlDbType.Jsonb,
        ColumnKind.Uuid => NpgsqlDbType.Uuid,
        ColumnKind.Inet => NpgsqlDbType.Inet,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };
}
