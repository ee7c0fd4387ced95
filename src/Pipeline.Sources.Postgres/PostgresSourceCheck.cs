using System.Globalization;
using Npgsql;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Client;
using Pipeline.Sources.Postgres.Reading.Capture;
using Pipeline.Sources.Postgres.Reading.Watermark;

namespace Pipeline.Sources.Postgres;

/// <summary>Looks at everything that reading needs and tells the SQL that puts it right.</summary>
internal sealed class PostgresSourceCheck(PostgresConnections connections, CaptureOwnership ownership)
{
    private const int OldestVersion = 120_000;

    private readonly PostgresSourceOptions _options = connections.Options;
    private readonly List<Finding> _findings = [];
    private readonly Dictionary<uint, string> _names = [];

    private string Role => Sql.Identifier(_options.Security.Username);

    public async ValueTask<IReadOnlyList<Finding>> RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await connections.UseAsync(_options.Thing, CheckServerAsync, cancellationToken);
        }
        catch (PipelineException e)
        {
            // Refused before it could look at anything: the right that is missing is the one to enter the database.
            var isShutOut = e.InnerException is PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege };
            var failed = Finding.Failed(_options.Thing, e);
            _findings.Add(isShutOut ? failed with { NextStep = $"GRANT CONNECT ON DATABASE {Sql.Identifier(_options.Database)} TO {Role};" } : failed);
            return _findings;
        }

        foreach (var table in _options.Tables)
        {
            var thing = $"{_options.Name}.{table.Name}";
            try
            {
                await connections.UseAsync(thing, (connection, cancel) => CheckTableAsync(connection, table, thing, cancel), cancellationToken);
            }
            catch (PipelineException e)
            {
                _findings.Add(Finding.Failed(thing, e));
            }
        }

        return _findings;
    }

    private async ValueTask<bool> CheckServerAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using (var command = new NpgsqlCommand("""
            select current_setting('server_version_num')::int, current_setting('server_version'), current_setting('server_encoding'),
                   current_setting('track_activities'), coalesce((select version || ' ' || cipher from pg_catalog.pg_stat_ssl where pid = pg_backend_pid() and ssl), 'none'),
                   (select case when rolsuper then -1 else rolconnlimit end from pg_catalog.pg_roles where rolname = current_user),
                   (select case when (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then -1 else datconnlimit end from pg_catalog.pg_database where datname = current_database())
            """, connection))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            Add(_options.Thing, reader.GetInt32(0) >= OldestVersion, $"version {reader.GetString(1)}, TLS {reader.GetString(4)}", "Upgrade the server to version 12 or later.");
            Add($"{_options.Name}: encoding", reader.GetString(2) != "SQL_ASCII", reader.GetString(2),
                "Text of unknown encoding cannot be stored as UTF-8: move the data to a database with ENCODING 'UTF8'.");
            Add($"{_options.Name}: track_activities", reader.GetString(3) == "on", reader.GetString(3),
                "ALTER SYSTEM SET track_activities = on; SELECT pg_reload_conf();");
            CheckLimit("role", reader.GetInt32(5), ofDatabase: false);
            CheckLimit("database", reader.GetInt32(6), ofDatabase: true);
        }

        if (_options.Mode == ReadMode.Cdc)
        {
            await CaptureCheck.CheckServerAsync(connection, connections, _options, ownership, _findings, cancellationToken);
            return true;
        }

        var moment = await ServerMoment.ObserveAsync(connection, watermark: null, cancellationToken);
        var needsSight = _options.Tables.Any(table => table.Overlap == TimeSpan.Zero);
        Add($"{_options.Name}: open transactions of other roles", moment.SeesAllTransactions || !needsSight,
            moment.SeesAllTransactions ? "visible" : "not visible: late commits would be lost", $"GRANT pg_read_all_stats TO {Role};");
        Add($"{_options.Name}: primary", !moment.IsStandby || !needsSight, moment.IsStandby ? "this is a standby" : "yes",
            "Connect to the primary, or set 'overlap' of each table to more than the longest transaction.");
        Add($"{_options.Name}: prepared transactions", ok: true, moment.Transactions.Prepared.Count == 0 ? "none"
            : $"{moment.Transactions.Prepared.Count.ToString(CultureInfo.InvariantCulture)} hold windows back: {string.Join(", ", moment.Transactions.Prepared.Take(5))}", nextStep: null);
        return true;
    }

    /// <param name="limit">Connections at most; negative: any number.</param>
    private void CheckLimit(string of, int limit, bool ofDatabase)
    {
        Add($"{_options.Name}: connections of the {of}", limit < 0 || limit >= _options.ConnectionsNeeded, limit < 0 ? "not limited" : $"at most {Sql.Integer(limit)}, and {Sql.Integer(_options.ConnectionsNeeded)} are used at most", PostgresFaults.MoreConnectionsSql(_options, ofDatabase));
    }

    private async ValueTask<bool> CheckTableAsync(NpgsqlConnection connection, PostgresTableOptions table, string thing, CancellationToken cancellationToken)
    {
        if (await ClosedSchemaAsync(connection, table, cancellationToken) is { } schema)
        {
            Add(thing, ok: false, $"no right to use schema {schema}", $"GRANT USAGE ON SCHEMA {schema} TO {Role};");
            return true;
        }

        var described = await CatalogReader.ReadAsync(connection, table, thing, cancellationToken);
        bool mayRead;
        await using (var command = new NpgsqlCommand("select has_table_privilege($1, 'SELECT'), row_security_active($1)", connection) { Parameters = { CatalogReader.Oid(described.Oid) } })
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            mayRead = reader.GetBoolean(0);
            Add(thing, mayRead, mayRead ? $"{described.QualifiedName}, {Plural.Of(described.Columns.Count, "column")}" : "no right to read it",
                $"GRANT SELECT ON {described.QualifiedName} TO {Role};");
            // Reading is refused where rows are hidden.
            mayRead &= !reader.GetBoolean(1);
            Add($"{thing}: row-level security", !reader.GetBoolean(1), reader.GetBoolean(1) ? "hides rows from this role" : "hides nothing", $"ALTER ROLE {Role} BYPASSRLS;");
        }

        foreach (var key in table.Key.Where(key => described.IndexOf(key) < 0))
            Add($"{thing}: key {key}", ok: false, "there is no such column", $"Correct the setting 'key'. Columns: {string.Join(", ", described.Columns.Select(candidate => candidate.Name))}.");
        if (_options.Mode == ReadMode.Cdc)
        {
            if (!_names.TryAdd(described.Oid, table.Name) && CaptureRefusal.Twice(_names[described.Oid]) is var twice) Add($"{thing}: {twice.What}", ok: false, twice.Cause, twice.NextStep);
            await CaptureCheck.CheckTableAsync(connection, _options, table, described, thing, _findings, cancellationToken);
            return true;
        }

        var watermark = await WatermarkRefusal.RequireAsync(connections, connection, table, described, thing, cancellationToken);
        var column = $"{thing}: watermark {table.Watermark}";
        var unread = !mayRead ? UnreadRows.None : await WatermarkReader.TryAsync(connections, thing, connection, described, watermark, cancellationToken);
        if (unread.Ahead > 0)
            Add($"{column}: rows ahead of the clock", ok: false, $"{unread.Ahead.ToString(CultureInfo.InvariantCulture)} lie more than a day ahead and are not read before the server's clock gets there",
                $"UPDATE {described.QualifiedName} SET {watermark.Sql} = {watermark.NowSql} WHERE {watermark.Sql} > {watermark.NowSql} + interval '1 day';");
        if ((await CatalogReader.TraitsAsync(connection, [described], cancellationToken))[described.Oid].Kind is not ('r' or 'p'))
        {
            // Neither can be declared of what is no table.
            Add(column, ok: true, $"{watermark.Column.TypeName}, of a view or a table elsewhere: rows where it is null are read with the first window only, and an index of the tables below is used where the server can", nextStep: null);
            return true;
        }

        Add(column, !watermark.IsNullable, watermark.IsNullable ? "may be null: such rows are read with the first window only" : watermark.Column.TypeName,
            $"ALTER TABLE {described.QualifiedName} ALTER COLUMN {watermark.Sql} SET NOT NULL;");
        var isIndexed = await CatalogReader.HasIndexLeadingOnAsync(connection, described, watermark.Column, cancellationToken);
        Add($"{column}: index", ok: true, isIndexed ? "windows are read in order" : $"none: each window reads the whole table; better: CREATE INDEX CONCURRENTLY ON {described.QualifiedName} ({watermark.Sql});",
            nextStep: null);
        await CheckOrderAsync(connection, described, watermark, column, cancellationToken);
        return true;
    }

    /// <summary>Where changes cannot be put in an order by what the column holds: neither error nor row says so later.</summary>
    private async ValueTask CheckOrderAsync(NpgsqlConnection connection, PostgresTable described, WatermarkColumn watermark, string column, CancellationToken cancellationToken)
    {
        if (!watermark.IsTimestamp && !await CatalogReader.IsUniqueAsync(connection, described, watermark.Column, cancellationToken))
            Add($"{column}: order", ok: true, $"it is not unique: a change that takes a number which has been read is passed over, and of two with one number neither is the newer; fill it from a sequence, and better: CREATE UNIQUE INDEX CONCURRENTLY ON {described.QualifiedName} ({watermark.Sql});",
                nextStep: null);
        if (watermark.Step > _options.CommitLag && watermark.Step > TimeSpan.FromMicroseconds(1))
            Add($"{column}: order", ok: true, string.Create(CultureInfo.InvariantCulture, $"it holds steps of {watermark.Step.TotalMilliseconds:0.###} ms: what changes within one after a part of it was read is passed over; set commit-lag to at least as much"), nextStep: null);
    }

    /// <summary>The schema that a table's name gives, quoted, when this role may not look into it.</summary>
    private static async ValueTask<string?> ClosedSchemaAsync(NpgsqlConnection connection, PostgresTableOptions table, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            select format('%I', nspname) from pg_catalog.pg_namespace, (select parse_ident($1) as parts) given
            where cardinality(parts) > 1 and nspname = parts[cardinality(parts) - 1] and not has_schema_privilege(oid, 'USAGE')
            """, connection) { Parameters = { new() { Value = table.Table } } };
        return (string?)await command.ExecuteScalarAsync(cancellationToken);
    }

    private void Add(string thing, bool ok, string detail, string? nextStep) => _findings.Add(new Finding(thing, ok, detail, ok ? null : nextStep));
}
