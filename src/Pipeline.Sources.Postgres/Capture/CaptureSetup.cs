using Npgsql;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;

namespace Pipeline.Sources.Postgres.Capture;

/// <summary>A replication slot as the server has it.</summary>
/// <param name="Confirmed">Changes committed before this are durable in the lake and no longer sent.</param>
/// <param name="WalStatus"><c>reserved</c>, <c>extended</c>, <c>unreserved</c> (soon lost) or <c>lost</c>.</param>
/// <param name="RetainedBytes">WAL that the server keeps for the slot.</param>
internal sealed record SlotState(long Confirmed, string Plugin, string WalStatus, bool IsActive, long RetainedBytes);

/// <summary>What change capture needs on the server: a publication of the tables, and a slot.</summary>
internal static class CaptureSetup
{
    /// <summary>Makes what is missing and checks what is there. One at a time: workers of a source start together.</summary>
    public static async ValueTask EnsureAsync(NpgsqlConnection connection, PostgresOptions options, string thing, CancellationToken cancellationToken)
    {
        var turn = $"(hashtext({Sql.Text("pipeline " + options.Capture.Slot)}))";
        await ExecuteAsync(connection, $"select pg_advisory_lock{turn}", cancellationToken);
        try
        {
            await EnsureInTurnAsync(connection, options, thing, cancellationToken);
        }
        finally
        {
            await ExecuteAsync(connection, $"select pg_advisory_unlock{turn}", CancellationToken.None);
        }
    }

    private static async ValueTask EnsureInTurnAsync(NpgsqlConnection connection, PostgresOptions options, string thing, CancellationToken cancellationToken)
    {
        var tables = new List<PostgresTable>();
        foreach (var table in options.Tables) tables.Add(await CatalogReader.ReadAsync(connection, table, $"Source {options.Name}, table {table.Name}", cancellationToken));

        // The publication first: a slot decodes only what was published when it happened.
        var published = await PublishedAsync(connection, options, cancellationToken);
        var publication = Sql.Identifier(options.Capture.Publication);
        if (published is null)
            await ExecuteAsync(connection, CreatePublicationSql(options, tables), cancellationToken);
        else if (tables.Where(table => !published.Contains(table.Oid)).Select(table => table.QualifiedName).ToList() is { Count: > 0 } missing)
            await ExecuteAsync(connection, $"alter publication {publication} add table {string.Join(", ", missing)}", cancellationToken);

        var slot = await FindSlotAsync(connection, options, cancellationToken);
        // The function returns when every transaction that was open has ended: from here on nothing is missed.
        if (slot is null) await ExecuteAsync(connection, $"select pg_create_logical_replication_slot({Sql.Text(options.Capture.Slot)}, 'pgoutput')", cancellationToken);
        else if (slot.Plugin != "pgoutput")
            throw new PipelineException(FaultKind.Invalid, thing, $"slot {options.Capture.Slot} exists with plugin {slot.Plugin}", "Choose another name for capture.slot.");
    }

    public static string CreatePublicationSql(PostgresOptions options, IEnumerable<PostgresTable> tables) =>
        $"create publication {Sql.Identifier(options.Capture.Publication)} for table {string.Join(", ", tables.Select(table => table.QualifiedName))} with (publish_via_partition_root = true)";

    /// <summary>Identities of the published tables; null when there is no publication.</summary>
    public static async ValueTask<IReadOnlySet<uint>?> PublishedAsync(NpgsqlConnection connection, PostgresOptions options, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            select puballtables, array(select format('%I.%I', schemaname, tablename)::regclass::oid from pg_catalog.pg_publication_tables t where t.pubname = p.pubname)
            from pg_catalog.pg_publication p where pubname = $1
            """, connection) { Parameters = { new() { Value = options.Capture.Publication } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? reader.GetFieldValue<uint[]>(1).ToHashSet() : null;
    }

    public static async ValueTask<SlotState?> FindSlotAsync(NpgsqlConnection connection, PostgresOptions options, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            select coalesce(confirmed_flush_lsn, '0/0')::text, coalesce(plugin, 'none')::text, coalesce(to_jsonb(s) ->> 'wal_status', 'reserved'), active,
                   coalesce(pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end, restart_lsn), 0)::bigint
            from pg_catalog.pg_replication_slots s where slot_name = $1
            """, connection) { Parameters = { new() { Value = options.Capture.Slot } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new SlotState(Lsn.Parse(reader.GetString(0)), reader.GetString(1), reader.GetString(2), reader.GetBoolean(3), reader.GetInt64(4))
            : null;
    }

    public static async ValueTask<string> SystemIdentifierAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select system_identifier::text from pg_catalog.pg_control_system()", connection);
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>The relations that hold a table's rows: itself, or its partitions.</summary>
    public static async ValueTask<IReadOnlyList<uint>> StoredRelationsAsync(NpgsqlConnection connection, uint table, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            with recursive tree as (
              select $1 as oid
              union all
              select inhrelid from pg_catalog.pg_inherits join tree on inhparent = tree.oid)
            select array(select c.oid from tree join pg_catalog.pg_class c using (oid) where c.relkind = 'r' order by c.oid)
            """, connection) { Parameters = { CatalogReader.Oid(table) } };
        return (uint[])(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>What of ours is on the server: SQL that drops it, in order.</summary>
    public static async ValueTask<IReadOnlyList<string>> RemovalSqlAsync(NpgsqlConnection connection, PostgresOptions options, CancellationToken cancellationToken)
    {
        var sql = new List<string>();
        if (await FindSlotAsync(connection, options, cancellationToken) is not null) sql.Add($"select pg_drop_replication_slot({Sql.Text(options.Capture.Slot)})");
        if (await PublishedAsync(connection, options, cancellationToken) is not null) sql.Add($"drop publication {Sql.Identifier(options.Capture.Publication)}");
        return sql;
    }

    public static async ValueTask RemoveAsync(NpgsqlConnection connection, PostgresOptions options, CancellationToken cancellationToken)
    {
        foreach (var sql in await RemovalSqlAsync(connection, options, cancellationToken)) await ExecuteAsync(connection, sql, cancellationToken);
    }

    private static async ValueTask ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
