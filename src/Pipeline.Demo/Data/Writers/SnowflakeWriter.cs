using System.Globalization;
using DuckDB.NET.Data;
using Pipeline.Demo.Data.Tables;
using Pipeline.Emulation.Snowflake;

namespace Pipeline.Demo.Data.Writers;

/// <summary>Writes ticks into the emulated Snowflake: one transaction each, with the tick's number in it.</summary>
internal sealed class SnowflakeWriter(SnowflakeDatabase database)
{
    // Beside the CRM's schema, not in it.
    private string Progress => $"\"{database.Name}\".\"DEMO\".\"PROGRESS\"";

    /// <summary>Creates the tables, unless a tick has been written into them.</summary>
    public void Prepare()
    {
        using (var connection = database.Connect())
            Execute(connection, $"CREATE SCHEMA IF NOT EXISTS \"{database.Name}\".\"DEMO\"; CREATE TABLE IF NOT EXISTS {Progress} (tick INTEGER)");
        if (LastTick() >= 0) return;
        foreach (var statement in Ddl.Snowflake) database.Execute(statement);
    }

    /// <summary>The last tick that the database has; -1 when none.</summary>
    public int LastTick()
    {
        using var connection = database.Connect();
        using var command = connection.CreateCommand();
        command.CommandText = $"SELECT coalesce(max(tick), -1) FROM {Progress}";
        return Convert.ToInt32(command.ExecuteScalar(), CultureInfo.InvariantCulture);
    }

    public Tick Begin(int tick) => new(database.Begin(), $"INSERT INTO {Progress} VALUES ({tick})");

    /// <summary>A tick being written; disposed without <see cref="Commit"/> it leaves no trace.</summary>
    internal sealed class Tick(SnowflakeTransaction transaction, string recordSql) : IDisposable
    {
        /// <summary>
        /// Inserts rows, in place of those with the same keys, all with the transaction's time. Rows entered twice are
        /// inserted twice.
        /// </summary>
        public void Write<TRow>(IDatabaseFeed<TRow> feed, IEnumerable<TRow> rows)
        {
            var table = feed.Name.ToUpperInvariant();
            var stage = $"stage_{feed.Name}";
            transaction.Execute($"CREATE TEMP TABLE {stage} AS SELECT {string.Join(", ", feed.Columns.Select(column => column.Name))} FROM {table} LIMIT 0");
            using (var appender = transaction.Connection.CreateAppender("temp", "main", stage))
            {
                foreach (var row in rows)
                {
                    var line = appender.CreateRow();
                    foreach (var column in feed.Columns) Append(line, column.Kind, column.Value(row));
                    line.EndRow();
                }
            }

            var updatedAt = transaction.StartedAt.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture);
            var key = feed.Key.Single();
            transaction.Execute($"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {stage})");
            transaction.Execute($"INSERT INTO {table} SELECT *, TIMESTAMPTZ '{updatedAt}+00' FROM {stage}");
        }

        public void Commit()
        {
            transaction.Execute(recordSql);
            transaction.Commit();
        }

        public void Dispose() => transaction.Dispose();
    }

    private static void Append(IDuckDBAppenderRow row, ColumnKind kind, object? value)
    {
        if (value is null)
        {
            row.AppendNullValue();
            return;
        }

        switch (kind)
        {
            // A NUMBER(18,0) is stored as a decimal.
            case ColumnKind.Long: row.AppendValue((decimal)(long)value); break;
            case ColumnKind.Decimal: row.AppendValue((decimal)value); break;
            case ColumnKind.Double: row.AppendValue((double)value); break;
            case ColumnKind.Boolean: row.AppendValue((bool)value); break;
            case ColumnKind.Date: row.AppendValue((DateOnly)value); break;
            case ColumnKind.Timestamp: row.AppendValue((DateTimeOffset)value); break;
            case ColumnKind.Text or ColumnKind.Json: row.AppendValue((string)value); break;
            default: throw new ArgumentOutOfRangeException(nameof(kind), kind, "The CRM has no such column.");
        }
    }

    private static void Execute(DuckDBConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
