using Pipeline.Core;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>What the server says of WAL that a slot needs (<c>wal_status</c>), from good to bad.</summary>
internal enum SlotHealth
{
    /// <summary>Within <c>max_wal_size</c>.</summary>
    Reserved,

    /// <summary>More than <c>max_wal_size</c>, kept for the slot.</summary>
    Extended,

    /// <summary>More than <c>max_slot_wal_keep_size</c>: a checkpoint may remove it.</summary>
    Unreserved,

    /// <summary>Removed: the slot never delivers again.</summary>
    Lost,
}

/// <summary>A replication slot as the server has it.</summary>
/// <param name="Confirmed">Changes committed before this are durable in the lake and no longer sent.</param>
/// <param name="RetainedBytes">WAL that the server keeps for the slot.</param>
/// <param name="LagBytes">WAL behind <paramref name="Confirmed"/>.</param>
/// <param name="SafeBytes">What more may be written before WAL that the slot needs is removed; null without a limit.</param>
/// <param name="IsFailover">Whether standbys keep the slot too; null before version 17, which has no such slots.</param>
internal sealed record SlotState(long Confirmed, string Plugin, string Database, SlotHealth Health, bool IsActive, long RetainedBytes, long LagBytes, long? SafeBytes, bool? IsFailover)
{
    /// <summary>Why it delivers no more (<c>invalidation_reason</c>, since version 17); null: it does, or the server does not say.</summary>
    public string? LostBy { get; init; }

    /// <summary>The server's timeline; null of a standby.</summary>
    public int? Timeline { get; init; }

    /// <summary>Whether it is a standby's copy of the primary's, which nobody may read before the standby takes over (since version 17).</summary>
    public bool IsCopy { get; init; }

    /// <summary>Whether it ends with the session that made it: a copy, as long as it is not in step with the primary's.</summary>
    public bool IsTemporary { get; init; }

    /// <summary>The server's process that serves whoever reads it; null: nobody does.</summary>
    public int? ReadBy { get; init; }

    /// <summary>What took its changes, and the setting that would have kept them.</summary>
    public (string Cause, string Setting) Loss => LostBy switch
    {
        "idle_timeout" => ("it was not read for longer than idle_replication_slot_timeout", "ALTER SYSTEM SET idle_replication_slot_timeout = 0; SELECT pg_reload_conf();"),
        "wal_level_insufficient" => ("the server was started with wal_level below logical", "ALTER SYSTEM SET wal_level = logical; -- then restart the server"),
        "rows_removed" => ("the primary has removed rows of the catalogue that it still needs", "ALTER SYSTEM SET hot_standby_feedback = on; SELECT pg_reload_conf();"),
        _ => ("the server has removed WAL that the slot still needs (wal_status lost): it exceeded max_slot_wal_keep_size", ""),
    };

    /// <summary>Where the server's log ended.</summary>
    public long End => Confirmed + LagBytes;

    public static SlotHealth HealthOf(string walStatus) => walStatus switch
    {
        "extended" => SlotHealth.Extended,
        "unreserved" => SlotHealth.Unreserved,
        "lost" => SlotHealth.Lost,
        _ => SlotHealth.Reserved,
    };

    /// <summary>Why it cannot be read here and now though nothing is lost; null: it can be.</summary>
    public PipelineException? CopyFault(PostgresSourceOptions options) => !IsCopy ? null
        : new PipelineException(FaultKind.Unreachable, $"Source {options.Name}, slot {options.Capture.Slot}", $"{options.Host}:{options.Port} is a standby, and its slot is a copy of the primary's, {(IsTemporary ? "not in step with it yet" : "ready for the day that this server takes over")}",
            "Connect to the primary; once this server has taken over it is read by itself. To read from the standby, give capture.slot a name of its own.");

    /// <summary>The slot when it can still deliver.</summary>
    /// <param name="slot">Null when it does not exist.</param>
    /// <exception cref="PipelineException">Changes are gone; the error tells how the tables are read anew.</exception>
    public static SlotState Require(SlotState? slot, PostgresSourceOptions options, SplitId split) => slot switch
    {
        { IsCopy: true } => throw slot.CopyFault(options)!,
        { Health: not SlotHealth.Lost } => slot,
        null => throw Gone(options, split, "the slot does not exist: it was dropped by someone else", "A start makes it again, and changes since it was dropped are missing."),
        _ => throw Gone(options, split, slot.Loss.Cause, $"{CaptureSetup.DropSlotSql(options)}{(slot.Loss.Setting.Length > 0 ? $" {slot.Loss.Setting}" : "")}"),
    };

    private static PipelineException Gone(PostgresSourceOptions options, SplitId split, string cause, string first) =>
        new(FaultKind.Gap, $"Source {options.Name}, slot {options.Capture.Slot}", cause,
            $"{first} Then read {Tables(options)} anew, by giving them other names below sources.{options.Name}.tables; "
            + "or start again and accept what is missing with ./pipeline resume TABLE --accept-gap.") { Split = split };

    private static string Tables(PostgresSourceOptions options) =>
        string.Join(", ", options.Tables.Select(table => table.Name)) is var names && options.Tables.Count == 1 ? $"table {names}" : $"tables {names}";
}
