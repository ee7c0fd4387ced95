using System.Collections.Concurrent;
using System.Data.Common;
using DuckDB.NET.Data;

namespace Pipeline.Emulation.Snowflake;

/// <summary>
/// The tables behind the server: declared with Snowflake's types, stored by DuckDB. The declarations are stored too, so
/// that a database opened from a file knows them again.
/// </summary>
public sealed class SnowflakeDatabase : IDisposable
{
    private const string Declarations = "\"__EMULATION\".\"COLUMNS\"";

    private readonly DuckDBConnection _root;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<(string Schema, string Table), SnowflakeTable> _tables = new();
    private readonly Dictionary<long, DateTimeOffset> _transactions = [];
    private long _lastTransaction;

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

    /// <summary>Declares a table with Snowflake's <c>CREATE TABLE</c>, or runs any other statement of DuckDB's.</summary>
    public void Execute(string sql)
    {
        using var connection = Connect();
        if (SnowflakeTable.TryParse(sql, Name, DefaultSchema) is { } table) Create(connection, table, IsReplacing(sql));
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

    internal void Create(DuckDBConnection connection, SnowflakeTable table, bool orReplace)
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

        _tables[(table.Schema, table.Name)] = table;
    }

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

    public void Dispose() => _root.Dispose();

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
        command.CommandText = $"SELECT schema_name, table_name, column_name, type, nullable FROM \"{Name}\".{Declarations} ORDER BY schema_name, table_name, ordinal";
        using var reader = command.ExecuteReader();
        foreach (var table in reader.Cast<DbDataRecord>()
            .Select(row => (Schema: row.GetString(0), Table: row.GetString(1),
                Column: new SnowflakeColumn(row.GetString(2), SnowflakeType.Parse(row.GetString(3)), row.GetBoolean(4))))
            .GroupBy(row => (row.Schema, row.Table), row => row.Column))
            _tables[table.Key] = new SnowflakeTable(Name, table.Key.Schema, table.Key.Table, [.. table]);
    }

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
