using System.Collections.Concurrent;
using System.Data.Common;
using System.Text.RegularExpressions;
using DuckDB.NET.Data;

namespace Pipeline.Emulation.Snowflake;

/// <summary>
/// The tables behind the server: declared with Snowflake's types, stored by DuckDB. The declarations are stored too, so
/// that a database opened from a file knows them again.
/// </summary>
public sealed partial class SnowflakeDatabase : IDisposable
{
    private const string Declarations = "\"__EMULATION\".\"COLUMNS\"";
    private const string Creations = "\"__EMULATION\".\"TABLES\"";

    private readonly DuckDBConnection _root;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<(string Schema, string Table), SnowflakeTable> _tables = new();

    /// <summary>Which table has which name changes for rows and for what is said of the table at one moment.</summary>
    private readonly ReaderWriterLockSlim _names = new();
    private readonly Dictionary<long, DateTimeOffset> _transactions = [];
    private long _lastTransaction;
    private DateTimeOffset _lastCreated;

    internal SnowflakeDatabase(SnowflakeServerOptions options)
    {
        Name = options.Database;
        DefaultSchema = options.Schema;
        _time = options.Time;
        _root = new DuckDBConnection("DataSource=:memory:");
        _root.Open();
        // The server's process has other things to do with its memory and threads.
        Execute(_root, "SET memory_limit = '512MB'; SET threads = 2; SET TimeZone = 'UTC'");
        var target = options.Path is { } path ? $"'{path.Replace("'", "''")}'" : "':memory:'";
        Execute(_root, $"ATTACH {target} AS \"{Name}\"");
        Execute(_root, $"""
            CREATE SCHEMA IF NOT EXISTS "{Name}"."{DefaultSchema}";
            CREATE SCHEMA IF NOT EXISTS "{Name}"."__EMULATION";
            CREATE TABLE IF NOT EXISTS "{Name}".{Declarations}
                (schema_name VARCHAR, table_name VARCHAR, ordinal INTEGER, column_name VARCHAR, type VARCHAR, nullable BOOLEAN);
            CREATE TABLE IF NOT EXISTS "{Name}".{Creations} (schema_name VARCHAR, table_name VARCHAR, created_on TIMESTAMPTZ);
            CREATE MACRO to_timestamp_ntz(v, s) AS make_timestamp(CAST(v AS BIGINT) * CAST(power(10, 6 - s) AS BIGINT));
            CREATE MACRO to_timestamp_ltz(v, s) AS make_timestamptz(CAST(v AS BIGINT) * CAST(power(10, 6 - s) AS BIGINT));
            CREATE MACRO to_timestamp_tz(v, s) AS make_timestamptz(CAST(v AS BIGINT) * CAST(power(10, 6 - s) AS BIGINT));
            """);
        LoadDeclarations();
    }

    public string Name { get; }

    public string DefaultSchema { get; }

    /// <summary>
    /// A connection for whoever fills the tables, inside the server's process; unqualified names are those of the default
    /// schema. The caller disposes it. Write through <see cref="Begin"/>, so that readers know of open transactions.
    /// </summary>
    public DuckDBConnection Connect()
    {
        var connection = _root.Duplicate();
        connection.Open();
        Execute(connection, $"SET search_path = '{Name}.{DefaultSchema},memory.main'");
        return connection;
    }

    /// <summary>
    /// Declares a table with Snowflake's <c>CREATE TABLE</c>, drops one, swaps two (<c>ALTER TABLE a SWAP WITH b</c>, both of the default schema),
    /// or runs any other statement of DuckDB's.
    /// </summary>
    public void Execute(string sql)
    {
        using var connection = Connect();
        if (SnowflakeTable.TryParse(sql, Name, DefaultSchema) is { } table) Create(connection, table, IsReplacing(sql));
        else if (SwapTables().Match(sql) is { Success: true } swap) Swap(connection, Known(swap.Groups["one"].Value), Known(swap.Groups["other"].Value));
        else if (DropTable().Match(sql) is { Success: true } drop) Drop(connection, Known(drop.Groups["one"].Value));
        else Execute(connection, sql);
    }

    /// <summary>Begins a transaction, which <c>SHOW TRANSACTIONS</c> lists until it ends.</summary>
    public SnowflakeTransaction Begin()
    {
        var connection = Connect();
        // Under the lock: a transaction that is missing from a list begins after that list was asked for.
        lock (_transactions)
        {
            var id = ++_lastTransaction;
            var now = _time.GetUtcNow();
            var startedAt = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
            _transactions.Add(id, startedAt);
            return new SnowflakeTransaction(connection, connection.BeginTransaction(), startedAt, () => End(id));
        }
    }

