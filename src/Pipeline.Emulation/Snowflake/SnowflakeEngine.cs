using System.Text.RegularExpressions;
using DuckDB.NET.Data;

namespace Pipeline.Emulation.Snowflake;

/// <summary>The context a statement runs in, as its request gave it.</summary>
internal sealed record SnowflakeContext(string? Role, string? Warehouse, string? Database, string? Schema, IReadOnlyList<string> TokenRoles);

/// <summary>Runs statements: checks names and rights as Snowflake does, and lets DuckDB compute.</summary>
internal sealed partial class SnowflakeEngine(SnowflakeDatabase database, SnowflakeServerOptions options)
{
    private static readonly HashSet<string> Unsupported = new(StringComparer.Ordinal)
        { "PUT", "GET", "USE", "ALTER", "BEGIN", "COMMIT", "ROLLBACK", "SET", "UNSET", "CALL" };

    /// <summary>What <c>SHOW OBJECTS</c> calls what it lists.</summary>
    public string ObjectKind { get; set; } = "TABLE";

    /// <summary>Whether the warehouse runs, or would start for a statement.</summary>
    public bool IsWarehouseAvailable { get; set; } = true;

    /// <exception cref="SnowflakeError">As the SQL API would answer.</exception>
    public SnowflakeResult Run(string text, IReadOnlyDictionary<int, SnowflakeBinding> bindings, SnowflakeContext context, CancellationToken cancellationToken)
    {
        CheckRole(context);
        var sql = new SnowflakeSql(text.TrimEnd().TrimEnd(';'));
        var words = sql.Words(2);
        if (words.Count == 0) throw SnowflakeError.Sql("000900", "42601", "SQL compilation error:\nEmpty SQL statement.");
        if (Unsupported.Contains(words[0])) throw SnowflakeError.Sql("391911", "0A000", $"Unsupported statement type '{words[0]}'.");
        if (words is ["SHOW", "TRANSACTIONS"]) return ShowTransactions();
        if (ShowObjects().Match(text) is { Success: true } show) return database.Read(() => ShowObjects(show.Groups["like"].Value, Name(show.Groups["database"].Value), Name(show.Groups["schema"].Value)));

        if (LastChange().Match(text) is { Success: true } change) return database.Read(() => TokenOf(change.Groups["name"].Value, context));

        sql.Bind(bindings);
        try
        {
            using var connection = database.Connect();
            if (SnowflakeTable.TryParse(sql.Text, context.Database ?? "", context.Schema ?? "") is { } table)
                return CreateTable(connection, table, SnowflakeDatabase.IsReplacing(text));
            return database.Read(() =>
            {
                var tables = Resolve(sql, context);
                return words[0] is "INSERT" or "UPDATE" or "DELETE" or "MERGE" ? Change(connection, sql.Text, words[0], cancellationToken) : Select(connection, sql, tables, cancellationToken);
            });
        }
        catch (DuckDBException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw Translate(e);
        }
        catch (FormatException e)
        {
            throw SnowflakeError.Sql("002040", "42601", $"SQL compilation error:\n{e.Message}");
        }
    }

    private void CheckRole(SnowflakeContext context)
    {
        if (context.Role is { } role && !(options.Roles.Contains(role) && context.TokenRoles.Contains(role)))
            throw SnowflakeError.Sql("390189", "08001", $"Role '{role}' specified in the connect string does not exist or is not authorized.");
    }

