using System.Data;
using Npgsql;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>A publication as the server has it.</summary>
/// <param name="Tables">Identities of the published tables.</param>
/// <param name="Mark">Who made it, and whose slots are read with it.</param>
/// <param name="MayAlter">Whether our role is its owner's.</param>
internal sealed record PublicationState(IReadOnlySet<uint> Tables, PublicationMark Mark, bool MayAlter);

/// <summary>What is there of what change capture needs.</summary>
/// <param name="Publication">Null: there is none of its name.</param>
/// <param name="Slot">Null: there is none of its name.</param>
/// <param name="Missing">Tables that the publication lacks.</param>
internal sealed record CaptureState(PublicationState? Publication, SlotState? Slot, IReadOnlyList<PostgresTable> Missing, CaptureVerdict Verdict)
{
    public bool IsComplete => Publication is not null && Slot is not null && Missing.Count == 0 && Verdict.Claim is null;
}

/// <summary>What change capture needs on the server: a publication of the tables, and a slot.</summary>
internal static class CaptureSetup
{
    /// <summary>Makes what is missing and checks what is there. One at a time: workers of a source start together.</summary>
    /// <param name="advise">Takes a statement of which nobody but the publication's owner may make use.</param>
    /// <exception cref="PipelineException">What is there belongs to somebody else; it stays as it is.</exception>
    public static async ValueTask EnsureAsync(NpgsqlConnection connection, PostgresSourceOptions options, CaptureOwnership ownership, string thing, IEnumerable<PostgresTable> tables,
        Action<string> advise, CancellationToken cancellationToken)
    {
        var turn = $"(hashtext({Sql.Text("pipeline " + options.Capture.Slot)}))";
        await ExecuteAsync(connection, $"select pg_advisory_lock{turn}", cancellationToken);
        try
        {
            await EnsureInTurnAsync(connection, options, ownership, thing, [.. tables], advise, cancellationToken);
        }
        finally
        {
            // A session that has ended holds no lock, and asking it would hide why it ended.
            if (connection.State == ConnectionState.Open) await ExecuteAsync(connection, $"select pg_advisory_unlock{turn}", CancellationToken.None);
        }
    }

    /// <summary>Looks, and changes nothing.</summary>
    /// <exception cref="PipelineException">What is there belongs to somebody else.</exception>
    public static async ValueTask<CaptureState> FindAsync(NpgsqlConnection connection, PostgresSourceOptions options, CaptureOwnership ownership, string thing, IEnumerable<PostgresTable> tables,
        CancellationToken cancellationToken)
    {
        var found = await FindPublicationAsync(connection, options, cancellationToken);
        var slot = await FindSlotAsync(connection, options, cancellationToken);
        var verdict = await ownership.JudgeAsync(connection, found, slot, cancellationToken);
        if (verdict.Refusal is not null) throw verdict.Refusal;
        if (slot is not null && slot.Plugin != "pgoutput")
            throw new PipelineException(FaultKind.Invalid, thing, $"slot {options.Capture.Slot} exists with plugin {slot.Plugin}", "Choose another name for capture.slot.");
        return new CaptureState(found, slot, [.. tables.Where(table => found?.Tables.Contains(table.Oid) != true)], verdict);
    }

    /// <summary>From where on a slot has changes.</summary>
    /// <exception cref="PipelineException">It is not made yet.</exception>
    public static long ConfirmedOf(SlotState slot, PostgresSourceOptions options, string thing) => slot.Confirmed > 0
        ? slot.Confirmed
        : throw new PipelineException(FaultKind.Unreachable, thing, $"slot {options.Capture.Slot} is just being made: the server waits for open transactions to end", "Nothing to do unless it lasts.");

    private static async ValueTask EnsureInTurnAsync(NpgsqlConnection connection, PostgresSourceOptions options, CaptureOwnership ownership, string thing, IReadOnlyList<PostgresTable> tables,
        Action<string> advise, CancellationToken cancellationToken)
    {
        var (found, slot, missing, verdict) = await FindAsync(connection, options, ownership, thing, tables, cancellationToken);

        // The publication first: a slot decodes only what was published when it happened.
        if (found is null)
            await ExecuteAsync(connection, $"{CreatePublicationSql(options, tables)}; {CaptureOwnership.CommentSql(options.Capture.Publication, PublicationMark.Made(await ownership.ClaimAsync(cancellationToken)))}", cancellationToken);
        else if (missing.Count > 0 && !found.Mark.IsMadeByPipeline)
            throw new PipelineException(FaultKind.Missing, thing, $"publication {options.Capture.Publication} does not contain {string.Join(", ", missing.Select(table => table.QualifiedName))}, and it was made by someone else",
                $"As its owner: {AddTablesSql(options, missing)};");
        else if (missing.Count > 0)
            await ExecuteAsync(connection, AddTablesSql(options, missing), cancellationToken);

        if (verdict.Claim is { } claim) await ExecuteAsync(connection, CaptureOwnership.CommentSql(options.Capture.Publication, claim), cancellationToken);
        if (verdict.Advice is { } advice) advise(advice);
        if (slot is null) await ExecuteAsync(connection, FailoverSlots.CreateSql(options, connection.PostgreSqlVersion.Major), cancellationToken);
    }