    internal IReadOnlyList<KeyValuePair<long, DateTimeOffset>> OpenTransactions()
    {
        lock (_transactions) return [.. _transactions];
    }

    private void End(long transaction)
    {
        lock (_transactions) _transactions.Remove(transaction);
    }

    internal IEnumerable<SnowflakeTable> Tables => _tables.Values;

    internal SnowflakeTable? Find(string schema, string table) => _tables.GetValueOrDefault((schema, table));

    internal bool HasSchema(string schema) => schema == DefaultSchema || _tables.Keys.Any(key => key.Schema == schema);

    internal void Create(DuckDBConnection connection, SnowflakeTable table, bool orReplace) => Rename(() =>
    {
        if (table.Database != Name) throw SnowflakeError.MissingObject("Database", table.Database, "02000");
        if (!orReplace && Find(table.Schema, table.Name) is not null)
            throw SnowflakeError.Sql("002002", "42710", $"SQL compilation error:\nObject '{table.Database}.{table.Schema}.{table.Name}' already exists.");
        Execute(connection, table.StorageSql(orReplace));
        Execute(connection, $"DELETE FROM \"{Name}\".{Declarations} WHERE schema_name = '{table.Schema}' AND table_name = '{table.Name}'");
        using var insert = connection.CreateCommand();
        insert.CommandText = $"INSERT INTO \"{Name}\".{Declarations} VALUES (?, ?, ?, ?, ?, ?)";
        for (var i = 0; i < table.Columns.Count; i++)
        {
            var column = table.Columns[i];
            insert.Parameters.Clear();
            foreach (var value in (object[])[table.Schema, table.Name, i + 1, column.Name, Declaration(column.Type), column.IsNullable])
                insert.Parameters.Add(new DuckDBParameter(value));
            insert.ExecuteNonQuery();
        }

        Record(connection, table with { CreatedOn = NextCreation() });
    });

    private void Swap(DuckDBConnection connection, SnowflakeTable one, SnowflakeTable other) => Rename(() =>
    {
        var between = other with { Name = $"{other.Name}__swapped" };
        // A query that runs has the one or the other.
        Execute(connection, $"BEGIN; ALTER TABLE {other.QuotedName} RENAME TO \"{between.Name}\"; ALTER TABLE {one.QuotedName} RENAME TO \"{other.Name}\"; ALTER TABLE {between.QuotedName} RENAME TO \"{one.Name}\"; COMMIT");
        Execute(connection, $"UPDATE \"{Name}\".{Declarations} SET table_name = CASE table_name WHEN '{one.Name}' THEN '{other.Name}' ELSE '{one.Name}' END WHERE schema_name = '{one.Schema}' AND table_name IN ('{one.Name}', '{other.Name}')");
        Record(connection, other with { Name = one.Name });
        Record(connection, one with { Name = other.Name });
    });

    private void Drop(DuckDBConnection connection, SnowflakeTable table) => Rename(() =>
    {
        Execute(connection, $"DROP TABLE {table.QuotedName}");
        foreach (var declared in (string[])[Declarations, Creations]) Execute(connection, $"DELETE FROM \"{Name}\".{declared} WHERE schema_name = '{table.Schema}' AND table_name = '{table.Name}'");
        _tables.TryRemove((table.Schema, table.Name), out _);
    });

    /// <summary>Runs a statement while names stay with their tables. It does not create, swap or drop one.</summary>
    internal T Read<T>(Func<T> statement)
    {
        _names.EnterReadLock();
        try
        {
            return statement();
        }
        finally
        {
            _names.ExitReadLock();
        }
    }

    private void Rename(Action change)
    {
        _names.EnterWriteLock();
        try
        {
            change();
        }
        finally
        {
            _names.ExitWriteLock();
        }
    }

    private void Record(DuckDBConnection connection, SnowflakeTable table)
    {
        Execute(connection, $"DELETE FROM \"{Name}\".{Creations} WHERE schema_name = '{table.Schema}' AND table_name = '{table.Name}'");
        using var insert = connection.CreateCommand();
        insert.CommandText = $"INSERT INTO \"{Name}\".{Creations} VALUES (?, ?, ?)";
        foreach (var value in (object[])[table.Schema, table.Name, table.CreatedOn.UtcDateTime]) insert.Parameters.Add(new DuckDBParameter(value));
        insert.ExecuteNonQuery();
        _tables[(table.Schema, table.Name)] = table;
    }