    /// <summary>Finds the declared tables that a statement names, and puts stored names in their places.</summary>
    private List<SnowflakeTable> Resolve(SnowflakeSql sql, SnowflakeContext context)
    {
        var tables = new List<SnowflakeTable>();
        foreach (var reference in sql.Tables())
        {
            var parts = reference.Parts;
            var databaseName = parts.Count > 2 ? parts[^3] : context.Database;
            if (databaseName is null) throw SnowflakeError.Sql("090105", "22000", "Cannot perform SELECT. This session does not have a current database.");
            if (databaseName != database.Name) throw SnowflakeError.MissingObject("Database", databaseName, "02000");
            if (parts.Count > 1 && parts[^2] == "INFORMATION_SCHEMA" && parts[^1] == "COLUMNS")
            {
                sql.Replace(reference, database.InformationSchemaColumns());
                continue;
            }

            var schema = parts.Count > 1 ? parts[^2] : context.Schema;
            if (schema is null) throw SnowflakeError.Sql("090106", "22000", "Cannot perform SELECT. This session does not have a current schema.");
            if (!database.HasSchema(schema)) throw SnowflakeError.MissingObject("Schema", $"{databaseName}.{schema}", "02000");
            var table = database.Find(schema, parts[^1])
                ?? throw SnowflakeError.MissingObject("Object", $"{databaseName}.{schema}.{parts[^1]}", "42S02");
            if (context.Warehouse != options.Warehouse || !IsWarehouseAvailable)
                throw SnowflakeError.Sql("000606", "57P03",
                    "No active warehouse selected in the current session.  Select an active warehouse with the 'use warehouse' command.");
            sql.Replace(reference, table.QuotedName);
            tables.Add(table);
        }

        return tables;
    }

