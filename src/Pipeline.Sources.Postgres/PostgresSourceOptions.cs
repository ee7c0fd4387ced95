using Pipeline.Configuration;
using Pipeline.Sources.Postgres.Reading.Capture;

namespace Pipeline.Sources.Postgres;

/// <summary>How changes are found.</summary>
public enum ReadMode
{
    /// <summary>By a column that grows with every change: needs only the right to read; does not see deletes.</summary>
    Watermark,

    /// <summary>By logical replication: every change, in the order of commits.</summary>
    Cdc,
}

/// <summary>One PostgreSQL database as configured.</summary>
public sealed record PostgresSourceOptions
{
    /// <summary>Where the defaults of settings stand.</summary>
    private static readonly PostgresSourceOptions Defaults = new() { Name = "", Host = "", Database = "", Security = new PostgresSecurityOptions { Username = "" } };

    public required string Name { get; init; }

    public required string Host { get; init; }

    /// <summary>Default 5432.</summary>
    public int Port { get; init; } = 5432;

    public required string Database { get; init; }

    public required PostgresSecurityOptions Security { get; init; }

    /// <summary>How changes are found. Default <c>watermark</c>.</summary>
    public ReadMode Mode { get; init; } = ReadMode.Watermark;

    /// <summary>With <see cref="ReadMode.Cdc"/>.</summary>
    public CaptureOptions Capture { get; init; } = new();

    /// <summary>
    /// With watermarks: pause between two looks for changed rows. Default 1 s, 10 ms to 1 day. Shorter is fresher and asks the
    /// server more often. A table in which nothing changes is looked at less and less often, at last at thirty times this pause.
    /// </summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// With watermarks: how far a window stays behind the server's clock. Open transactions are seen beside it, so it is the
    /// longest that a backend may take from choosing its transaction's time to announcing it. Default 500 ms, 0 to 1 day. Shorter
    /// is fresher; too short loses rows on a server that is out of processors.
    /// </summary>
    public TimeSpan CommitLag { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// Bytes of memory that one node holds of this source, fetched and not yet taken: each table has an equal share, and room for
    /// one chunk at least. Default 64 MiB, 4 KiB to 4 GiB. Each table that is being read holds a chunk that is being filled beside
    /// it, and <see cref="ReadersMax"/> more. More evens out a lake that is slow at times.
    /// </summary>
    public long ReadAheadBytesMax { get; init; } = 64L << 20;

    /// <summary>
    /// Bytes of memory after which a chunk is handed on; a row is never cut. Default 4 MiB, 4 KiB to 1 GiB. Larger chunks cost
    /// less a row and more memory.
    /// </summary>
    public long ChunkBytesMax { get; init; } = 4L << 20;

    /// <summary>
    /// With change capture: how long changes may wait for more of them to share a chunk. Default 100 ms, 0 to 1 min. Longer makes
    /// larger chunks of a thin flow.
    /// </summary>
    public TimeSpan ChunkAgeMax { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// With change capture: how many ranges of one table's snapshot are read at a time, each with a turn of
    /// <see cref="ConnectionsMax"/>. Default 2, 1 to 64. More is faster while the server has processors and disks to spare; each
    /// beyond the first may hold four chunks.
    /// </summary>
    public int ReadersMax { get; init; } = 2;

    /// <summary>
    /// Tables, or ranges of a snapshot, that are read at once; each takes up to two connections, and those beyond it wait for
    /// their turn. Default 4, 1 to 100. Keep it below what the server has left of <c>max_connections</c>.
    /// </summary>
    public int ConnectionsMax { get; init; } = 4;

    /// <summary>How long a connection may take to be made. Default 15 s, 1 s to 10 min.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// How long an answer may take: for a query its whole duration, for a window the pause between two rows. Default 60 s, 100 ms
    /// to 1 day. Longer lets a sort of a large table without an index end.
    /// </summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(60);

    public IReadOnlyList<PostgresTableOptions> Tables { get; init; } = [];

    /// <summary>The source for error messages: never more than its name and address.</summary>
    public string Thing => $"Source {Name} (PostgreSQL {Host}:{Port}/{Database})";

    /// <summary>Connections at most: two a turn, one that looks beside them, and with change capture the stream.</summary>
    internal int ConnectionsNeeded => (2 * ConnectionsMax) + (Mode == ReadMode.Cdc ? 2 : 1);

    /// <summary>One table's share of <see cref="ReadAheadBytesMax"/>.</summary>
    internal long ReadingBytesMax => Math.Max(ChunkBytesMax, ReadAheadBytesMax / Math.Max(Tables.Count, 1));

    public static PostgresSourceOptions Bind(string name, SettingsReader settings)
    {
        foreach (var (was, now, note) in OldNames) settings.Renamed(was, now, note);
        _ = settings.OptionalString("type");
        var mode = settings.Choice<ReadMode>("mode", Defaults.Mode);
        var options = new PostgresSourceOptions
        {
            Name = name,
            Host = settings.String("host"),
            Port = settings.Port("port", Defaults.Port),
            Database = settings.String("database"),
            Security = PostgresSecurityOptions.Bind(settings.Section("security")),
            Mode = mode,
            ReadAheadBytesMax = settings.ReadAheadBytesMax(Defaults.ReadAheadBytesMax),
            ChunkBytesMax = settings.ChunkBytesMax(Defaults.ChunkBytesMax),
            ConnectionsMax = settings.Int("connections-max", Defaults.ConnectionsMax, min: 1, max: 100),
            ConnectTimeout = settings.ConnectTimeout(Defaults.ConnectTimeout),
            RequestTimeout = settings.RequestTimeout(Defaults.RequestTimeout),
            Tables = [.. settings.Section("tables").Children().Select(child => PostgresTableOptions.Bind(child.Name, child.Settings, mode))],
        };
        options = mode == ReadMode.Cdc
            ? options with
            {
                Capture = CaptureOptions.Bind(name, settings.Section("capture")),
                ChunkAgeMax = settings.ChunkAgeMax(Defaults.ChunkAgeMax),
                ReadersMax = settings.ReadersMax(Defaults.ReadersMax),
            }
            : options with
            {
                PollInterval = settings.PollInterval(Defaults.PollInterval),
                CommitLag = settings.CommitLag(Defaults.CommitLag),
            };
        if (options.Tables.Count == 0) settings.Report("tables", "has no table. Write tables { NAME { table = SCHEMA.TABLE } }");
        settings.Complete();
        return options;
    }

    private static readonly (string Was, string Now, string? Note)[] OldNames =
    [
        ("username", "security.username", null),
        ("password", "security.password", null),
        ("tls.mode", "security.tls", null),
        ("tls.ca-file", "security.ca-file", null),
        ("tls.certificate-file", "security.certificate-file", null),
        ("tls.key-file", "security.key-file", null),
        ("settle", "commit-lag", null),
        ("buffer-bytes-max", "read-ahead-bytes-max", "it is for all tables of the source together"),
        ("statement-timeout", "request-timeout", null),
        ("capture.chunk-age-max", "chunk-age-max", null),
        ("capture.snapshot-readers", "readers-max", null),
    ];
}
