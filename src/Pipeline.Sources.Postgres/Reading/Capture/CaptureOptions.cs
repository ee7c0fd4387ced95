using Pipeline.Configuration;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>What becomes of a column that is added or dropped while changes are captured.</summary>
public enum SchemaChanges
{
    /// <summary>New columns are added to Bronze. Dropped ones are null there from then on, in rows that say they do not carry them: Silver keeps what it has.</summary>
    Evolve,

    /// <summary>New columns are left out; dropped ones are as with <see cref="Evolve"/>.</summary>
    Freeze,

    /// <summary>Reading halts.</summary>
    Fail,
}

/// <summary>Change capture: its slot, publication and habits; the section <c>capture</c>.</summary>
public sealed record CaptureOptions
{
    private static readonly CaptureOptions Defaults = new();

    /// <summary>The replication slot; made when missing. Default <c>pipeline_NAME</c>.</summary>
    public string Slot { get; init; } = "";

    /// <summary>The publication; made when missing, and tables added to it. Default <c>pipeline_NAME</c>.</summary>
    public string Publication { get; init; } = "";

    /// <summary>Whether the rows that are there already are read beside the changes. Default true.</summary>
    public bool Snapshot { get; init; } = true;

    /// <summary>
    /// While nothing changes in the captured tables, their position moves on at this pace, so that the server can
    /// release the WAL of others. Each move is a commit without rows. Default 10 s, 100 ms to 1 h.
    /// </summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>What becomes of columns that are added or dropped. Default <c>evolve</c>.</summary>
    public SchemaChanges SchemaChanges { get; init; }

    /// <summary>Whether the slot is made so that standbys keep it too (version 17 on); ignored by older servers. Default true.</summary>
    public bool Failover { get; init; } = true;

    /// <summary>
    /// How often the slot is looked at while it is read: how late its loss is noticed at most. Default 10 s, 1 s to 1 h. Each
    /// look is one short query.
    /// </summary>
    public TimeSpan WalCheckInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A slot that makes the server keep more bytes of WAL than this is warned of. Default 1 GiB, 1 MiB to 1024 TiB.</summary>
    public long RetainedWalWarn { get; init; } = 1L << 30;

    internal static CaptureOptions Bind(string source, SettingsReader settings)
    {
        var name = $"pipeline_{source.ToLowerInvariant().Replace('-', '_')}";
        var capture = new CaptureOptions
        {
            Slot = settings.String("slot", name),
            Publication = settings.String("publication", name),
            Snapshot = settings.Bool("snapshot", Defaults.Snapshot),
            HeartbeatInterval = settings.Duration("heartbeat-interval", Defaults.HeartbeatInterval, min: TimeSpan.FromMilliseconds(100), max: TimeSpan.FromHours(1)),
            SchemaChanges = settings.Choice<SchemaChanges>("schema-changes", Defaults.SchemaChanges),
            Failover = settings.Bool("failover", Defaults.Failover),
            WalCheckInterval = settings.Duration("wal-check-interval", Defaults.WalCheckInterval, min: TimeSpan.FromSeconds(1), max: TimeSpan.FromHours(1)),
            RetainedWalWarn = settings.Bytes("retained-wal-warn", Defaults.RetainedWalWarn, min: 1 << 20, max: 1L << 50),
        };
        if (capture.Slot.Length > 63 || capture.Slot.Any(c => !char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && c != '_'))
            settings.Report("slot", $"'{capture.Slot}' is not a slot's name. Allowed: up to 63 lower-case letters, digits and underscores");
        settings.Complete();
        return capture;
    }
}
