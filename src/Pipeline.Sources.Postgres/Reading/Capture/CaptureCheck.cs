using Npgsql;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Client;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>Looks at what change capture needs beyond reading, and tells the SQL that puts it right.</summary>
internal static class CaptureCheck
{
    private const int OldestVersion = 130_000;

    private const int FirstWithSlotsOnStandbys = 160_000;

    public static async ValueTask CheckServerAsync(NpgsqlConnection connection, PostgresConnections connections, PostgresSourceOptions options, CaptureOwnership ownership, List<Finding> findings, CancellationToken cancellationToken)
    {
        var role = Sql.Identifier(options.Security.Username);
        var settings = await ServerSettings.FindAsync(connection, cancellationToken);
        await using var command = new NpgsqlCommand("""
            select current_setting('wal_level'), current_setting('server_version_num')::int,
                   (select rolreplication or rolsuper from pg_catalog.pg_roles where rolname = current_user),
                   (select count(*) from pg_catalog.pg_replication_slots)::int, current_setting('max_replication_slots')::int,
                   (select count(*) from pg_catalog.pg_stat_replication)::int, current_setting('max_wal_senders')::int,
                   pg_is_in_recovery(), current_setting('max_slot_wal_keep_size'), has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')
            """, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        Add("wal_level", reader.GetString(0) == "logical", reader.GetString(0), settings.Set("wal_level", "logical", needsRestart: true));
        Add("version for change capture", reader.GetInt32(1) >= OldestVersion, reader.GetInt32(1).ToString(), "Upgrade the server to version 13 or later.");
        var isMarked = reader.GetBoolean(2);
        var (isStandby, hasSlotsOnStandbys) = (reader.GetBoolean(7), reader.GetInt32(1) >= FirstWithSlotsOnStandbys);
        Add("primary", !isStandby || hasSlotsOnStandbys, (isStandby, hasSlotsOnStandbys) switch
        {
            (false, _) => "yes",
            (true, true) => "this is a standby, which can be read too: its publications are the primary's",
            _ => "this is a standby, and before version 16 none has slots",
        }, "Connect to the primary.");
        var (slots, slotsMax, senders, sendersMax) = (reader.GetInt32(3), reader.GetInt32(4), reader.GetInt32(5), reader.GetInt32(6));
        Add("WAL kept for slots at most", ok: true, reader.GetString(8), nextStep: "");
        Add("identity of the server", reader.GetBoolean(9), reader.GetBoolean(9) ? "may be asked" : "no right to ask for it", $"GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO {role};");
        await reader.DisposeAsync();
        if (!await CaptureSetup.HasOurSettingsAsync(connection, cancellationToken) && PostgresFaults.Pooler(options, options.Thing, SessionSettings.DoNotLast) is var pooler) Add("session", ok: false, pooler.Cause, pooler.NextStep);
        var (mayReplicate, replicationFault) = await MayReplicateAsync(connections, options, isMarked, cancellationToken);
        Add("right to replicate", mayReplicate, replicationFault?.Cause ?? (mayReplicate ? "yes" : "no"), replicationFault?.NextStep ?? settings.MayReplicateSql(role));

        var slot = await CaptureSetup.FindSlotAsync(connection, options, cancellationToken);
        if (slot is null)
        {
            Add("replication slots left", slots < slotsMax, $"{slotsMax - slots} of {slotsMax}", Raise("max_replication_slots", slots));
            Add("making the slot", ok: true, isStandby ? $"waits until the primary has written which transactions are open: {CaptureSetup.SnapshotSql} there"
                : await CaptureSetup.OpenTransactionAsync(connection, cancellationToken) is { } open ? $"waits for transactions that are open: {open}" : "waits for nobody", nextStep: "");
        }
        else
            CheckSlot(slot);
        var version = connection.PostgreSqlVersion.Major;
        if (FailoverSlots.Check(options, version, isStandby, slot) is { } failover) findings.Add(failover);
        if (isStandby) await StandbyCheck.CheckOfStandbyAsync(connection, options, findings, cancellationToken);
        else if (slot?.IsFailover ?? (options.Capture.Failover && version >= FailoverSlots.FirstVersion)) await StandbyCheck.CheckOfPrimaryAsync(connection, options, settings, findings, cancellationToken);
        Add("WAL senders left", senders < sendersMax || slot is { IsActive: true }, $"{sendersMax - senders} of {sendersMax}", Raise("max_wal_senders", senders));
        await CheckOwnerAsync(slot);

        void CheckSlot(SlotState found)
        {
            var state = $"plugin {found.Plugin}, WAL {found.Health.ToString().ToLowerInvariant()}, {Plural.Of(found.RetainedBytes, "byte")} retained, confirmed to {Lsn.Format(found.Confirmed)}";
            var (ok, detail, nextStep) = found switch
            {
                _ when found.CopyFault(options) is { } copy => (false, copy.Cause, copy.NextStep),
                { Plugin: not "pgoutput" } => (false, state, "Choose another name for capture.slot."),
                { Health: SlotHealth.Lost } => (false, found.Loss.Cause, $"{CaptureSetup.DropSlotSql(options)} {found.Loss.Setting} -- then read the tables anew under other names, or accept what is missing"),
                { Health: SlotHealth.Unreserved } => (false, state, settings.Set("max_slot_wal_keep_size", "-1", needsRestart: false)),
                _ => (true, state, ""),
            };
            Add($"slot {options.Capture.Slot}", ok, detail, nextStep);
        }

        async ValueTask CheckOwnerAsync(SlotState? slot)
        {
            var publication = await CaptureSetup.FindPublicationAsync(connection, options, cancellationToken);
            if (slot is null && publication is null) return;
            var verdict = await ownership.JudgeAsync(connection, publication, slot, cancellationToken);
            Add("owner of slot and publication", verdict.Refusal is null, verdict.Refusal?.Cause ?? (verdict.Claim is not null ? "of the release before; this pipeline takes them over at start"
                : verdict.Advice is { } advice ? $"nobody is named, so that another pipeline could use them too; better, as the publication's owner: {advice}" : "this pipeline"), verdict.Refusal?.NextStep ?? "");
            if (verdict.Refusal is null && slot is { IsCopy: false, ReadBy: { } process }) await CheckReaderAsync(process);
        }

        // One reads a slot at a time. Our own is a node of this pipeline.
        async ValueTask CheckReaderAsync(int process)
        {
            await using var asked = new NpgsqlCommand("select application_name, coalesce(usename::text, '') from pg_catalog.pg_stat_activity where pid = $1", connection) { Parameters = { new() { Value = process } } };
            await using var read = await asked.ExecuteReaderAsync(cancellationToken);
            if (!await read.ReadAsync(cancellationToken)) return;
            var (application, user) = (read.GetString(0), read.GetString(1));
            Add("reader of the slot", application == connections.ApplicationName, application == connections.ApplicationName ? "a node of this pipeline" : $"process {Sql.Integer(process)} of role {user} ({application}), and one reads a slot at a time",
                $"SELECT pg_terminate_backend({Sql.Integer(process)}); -- if it is meant for this pipeline, or give capture.slot a name of its own");
        }

        // Services that manage a server give the right by roles of their own: whoever gets in has it.
        static async ValueTask<(bool May, PipelineException? Fault)> MayReplicateAsync(PostgresConnections connections, PostgresSourceOptions options, bool isMarked, CancellationToken cancel)
        {
            try
            {
                using var wire = await connections.OpenWireAsync(replication: true, cancel);
                return (true, null);
            }
            catch (PipelineException e)
            {
                return (false, e);
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InsufficientPrivilege)
            {
                return (false, null);
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.TooManyConnections)
            {
                // No room for another sender, which is said below: then what stands in the catalogue.
                return (isMarked, null);
            }
            catch (Exception e) when (PostgresFaults.Knows(e) && !cancel.IsCancellationRequested)
            {
                return (false, PostgresFaults.Describe(e, options.Thing, options));
            }
        }

        string Raise(string setting, int used) => settings.Set(setting, Sql.Integer(used + 10), needsRestart: true);

        void Add(string thing, bool ok, string detail, string nextStep) => findings.Add(new Finding($"{options.Name}: {thing}", ok, detail, ok ? null : nextStep));
    }

    /// <summary>How columns that the server computes come into the lake.</summary>
    public static string HowToPublishGenerated(PostgresSourceOptions options, int version) => version < CaptureSetup.FirstWithGenerated
        ? "Before version 18 no server publishes them: compute them downstream."
        : $"Those that are stored come by ALTER PUBLICATION {Sql.Identifier(options.Capture.Publication)} SET (publish_generated_columns = stored);";

    public static async ValueTask CheckTableAsync(NpgsqlConnection connection, PostgresSourceOptions options, PostgresTableOptions tableOptions, PostgresTable table, string thing,
        List<Finding> findings, CancellationToken cancellationToken)
    {
        var publication = await CaptureSetup.FindPublicationAsync(connection, options, cancellationToken);
        await using var command = new NpgsqlCommand("""
            select pg_has_role(c.relowner, 'USAGE'), has_database_privilege(current_database(), 'CREATE'),
                   coalesce((select format('%I', rolname) from pg_catalog.pg_roles where oid = c.relowner), ''), format('%I', current_database()), pg_is_in_recovery()
            from pg_catalog.pg_class c where c.oid = $1
            """, connection) { Parameters = { CatalogReader.Oid(table.Oid) } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);

        var role = Sql.Identifier(options.Security.Username);
        var (mayAlter, mayCreate, owner, database, isStandby) = (reader.GetBoolean(0), reader.GetBoolean(1), reader.GetString(2), reader.GetString(3), reader.GetBoolean(4));
        await reader.DisposeAsync();
        var traits = (await CatalogReader.TraitsAsync(connection, [table], cancellationToken))[table.Oid];
        var captured = table.Captured(publication?.Tables.GetValueOrDefault(table.Oid));
        foreach (var refusal in CaptureRefusal.Of(tableOptions, captured, traits, publication)) Add(refusal.What, ok: false, refusal.Cause, refusal.NextStep);
        if (traits.Kind is not ('r' or 'p')) return;
        if (table.Columns.Where(column => column.IsGenerated && captured.IndexOf(column.Name) < 0).Select(column => column.Name).ToList() is { Count: > 0 } generated)
            Add("generated columns", ok: true, $"{string.Join(", ", generated)}: the server's log does not have them, nor has the lake. {HowToPublishGenerated(options, connection.PostgreSqlVersion.Major)}", "");
        if (publication?.Operations.Missing is { Length: > 0 } operations) Add("operations", ok: true, $"publication {options.Capture.Publication} leaves out {operations}: they do not come into the lake", "");
        if (publication?.Tables.GetValueOrDefault(table.Oid) is { } published)
            Add("publication", ok: true, string.Concat(options.Capture.Publication, published.Filter is { } filter ? $", rows where {filter}" : "",
                published.Columns is { } columns && table.Columns.Count(column => !column.IsGenerated && !columns.Contains(column.Name)) is > 0 and var left ? $", without {Plural.Of(left, "column")}" : ""), "");
        else if (isStandby)
            Add("publication", ok: false, $"{options.Capture.Publication} {(publication is null ? "does not exist" : "does not contain it")}, and a standby has the primary's",
                $"{CaptureSetup.OnPrimarySql} {(publication is null ? CaptureSetup.CreatePublicationSql(options, [table]) : await CaptureSetup.PublishSqlAsync(connection, options, publication, [table], cancellationToken))};");
        else if (publication is not null)
            Add("publication", publication.Mark.IsMadeByPipeline && mayAlter, $"{options.Capture.Publication} does not contain it{(publication.Mark.IsMadeByPipeline ? "; it is added at start by the table's owner" : "")}",
                $"{await CaptureSetup.PublishSqlAsync(connection, options, publication, [table], cancellationToken)};");
        else
            Add("publication", mayAlter && mayCreate, $"{options.Capture.Publication} does not exist; it is made at start by the table's owner",
                $"GRANT CREATE ON DATABASE {database} TO {role}; GRANT {owner} TO {role}; -- or as the owner: {CaptureSetup.CreatePublicationSql(options, [table])};");

        void Add(string what, bool ok, string detail, string nextStep) => findings.Add(new Finding($"{thing}: {what}", ok, detail, ok ? null : nextStep));
    }
}