    public static string CreatePublicationSql(PostgresSourceOptions options, IEnumerable<PostgresTable> tables) =>
        $"create publication {Sql.Identifier(options.Capture.Publication)} for table {string.Join(", ", tables.Select(table => table.QualifiedName))} with (publish_via_partition_root = true)";

    public static string AddTablesSql(PostgresSourceOptions options, IEnumerable<PostgresTable> tables) =>
        $"alter publication {Sql.Identifier(options.Capture.Publication)} add table {string.Join(", ", tables.Select(table => table.QualifiedName))}";

    public static string DropSlotSql(PostgresSourceOptions options) => $"SELECT pg_drop_replication_slot({Sql.Text(options.Capture.Slot)});";

    /// <summary>Null when there is none.</summary>
    public static async ValueTask<PublicationState?> FindPublicationAsync(NpgsqlConnection connection, PostgresSourceOptions options, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            select array(select format('%I.%I', schemaname, tablename)::regclass::oid from pg_catalog.pg_publication_tables t where t.pubname = p.pubname),
                   coalesce(obj_description(oid, 'pg_publication'), ''), pg_has_role(pubowner, 'USAGE')
            from pg_catalog.pg_publication p where pubname = $1
            """, connection) { Parameters = { new() { Value = options.Capture.Publication } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new PublicationState(reader.GetFieldValue<uint[]>(0).ToHashSet(), new PublicationMark(reader.GetString(1)), reader.GetBoolean(2))
            : null;
    }

    /// <summary>The slot of the configured name, whoever made it; null when there is none.</summary>
    public static async ValueTask<SlotState?> FindSlotAsync(NpgsqlConnection connection, PostgresSourceOptions options, CancellationToken cancellationToken)
    {
        // Columns that older versions do not have are taken from the row as a document. What was committed with synchronous_commit = off
        // may not be written yet: the log ends where it is inserted.
        await using var command = new NpgsqlCommand("""
            select coalesce(confirmed_flush_lsn, '0/0')::text, coalesce(plugin, 'none')::text, coalesce(database, '')::text, coalesce(to_jsonb(s) ->> 'wal_status', 'reserved'), active,
                   coalesce(pg_wal_lsn_diff(server.reached, restart_lsn), 0)::bigint, coalesce(pg_wal_lsn_diff(server.reached, confirmed_flush_lsn), 0)::bigint,
                   (to_jsonb(s) ->> 'safe_wal_size')::bigint, (to_jsonb(s) ->> 'failover')::boolean
            from pg_catalog.pg_replication_slots s,
                 (select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end as reached) server
            where slot_name = $1
            """, connection) { Parameters = { new() { Value = options.Capture.Slot } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new SlotState(Lsn.Parse(reader.GetString(0)), reader.GetString(1), reader.GetString(2), SlotState.HealthOf(reader.GetString(3)), reader.GetBoolean(4), reader.GetInt64(5),
                reader.GetInt64(6), reader.IsDBNull(7) ? null : reader.GetInt64(7), reader.IsDBNull(8) ? null : reader.GetBoolean(8))
            : null;
    }

    public static async ValueTask<string> SystemIdentifierAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select system_identifier::text from pg_catalog.pg_control_system()", connection);
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>The relations that hold each table's rows: itself, or its partitions.</summary>
    public static async ValueTask<IReadOnlyDictionary<string, IReadOnlyList<uint>>> StoredRelationsAsync(NpgsqlConnection connection, IReadOnlyDictionary<string, PostgresTable> tables,
        CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            with recursive tree as (
              select root, root as oid from unnest($1) root
              union all
              select root, inhrelid from pg_catalog.pg_inherits join tree on inhparent = tree.oid)
            select tree.root, c.oid from tree join pg_catalog.pg_class c using (oid) where c.relkind = 'r' order by c.oid
            """, connection)
        {
            Parameters = { new() { Value = tables.Values.Select(table => table.Oid).ToArray(), NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Oid } },
        };
        var relations = new List<(uint Root, uint Oid)>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken)) relations.Add((reader.GetFieldValue<uint>(0), reader.GetFieldValue<uint>(1)));
        var byRoot = relations.Distinct().ToLookup(relation => relation.Root, relation => relation.Oid);
        return tables.ToDictionary(table => table.Key, IReadOnlyList<uint> (table) => [.. byRoot[table.Value.Oid]], StringComparer.Ordinal);
    }

    public static async ValueTask ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
