using Npgsql;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>What keeps a takeover from being a gap: that the lake is never ahead of the standby, and that the standby has the slot.</summary>
internal static class StandbyCheck
{
    /// <summary>Of a server that others follow: whether changes wait until they have them, and whether those are there at all.</summary>
    public static async ValueTask CheckOfPrimaryAsync(NpgsqlConnection connection, PostgresSourceOptions options, ServerSettings settings, List<Finding> findings, CancellationToken cancellationToken)
    {
        // The server holds a failover slot's changes back in each of these cases.
        await using var command = new NpgsqlCommand("""
            select named.name, case when s.slot_name is null then 'does not exist' when s.slot_type <> 'physical' then 'is not one of a standby'
                                    when to_jsonb(s) ->> 'invalidation_reason' is not null then 'has lost its WAL' when not s.active then 'is read by nobody' end
            from unnest(string_to_array(replace(current_setting('synchronized_standby_slots'), ' ', ''), ',')) named(name) left join pg_catalog.pg_replication_slots s on s.slot_name = named.name
            union all
            select null, slot_name from pg_catalog.pg_replication_slots where slot_type = 'physical' and current_setting('synchronized_standby_slots') = ''
            """, connection);
        var (named, absent, unnamed) = (new List<string>(), new List<string>(), new List<string>());
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var (name, said) = (reader.IsDBNull(0) ? null : reader.GetString(0), reader.IsDBNull(1) ? null : reader.GetString(1));
            if (name is null) unnamed.Add(said!);
            else if (said is null) named.Add(name);
            else absent.Add($"{name} {said}");
        }

        const string Setting = "synchronized_standby_slots";
        findings.Add(absent.Count > 0 ? new Finding(Thing(options), Ok: false, $"the server holds changes back: {Setting} names {string.Join(", ", absent)}",
                $"Let the standby come back, or take it off the list: {settings.Set(Setting, $"'{string.Join(", ", named)}'", needsRestart: false)}")
            : named.Count > 0 ? new Finding(Thing(options), Ok: true, $"changes wait until {string.Join(", ", named)} have them: a takeover loses nothing")
            : unnamed.Count > 0 ? new Finding(Thing(options), Ok: true, $"the lake may be ahead of a standby that takes over, which is a gap then; better: {settings.Set(Setting, $"'{string.Join(", ", unnamed)}'", needsRestart: false)}")
            : new Finding(Thing(options), Ok: true, "none has a slot here"));
    }

    /// <summary>Of a standby that is read itself.</summary>
    public static async ValueTask CheckOfStandbyAsync(NpgsqlConnection connection, PostgresSourceOptions options, List<Finding> findings, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select current_setting('hot_standby_feedback')", connection);
        var feedback = (string)(await command.ExecuteScalarAsync(cancellationToken))!;
        findings.Add(new Finding($"{options.Name}: hot_standby_feedback", Ok: true, feedback == "on" ? "on: the primary keeps what the slot needs of its catalogue"
            : $"{feedback}: when the primary removes old rows of its catalogue, the slot is lost, which is a gap; better, here: ALTER SYSTEM SET hot_standby_feedback = on; SELECT pg_reload_conf();"));
    }

    private static string Thing(PostgresSourceOptions options) => $"{options.Name}: standbys";
}
