using Npgsql;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>Looks at what change capture needs beyond reading, and tells the SQL that puts it right.</summary>
internal static class CaptureCheck
{
    private const int OldestVersion = 130_000;

    public static async ValueTask CheckServerAsync(NpgsqlConnection connection, PostgresSourceOptions options, CaptureOwnership ownership, List<Finding> findings, CancellationToken cancellationToken)
    {
        var role = Sql.Identifier(options.Security.Username);
        await using (var command = new NpgsqlCommand("""
            select current_setting('wal_level'), current_setting('server_version_num')::int,
                   (select rolreplication or rolsuper from pg_catalog.pg_roles where rolname = current_user),
                   (select count(*) from pg_catalog.pg_replication_slots)::int, current_setting('max_replication_slots')::int,
                   (select count(*) from pg_catalog.pg_stat_replication)::int, current_setting('max_wal_senders')::int,
                   pg_is_in_recovery(), current_setting('max_slot_wal_keep_size')
            """, connection))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            Add("wal_level", reader.GetString(0) == "logical", reader.GetString(0), "ALTER SYSTEM SET wal_level = logical; -- then restart the server");
            Add("version for change capture", reader.GetInt32(1) >= OldestVersion, reader.GetInt32(1).ToString(), "Upgrade the server to version 13 or later.");
            Add("right to replicate", reader.GetBoolean(2), reader.GetBoolean(2) ? "yes" : "no", $"ALTER ROLE {role} REPLICATION;");
            Add("primary", !reader.GetBoolean(7), reader.GetBoolean(7) ? "this is a standby" : "yes", "Connect to the primary.");
            var (slots, slotsMax, senders, sendersMax) = (reader.GetInt32(3), reader.GetInt32(4), reader.GetInt32(5), reader.GetInt32(6));
            Add("WAL kept for slots at most", ok: true, reader.GetString(8), nextStep: "");
            await reader.DisposeAsync();

            var slot = await CaptureSetup.FindSlotAsync(connection, options, cancellationToken);
            if (slot is null) Add("replication slots left", slots < slotsMax, $"{slotsMax - slots} of {slotsMax}", Raise("max_replication_slots", slots));
            else
                Add($"slot {options.Capture.Slot}", slot is { Plugin: "pgoutput", Health: SlotHealth.Reserved or SlotHealth.Extended },
                    $"plugin {slot.Plugin}, WAL {slot.Health.ToString().ToLowerInvariant()}, {slot.RetainedBytes} bytes retained, confirmed to {Lsn.Format(slot.Confirmed)}",
                    slot.Plugin != "pgoutput" ? "Choose another name for capture.slot."
                    : slot.Health == SlotHealth.Lost ? $"{CaptureSetup.DropSlotSql(options)} -- then read the tables anew under other names, or accept what is missing"
                    : "ALTER SYSTEM SET max_slot_wal_keep_size = -1; SELECT pg_reload_conf();");
            if (FailoverSlots.Check(options, connection.PostgreSqlVersion.Major, slot) is { } failover) findings.Add(failover);
            Add("WAL senders left", senders < sendersMax || slot is { IsActive: true }, $"{sendersMax - senders} of {sendersMax}", Raise("max_wal_senders", senders));
            await CheckOwnerAsync(slot);
        }

        async ValueTask CheckOwnerAsync(SlotState? slot)
        {
            var publication = await CaptureSetup.FindPublicationAsync(connection, options, cancellationToken);
            if (slot is null && publication is null) return;
            var verdict = await ownership.JudgeAsync(connection, publication, slot, cancellationToken);
            Add("owner of slot and publication", verdict.Refusal is null, verdict.Refusal?.Cause ?? (verdict.Claim is not null ? "of the release before; this pipeline takes them over at start"
                : verdict.Advice is { } advice ? $"nobody is named, so that another pipeline could use them too; better, as the publication's owner: {advice}" : "this pipeline"), verdict.Refusal?.NextStep ?? "");
        }

        static string Raise(string setting, int used) => $"ALTER SYSTEM SET {setting} = {Sql.Integer(used + 10)}; -- then restart the server";

        void Add(string thing, bool ok, string detail, string nextStep) => findings.Add(new Finding($"{options.Name}: {thing}", ok, detail, ok ? null : nextStep));
    }

    public static async ValueTask CheckTableAsync(NpgsqlConnection connection, PostgresSourceOptions options, PostgresTable table, string thing, List<Finding> findings,
        CancellationToken cancellationToken)
    {
        var publication = await CaptureSetup.FindPublicationAsync(connection, options, cancellationToken);
        await using var command = new NpgsqlCommand("""
            select c.relreplident, c.relkind, pg_has_role(c.relowner, 'USAGE'), has_database_privilege(current_database(), 'CREATE'),
                   coalesce((select format('%I', rolname) from pg_catalog.pg_roles where oid = c.relowner), ''), format('%I', current_database())
            from pg_catalog.pg_class c where c.oid = $1
            """, connection) { Parameters = { CatalogReader.Oid(table.Oid) } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);

        var role = Sql.Identifier(options.Security.Username);
        Add("kind", reader.GetChar(1) is 'r' or 'p', reader.GetChar(1) is 'r' or 'p' ? "table" : "no ordinary table", "Capture the tables below it.");
        var identity = reader.GetChar(0);
        Add("replica identity", identity is 'f' or 'i' || (identity == 'd' && table.PrimaryKey.Count > 0),
            identity switch { 'f' => "full", 'i' => "an index", 'd' when table.PrimaryKey.Count > 0 => "the primary key", 'd' => "there is no primary key: updates and deletes would fail", _ => "nothing: updates and deletes would fail" },
            $"ALTER TABLE {table.QualifiedName} REPLICA IDENTITY FULL;");
        if (publication?.Tables.Contains(table.Oid) == true)
            Add("publication", ok: true, options.Capture.Publication, "");
        else if (publication is not null)
            Add("publication", publication.Mark.IsMadeByPipeline && reader.GetBoolean(2), $"{options.Capture.Publication} does not contain it{(publication.Mark.IsMadeByPipeline ? "; it is added at start by the table's owner" : "")}",
                $"{CaptureSetup.AddTablesSql(options, [table])};");
        else
            Add("publication", reader.GetBoolean(2) && reader.GetBoolean(3), $"{options.Capture.Publication} does not exist; it is made at start by the table's owner",
                $"GRANT CREATE ON DATABASE {reader.GetString(5)} TO {role}; GRANT {reader.GetString(4)} TO {role}; -- or as the owner: {CaptureSetup.CreatePublicationSql(options, [table])};");

        void Add(string what, bool ok, string detail, string nextStep) => findings.Add(new Finding($"{thing}: {what}", ok, detail, ok ? null : nextStep));
    }
}
