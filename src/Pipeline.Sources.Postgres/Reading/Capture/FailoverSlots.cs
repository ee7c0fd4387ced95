using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>Slots that a standby keeps too, so that changes go on from it when it is promoted: from version 17 on.</summary>
internal static class FailoverSlots
{
    public const int FirstVersion = 17;

    /// <summary>Makes one where that can be: a standby makes plain slots only. Returns where the slot begins, when every transaction that was open has ended: from there on nothing is missed.</summary>
    /// <param name="version">The server's major version.</param>
    public static string CreateSql(PostgresSourceOptions options, int version) =>
        $"select lsn::text from pg_create_logical_replication_slot({Sql.Text(options.Capture.Slot)}, 'pgoutput'{(options.Capture.Failover && version >= FirstVersion ? ", failover => not pg_is_in_recovery()" : "")})";

    /// <param name="slot">Null when it is not made yet.</param>
    /// <returns>Null when failover slots are not asked for.</returns>
    public static Finding? Check(PostgresSourceOptions options, int version, bool isStandby, SlotState? slot)
    {
        var thing = $"{options.Name}: failover slot";
        if (isStandby && options.Capture.Failover) return new Finding(thing, Ok: true, "a standby has none of its own: no other server keeps the slot, and when this one is lost, that is a gap");
        return (options.Capture.Failover, version >= FirstVersion, slot?.IsFailover) switch
        {
            (false, _, _) => null,
            (true, false, _) => new Finding(thing, Ok: true, $"version {version} has none: when a standby takes over, the slot is missing there, which is a gap"),
            (true, true, null) => new Finding(thing, Ok: true, "it is made as one at start"),
            (true, true, true) => new Finding(thing, Ok: true, "standbys keep it too"),
            // A command of replication connections, not of SQL sessions.
            (true, true, false) => new Finding(thing, Ok: false, "standbys do not keep it: when one takes over, changes are lost",
                $"ALTER_REPLICATION_SLOT {Sql.Identifier(options.Capture.Slot)} (FAILOVER true); -- while nobody reads it, by psql \"dbname={options.Database} replication=database\""),
        };
    }
}