    private DateTimeOffset NextCreation()
    {
        lock (_transactions)
        {
            var now = _time.GetUtcNow();
            now = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMillisecond));
            return _lastCreated = now > _lastCreated ? now : _lastCreated.AddMilliseconds(1);
        }
    }

    private SnowflakeTable Known(string name) => Find(DefaultSchema, name.ToUpperInvariant()) ?? throw SnowflakeError.MissingObject("Table", name, "42S02");

    internal static bool IsReplacing(string sql) => new SnowflakeSql(sql).Words(3) is ["CREATE", "OR", "REPLACE"];

    /// <summary>Rows for <c>INFORMATION_SCHEMA.COLUMNS</c>, as a table expression.</summary>
    internal string InformationSchemaColumns()
    {
        var rows = _tables.Values.SelectMany(table => table.Columns.Select((column, i) =>
            $"('{table.Database}','{table.Schema}','{table.Name}','{column.Name}',{i + 1},'{(column.IsNullable ? "YES" : "NO")}','{column.Type.DataType}',"
            + $"{(column.Type.Name == SnowflakeTypeName.Fixed ? $"{column.Type.Precision},{column.Type.Scale}" : "NULL,NULL")})"));
        return $"""
            (SELECT * FROM (VALUES {string.Join(", ", rows.DefaultIfEmpty("('','','','',0,'','',0,0)"))})
            AS c(TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION, IS_NULLABLE, DATA_TYPE, NUMERIC_PRECISION, NUMERIC_SCALE)
            WHERE TABLE_NAME <> '')
            """;
    }

    public void Dispose()
    {
        _root.Dispose();
        _names.Dispose();
    }

    private static string Declaration(SnowflakeType type) => type.Name switch
    {
        SnowflakeTypeName.Fixed => $"NUMBER({type.Precision},{type.Scale})",
        SnowflakeTypeName.Text => $"VARCHAR({type.Length})",
        SnowflakeTypeName.Binary => $"BINARY({type.Length})",
        SnowflakeTypeName.Time or SnowflakeTypeName.TimestampNtz or SnowflakeTypeName.TimestampLtz or SnowflakeTypeName.TimestampTz
            => $"{type.DataType}({type.Scale})",
        _ => type.DataType,
    };

    private void LoadDeclarations()
    {
        using var command = _root.CreateCommand();
        command.CommandText = $"""
            SELECT schema_name, table_name, column_name, type, nullable, epoch_ms(coalesce(created_on, TIMESTAMPTZ '1970-01-01 00:00:00+00'))
            FROM "{Name}".{Declarations} LEFT JOIN "{Name}".{Creations} USING (schema_name, table_name) ORDER BY schema_name, table_name, ordinal
            """;
        using var reader = command.ExecuteReader();
        foreach (var table in reader.Cast<DbDataRecord>()
            .Select(row => (Schema: row.GetString(0), Table: row.GetString(1),
                Column: new SnowflakeColumn(row.GetString(2), SnowflakeType.Parse(row.GetString(3)), row.GetBoolean(4)), CreatedOn: DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(5))))
            .GroupBy(row => (row.Schema, row.Table, row.CreatedOn), row => row.Column))
        {
            _tables[(table.Key.Schema, table.Key.Table)] = new SnowflakeTable(Name, table.Key.Schema, table.Key.Table, [.. table]) { CreatedOn = table.Key.CreatedOn };
            if (table.Key.CreatedOn > _lastCreated) _lastCreated = table.Key.CreatedOn;
        }
    }

    [GeneratedRegex(@"^\s*ALTER\s+TABLE\s+(?<one>\w+)\s+SWAP\s+WITH\s+(?<other>\w+)\s*;?\s*$", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex SwapTables();

    [GeneratedRegex(@"^\s*DROP\s+TABLE\s+(?<one>\w+)\s*;?\s*$", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex DropTable();

    private static void Execute(DuckDBConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}

/// <summary>A transaction on the emulated database; disposed without <see cref="Commit"/> it is rolled back.</summary>
public sealed class SnowflakeTransaction : IDisposable
{
    private readonly DuckDBTransaction _transaction;
    private readonly Action _ended;

    internal SnowflakeTransaction(DuckDBConnection connection, DuckDBTransaction transaction, DateTimeOffset startedAt, Action ended)
    {
        Connection = connection;
        _transaction = transaction;
        StartedAt = startedAt;
        _ended = ended;
    }

    /// <summary>Statements on it belong to the transaction.</summary>
    public DuckDBConnection Connection { get; }

    /// <summary>When it began, in whole microseconds; a watermark column set in it must not be older.</summary>
    public DateTimeOffset StartedAt { get; }

    public void Execute(string sql)
    {
        using var command = Connection.CreateCommand();
        command.Transaction = _transaction;
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    public void Commit() => _transaction.Commit();

    public void Dispose()
    {
        _transaction.Dispose();
        Connection.Dispose();
        _ended();
    }
}