    private SnowflakeResult Select(DuckDBConnection connection, SnowflakeSql sql, List<SnowflakeTable> tables, CancellationToken cancellationToken)
    {
        var text = sql.Text.Replace("CURRENT_TIMESTAMP()", "CURRENT_TIMESTAMP", StringComparison.OrdinalIgnoreCase);
        var columns = Describe(connection, text, sql, tables);
        var cells = columns.Select((column, i) => column.Type.CellSql($"c{i}"));
        using var command = connection.CreateCommand();
        command.CommandText = $"SELECT {string.Join(", ", cells)} FROM ({text}\n) AS q({string.Join(", ", columns.Select((_, i) => $"c{i}"))})";
        command.UseStreamingMode = true;
        using var cancel = cancellationToken.Register(command.Cancel);
        using var reader = command.ExecuteReader();
        var result = new SnowflakeResult(columns, options.PartitionBytes);
        var row = new string?[columns.Count];
        try
        {
            while (reader.Read())
            {
                for (var i = 0; i < row.Length; i++) row[i] = reader.IsDBNull(i) ? null : reader.GetString(i);
                result.AddRow(row);
            }

            cancellationToken.ThrowIfCancellationRequested();
            result.Complete();
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    private static List<ResultColumn> Describe(DuckDBConnection connection, string text, SnowflakeSql sql, List<SnowflakeTable> tables)
    {
        using var command = connection.CreateCommand();
        command.CommandText = $"DESCRIBE {text}";
        using var reader = command.ExecuteReader();
        var columns = new List<ResultColumn>();
        while (reader.Read())
        {
            var (name, storage) = (reader.GetString(0), reader.GetString(1));
            var declared = tables
                .SelectMany(table => table.Columns.Select(column => (Table: table, Column: column)))
                .FirstOrDefault(found => found.Column.Name.Equals(name, StringComparison.OrdinalIgnoreCase) && found.Column.Type.Storage == storage);
            columns.Add(declared.Column is { } column
                ? new ResultColumn(column.Name, column.Type, column.IsNullable, declared.Table)
                : new ResultColumn(sql.Quotes(name) ? name : name.ToUpperInvariant(), SnowflakeType.OfStorage(storage), IsNullable: true, Table: null));
        }

        return columns;
    }

    private SnowflakeResult Change(DuckDBConnection connection, string text, string verb, CancellationToken cancellationToken)
    {
        using var command = connection.CreateCommand();
        command.CommandText = text;
        using var cancel = cancellationToken.Register(command.Cancel);
        var rows = command.ExecuteNonQuery();
        var (done, statistic) = verb switch
        {
            "UPDATE" => ("updated", "numRowsUpdated"),
            "DELETE" => ("deleted", "numRowsDeleted"),
            _ => ("inserted", "numRowsInserted"),
        };
        return Single($"number of rows {done}", new SnowflakeType(SnowflakeTypeName.Fixed, 19), rows.ToString(), (statistic, rows));
    }

    private SnowflakeResult CreateTable(DuckDBConnection connection, SnowflakeTable table, bool orReplace)
    {
        database.Create(connection, table, orReplace);
        return Single("status", SnowflakeType.Parse("VARCHAR"), $"Table {table.Name} successfully created.");
    }

    /// <summary>A number that is another one when the table's rows are others.</summary>
    private SnowflakeResult TokenOf(string name, SnowflakeContext context)
    {
        var reference = new SnowflakeSql($"SELECT * FROM {name}");
        var table = Resolve(reference, context).Single();
        using var connection = database.Connect();
        using var command = connection.CreateCommand();
        command.CommandText = $"SELECT CAST(COALESCE(SUM(hash(q)), 0) AS VARCHAR) FROM {table.QuotedName} AS q";
        return Single("SYSTEM$LAST_CHANGE_COMMIT_TIME", new SnowflakeType(SnowflakeTypeName.Fixed, 38), (string)command.ExecuteScalar()!);
    }

    private SnowflakeResult ShowTransactions()
    {
        var text = SnowflakeType.Parse("VARCHAR");
        var id = new SnowflakeType(SnowflakeTypeName.Fixed, 38);
        var result = new SnowflakeResult(
        [
            new("id", id, true, null), new("user", text, true, null), new("session", id, true, null), new("name", text, true, null),
            new("started_on", SnowflakeType.Parse("TIMESTAMP_LTZ(9)"), true, null), new("state", text, true, null), new("scope", id, true, null),
        ], options.PartitionBytes);
        foreach (var (transaction, startedAt) in database.OpenTransactions())
            result.AddRow([transaction.ToString(), "GENERATOR", "1", $"transaction-{transaction}", $"{(startedAt - DateTimeOffset.UnixEpoch).Ticks / (decimal)TimeSpan.TicksPerSecond:0.000000000}", "running", "0"]);
        result.Complete();
        return result;
    }

    /// <summary>The pattern's letters are of any case; its wildcards are not played.</summary>
    private SnowflakeResult ShowObjects(string like, string databaseName, string schema)
    {
        if (databaseName != database.Name) throw SnowflakeError.MissingObject("Database", databaseName, "02000");
        if (!database.HasSchema(schema)) throw SnowflakeError.MissingObject("Schema", $"{databaseName}.{schema}", "02000");
        var text = SnowflakeType.Parse("VARCHAR");
        var result = new SnowflakeResult(
        [
            new("created_on", SnowflakeType.Parse("TIMESTAMP_LTZ(3)"), true, null), new("name", text, true, null), new("database_name", text, true, null), new("schema_name", text, true, null),
            new("kind", text, true, null), new("comment", text, true, null),
        ], options.PartitionBytes);
        foreach (var table in database.Tables.Where(table => table.Schema == schema && table.Name.Equals(like, StringComparison.OrdinalIgnoreCase)))
            result.AddRow([$"{(table.CreatedOn - DateTimeOffset.UnixEpoch).Ticks / (decimal)TimeSpan.TicksPerSecond:0.000000000}", table.Name, database.Name, table.Schema, ObjectKind, ""]);
        result.Complete();
        return result;
    }

    private static string Name(string quoted) => quoted.Replace("\"\"", "\"");

    private SnowflakeResult Single(string name, SnowflakeType type, string value, (string, long)? changed = null)
    {
        var result = new SnowflakeResult([new ResultColumn(name, type, IsNullable: false, Table: null)], options.PartitionBytes) { Changed = changed };
        result.AddRow([value]);
        result.Complete();
        return result;
    }

    [GeneratedRegex(@"^\s*SELECT\s+SYSTEM\$LAST_CHANGE_COMMIT_TIME\('(?<name>.+)'\)\s*$", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex LastChange();

    [GeneratedRegex(@"^\s*SHOW\s+OBJECTS\s+LIKE\s+'(?<like>[^']+)'\s+IN\s+SCHEMA\s+""(?<database>[^.]+)""\.""(?<schema>[^.]+)""\s*$", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex ShowObjects();

    private static SnowflakeError Translate(DuckDBException e) =>
        e.Message.Contains("Referenced column", StringComparison.Ordinal)
            ? SnowflakeError.Sql("000904", "42000", $"SQL compilation error: error line 1 at position 7\ninvalid identifier. {e.Message}")
            : e.Message.StartsWith("Parser Error", StringComparison.Ordinal)
                ? SnowflakeError.Sql("001003", "42000", $"SQL compilation error:\nsyntax error. {e.Message}")
                : SnowflakeError.Sql("100038", "22018", e.Message);
}
