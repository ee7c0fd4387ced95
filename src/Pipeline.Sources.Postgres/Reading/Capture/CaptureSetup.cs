using System.Data;
using Npgsql;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>A publication as the server has it.</summary>
/// <param name="Tables">What is published, by the identities of the tables.</param>
/// <param name="Mark">Who made it, and whose slots are read with it.</param>
/// <param name="MayAlter">Whether our role is its owner's.</param>
internal sealed record PublicationState(IReadOnlyDictionary<uint, PublishedTable> Tables, PublicationMark Mark, bool MayAlter)
{
    public required PublishedOperations Operations { get; init; }

    /// <summary>Partitions come as their table.</summary>
    public required bool IsViaRoot { get; init; }

    /// <summary>Tells it from one that was dropped before, and from what it was before it was altered.</summary>
    public required string Lineage { get; init; }
}

/// <summary>Which changes a publication has.</summary>
internal sealed record PublishedOperations(bool Inserts, bool Updates, bool Deletes, bool Truncates)
{
    /// <summary>Those that do not come; empty: all do.</summary>
    public string Missing => string.Join(", ", ((string, bool)[])[("inserts", Inserts), ("updates", Updates), ("deletes", Deletes), ("truncates", Truncates)] is var all
        ? all.Where(operation => !operation.Item2).Select(operation => operation.Item1) : []);
}

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
    private const int FirstWithSchemas = 15;

    /// <summary>The server's writer comes by every 0.2 s, and the third time at the latest.</summary>
    private static readonly RetryPolicy Written = new() { BackoffMin = TimeSpan.FromMilliseconds(20), BackoffMax = TimeSpan.FromMilliseconds(100), TimeMax = TimeSpan.FromSeconds(1) };

    /// <summary>Makes what is missing and checks what is there. One at a time: workers of a source start together.</summary>
    /// <param name="advise">Takes a statement of which nobody but the publication's owner may make use.</param>
    /// <returns>The tables that came into the publication when the slot was there already: of them it does not have every change.</returns>
    /// <exception cref="PipelineException">What is there belongs to somebody else; it stays as it is.</exception>
    public static async ValueTask<IReadOnlyList<PostgresTable>> EnsureAsync(NpgsqlConnection connection, PostgresSourceOptions options, CaptureOwnership ownership, string thing, IEnumerable<PostgresTable> tables,
        Action<string> advise, CancellationToken cancellationToken)
    {
        var turn = $"(hashtext({Sql.Text("pipeline " + options.Capture.Slot)}))";
        await ExecuteAsync(connection, $"select pg_advisory_lock{turn}", cancellationToken);
        try
        {
            return await EnsureInTurnAsync(connection, options, ownership, thing, [.. tables], advise, cancellationToken);
        }
        finally
        {
            // A session that has ended holds no lock, and asking it would hide why it ended.
            if (connection.State == ConnectionState.Open) await ExecuteAsync(connection, $"select pg_advisory_unlock{turn}", CancellationToken.None);
        }
    }

    /// <summary>Looks, and changes nothing.</summary>
    /// <exception cref="PipelineException">What is there belongs to somebody else.</exception>
    public static async ValueTask<CaptureState> FindAsync(NpgsqlConnection connection, PostgresSourceOptions options, CaptureOwnership ownership, string thing, PublicationState? found, IEnumerable<PostgresTable> tables,
        CancellationToken cancellationToken)
    {
        var slot = await FindSlotAsync(connection, options, cancellationToken);
        var verdict = await ownership.JudgeAsync(connection, found, slot, cancellationToken);
        if (verdict.Refusal is not null) throw verdict.Refusal;
        if (slot is not null && slot.Plugin != "pgoutput")
            throw new PipelineException(FaultKind.Invalid, thing, $"slot {options.Capture.Slot} exists with plugin {slot.Plugin}", "Choose another name for capture.slot.");
        if (slot?.CopyFault(options) is { } copy) throw copy;
        return new CaptureState(found, slot, [.. tables.Where(table => found?.Tables.ContainsKey(table.Oid) != true)], verdict);
    }

    /// <summary>From where on a slot has changes.</summary>
    /// <exception cref="PipelineException">It is not made yet.</exception>
    public static long ConfirmedOf(SlotState slot, PostgresSourceOptions options, string thing) => slot.Confirmed > 0
        ? slot.Confirmed
        : throw new PipelineException(FaultKind.Unreachable, thing, $"slot {options.Capture.Slot} is just being made: the server waits for open transactions to end", "Nothing to do unless it lasts.");

    private static async ValueTask<IReadOnlyList<PostgresTable>> EnsureInTurnAsync(NpgsqlConnection connection, PostgresSourceOptions options, CaptureOwnership ownership, string thing, IReadOnlyList<PostgresTable> tables,
        Action<string> advise, CancellationToken cancellationToken)
    {
        var publication = await FindPublicationAsync(connection, options, cancellationToken);
        var (found, slot, missing, verdict) = await FindAsync(connection, options, ownership, thing, publication, tables, cancellationToken);

        // The publication first: a slot decodes only what was published when it happened.
        if (found is null && tables.Count == 0) return [];
        var isStandby = await IsStandbyAsync(connection, cancellationToken);
        var changes = new List<string>();
        if (found is null)
            changes.Add($"{CreatePublicationSql(options, tables)}; {CaptureOwnership.CommentSql(options.Capture.Publication, PublicationMark.Made(await ownership.ClaimAsync(cancellationToken)))}");
        else if (missing.Count > 0)
            changes.Add(await PublishSqlAsync(connection, options, found, missing, cancellationToken));
        if (verdict.Claim is { } claim) changes.Add(CaptureOwnership.CommentSql(options.Capture.Publication, claim));
        if (changes.Count > 0 && isStandby) throw OnPrimary(options, thing, changes);
        foreach (var change in changes) await ExecuteAsync(connection, change, cancellationToken);

        if (verdict.Advice is { } advice) advise(advice);
        if (slot is not null) return missing;
        await CreateSlotAsync(connection, options, thing, isStandby, cancellationToken);
        return [];
    }

    /// <summary>A standby has the primary's publications, and makes none.</summary>
    private static PipelineException OnPrimary(PostgresSourceOptions options, string thing, IEnumerable<string> statements) => new(FaultKind.Missing, thing,
        $"{options.Host}:{options.Port} is a standby, which has the primary's publications, and {options.Capture.Publication} is not as it must be", $"{OnPrimarySql} {string.Join("; ", statements)};");

    /// <summary>Before a statement that a standby does not take.</summary>
    public const string OnPrimarySql = "On the primary, as the owner:";

    /// <summary>What the primary is asked for while a standby waits with a slot: it writes it by itself only when something is written.</summary>
    public const string SnapshotSql = "SELECT pg_log_standby_snapshot();";

    /// <summary>Whether the session is the one that was given our settings, and not whichever a pooler has at hand.</summary>
    public static async ValueTask<bool> HasOurSettingsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select pg_catalog.current_setting('search_path')", connection);
        return (string)(await command.ExecuteScalarAsync(cancellationToken))! == "pg_catalog";
    }

    public static async ValueTask<bool> IsStandbyAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select pg_is_in_recovery()", connection);
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>The server waits for every transaction that is open to end; a standby for the primary to say which are.</summary>
    private static async ValueTask CreateSlotAsync(NpgsqlConnection connection, PostgresSourceOptions options, string thing, bool isStandby, CancellationToken cancellationToken)
    {
        try
        {
            await ExecuteAsync(connection, FailoverSlots.CreateSql(options, connection.PostgreSqlVersion.Major), cancellationToken);
        }
        catch (NpgsqlException e) when (e.InnerException is TimeoutException && !cancellationToken.IsCancellationRequested)
        {
            if (isStandby)
                throw new PipelineException(FaultKind.Unreachable, thing, $"slot {options.Capture.Slot} was not made within {options.RequestTimeout.TotalSeconds:0} s: {options.Host}:{options.Port} is a standby, which waits until the primary has written which transactions are open", $"On the primary: {SnapshotSql}", e);
            var oldest = connection.State == ConnectionState.Open ? await OpenTransactionAsync(connection, cancellationToken) : null;
            throw new PipelineException(FaultKind.Unreachable, thing, $"slot {options.Capture.Slot} was not made within {options.RequestTimeout.TotalSeconds:0} s: the server waits until transactions that are open have ended{(oldest is null ? "" : $", the oldest of {oldest}")}",
                oldest is null ? "Look them up in pg_stat_activity." : "End it, or wait for its end.", e);
        }
    }

    /// <summary>The oldest open transaction that has written or may write, for people; null: none is seen.</summary>
    public static async ValueTask<string?> OpenTransactionAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            select said from (
              select xact_start as since, format('process %s (%s), open since %sZ', pid, state, to_char(xact_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')) as said
              from pg_catalog.pg_stat_activity where backend_xid is not null and pid <> pg_backend_pid()
              union all
              select prepared, format('the prepared transaction %L, open since %sZ', gid, to_char(prepared at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')) from pg_catalog.pg_prepared_xacts) held
            order by since limit 1
            """, connection);
        return (string?)await command.ExecuteScalarAsync(cancellationToken);
    }

    public static string CreatePublicationSql(PostgresSourceOptions options, IEnumerable<PostgresTable> tables) =>
        $"create publication {Sql.Identifier(options.Capture.Publication)} for table {string.Join(", ", tables.Select(table => table.QualifiedName))} with (publish_via_partition_root = true)";

    /// <summary>The statement by which a publication has the tables; of those whose partitions it has by themselves, they come as their table.</summary>
    public static async ValueTask<string> PublishSqlAsync(NpgsqlConnection connection, PostgresSourceOptions options, PublicationState publication, IReadOnlyList<PostgresTable> tables, CancellationToken cancellationToken)
    {
        var name = Sql.Identifier(options.Capture.Publication);
        var partitions = await PartitionsAsync(connection, tables, cancellationToken);
        var inParts = publication.IsViaRoot ? [] : tables.Where(table => partitions[table.Oid].Any(publication.Tables.ContainsKey)).ToList();
        var statements = tables.Except(inParts).Select(table => $"alter publication {name} add table {table.QualifiedName}");
        return string.Join("; ", inParts.Count > 0 ? statements.Prepend($"alter publication {name} set (publish_via_partition_root = true)") : statements);
    }

    private static async ValueTask<IReadOnlyDictionary<uint, IReadOnlyList<uint>>> PartitionsAsync(NpgsqlConnection connection, IReadOnlyList<PostgresTable> tables, CancellationToken cancellationToken)
    {
        var stored = await StoredRelationsAsync(connection, tables.ToDictionary(table => table.QualifiedName, StringComparer.Ordinal), cancellationToken);
        return tables.ToDictionary(table => table.Oid, IReadOnlyList<uint> (table) => [.. stored[table.QualifiedName].Where(relation => relation != table.Oid)]);
    }

    /// <summary>Publishes columns that the server computes and stores (<c>publish_generated_columns</c>).</summary>
    public const int FirstWithGenerated = 18;

    public static string DropSlotSql(PostgresSourceOptions options) => $"SELECT pg_drop_replication_slot({Sql.Text(options.Capture.Slot)});";

    /// <summary>Null when there is none.</summary>
    public static async ValueTask<PublicationState?> FindPublicationAsync(NpgsqlConnection connection, PostgresSourceOptions options, CancellationToken cancellationToken)
    {
        // Lists of columns and filters of rows are there since version 15: they are taken from the row as a document.
        // What is altered is written anew, and what is dropped and made again has another number.
        var ofSchema = connection.PostgreSqlVersion.Major < FirstWithSchemas ? "null::oid" : "(select s.oid from pg_catalog.pg_publication_namespace s where s.pnpubid = p.oid and s.pnnspid = c.relnamespace)";
        await using var command = new NpgsqlCommand($"""
            select coalesce(obj_description(p.oid, 'pg_publication'), ''), pg_has_role(pubowner, 'USAGE'), pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot,
                   t.oid, t.columns, t.filter, format('%s.%s', p.oid, p.xmin), t.lineage
            from pg_catalog.pg_publication p
            left join lateral (select c.oid,
                                      concat_ws('.', (select string_agg(r.oid::text, '.' order by r.oid) from pg_catalog.pg_publication_rel r
                                                      where r.prpubid = p.oid and (r.prrelid = c.oid or r.prrelid in (select ancestor::oid from pg_partition_ancestors(c.oid) ancestor))), {ofSchema}) as lineage,
                                      to_jsonb(t) ->> 'rowfilter' as filter,
                                      case when to_jsonb(t) ? 'attnames' then array(select jsonb_array_elements_text(case jsonb_typeof(to_jsonb(t) -> 'attnames') when 'array' then to_jsonb(t) -> 'attnames' else '[]' end)) end as columns
                               from pg_catalog.pg_publication_tables t join pg_catalog.pg_namespace n on n.nspname = t.schemaname join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = t.tablename
                               where t.pubname = p.pubname) t on true
            where pubname = $1
            """, connection) { Parameters = { new() { Value = options.Capture.Publication } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        PublicationState? publication = null;
        var tables = new Dictionary<uint, PublishedTable>();
        while (await reader.ReadAsync(cancellationToken))
        {
            publication ??= new PublicationState(tables, new PublicationMark(reader.GetString(0)), reader.GetBoolean(1))
            {
                Operations = new PublishedOperations(reader.GetBoolean(2), reader.GetBoolean(3), reader.GetBoolean(4), reader.GetBoolean(5)),
                IsViaRoot = reader.GetBoolean(6), Lineage = reader.GetString(10),
            };
            if (!reader.IsDBNull(7))
                tables[reader.GetFieldValue<uint>(7)] = new PublishedTable(reader.IsDBNull(8) ? null : reader.GetFieldValue<string[]>(8), reader.IsDBNull(9) ? null : reader.GetString(9), reader.GetString(11)) { MayHaveGenerated = connection.PostgreSqlVersion.Major >= FirstWithGenerated };
        }

        return publication;
    }

    /// <summary>The slot of the configured name, whoever made it; null when there is none.</summary>
    public static async ValueTask<SlotState?> FindSlotAsync(NpgsqlConnection connection, PostgresSourceOptions options, CancellationToken cancellationToken)
    {
        // Columns that older versions do not have are taken from the row as a document. What was committed with synchronous_commit = off
        // may not be written yet: the log ends where it is inserted.
        await using var command = new NpgsqlCommand("""
            select coalesce(confirmed_flush_lsn, '0/0')::text, coalesce(plugin, 'none')::text, coalesce(database, '')::text, coalesce(to_jsonb(s) ->> 'wal_status', 'reserved'), active,
                   coalesce(pg_wal_lsn_diff(server.reached, restart_lsn), 0)::bigint, coalesce(pg_wal_lsn_diff(server.reached, confirmed_flush_lsn), 0)::bigint,
                   (to_jsonb(s) ->> 'safe_wal_size')::bigint, (to_jsonb(s) ->> 'failover')::boolean, to_jsonb(s) ->> 'invalidation_reason',
                   coalesce((to_jsonb(s) ->> 'synced')::boolean, false) and pg_is_in_recovery(), temporary, active_pid,
                   case when not pg_is_in_recovery() then ('x' || substr(pg_walfile_name(server.reached), 1, 8))::bit(32)::int end
            from pg_catalog.pg_replication_slots s,
                 (select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end as reached) server
            where slot_name = $1
            """, connection) { Parameters = { new() { Value = options.Capture.Slot } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new SlotState(Lsn.Parse(reader.GetString(0)), reader.GetString(1), reader.GetString(2), SlotState.HealthOf(reader.GetString(3)), reader.GetBoolean(4), reader.GetInt64(5),
                reader.GetInt64(6), reader.IsDBNull(7) ? null : reader.GetInt64(7), reader.IsDBNull(8) ? null : reader.GetBoolean(8)) { LostBy = reader.IsDBNull(9) ? null : reader.GetString(9), IsCopy = reader.GetBoolean(10), IsTemporary = reader.GetBoolean(11), ReadBy = reader.IsDBNull(12) ? null : reader.GetInt32(12), Timeline = reader.IsDBNull(13) ? null : reader.GetInt32(13) }
            : null;
    }

    /// <summary>
    /// Where the server's log ends on its disk, behind all that was seen before. What was committed without waiting for the disk gets there in
    /// less than a second; what is written beside transactions may take longer and tells nothing.
    /// </summary>
    public static async ValueTask<long> WrittenAsync(NpgsqlConnection connection, TimeProvider time, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            select (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end)::text,
                   (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end)::text
            """, connection);
        long? inserted = null;
        return await Written.RunAsync(time, async cancel =>
        {
            await using var reader = await command.ExecuteReaderAsync(cancel);
            await reader.ReadAsync(cancel);
            inserted ??= Lsn.Parse(reader.GetString(0));
            return Lsn.Parse(reader.GetString(1));
        }, cancellationToken, isAgain: written => written < inserted, isTransient: _ => false);
    }

    /// <summary>The server's identifier and the database's.</summary>
    public static async ValueTask<(string System, uint Database)> IdentityAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select system_identifier::text, (select oid from pg_catalog.pg_database where datname = current_database()) from pg_catalog.pg_control_system()", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (reader.GetString(0), reader.GetFieldValue<uint>(1));
    }

    /// <summary>A query for a server's identifier.</summary>
    public const string SystemIdentifierSql = "select system_identifier::text from pg_catalog.pg_control_system()";

    public static async ValueTask<string> SystemIdentifierAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(SystemIdentifierSql, connection);
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Empty where the role may not ask.</summary>
    public static async ValueTask<string> TrySystemIdentifierAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            return await SystemIdentifierAsync(connection, cancellationToken);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            return "";
        }
    }

    /// <summary>The relations that hold each table's rows: itself, or its partitions. Tables that inherit from it are tables of their own, as in the stream.</summary>
    public static async ValueTask<IReadOnlyDictionary<string, IReadOnlyList<uint>>> StoredRelationsAsync(NpgsqlConnection connection, IReadOnlyDictionary<string, PostgresTable> tables,
        CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            with recursive tree as (
              select root, root as oid from unnest($1) root
              union all
              select root, inhrelid from tree join pg_catalog.pg_class parent on parent.oid = tree.oid and parent.relkind = 'p' join pg_catalog.pg_inherits on inhparent = tree.oid)
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
