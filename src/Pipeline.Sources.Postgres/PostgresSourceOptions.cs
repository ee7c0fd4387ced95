using Pipeline.Core;

namespace Pipeline.Sources.Postgres;

/// <summary>How the server's identity is checked, in PostgreSQL's own words.</summary>
public enum TlsMode
{
    /// <summary>Certificate from the given authority, for the host that was dialled.</summary>
    VerifyFull,

    /// <summary>Certificate from the given authority, for any host.</summary>
    VerifyCa,

    /// <summary>Encrypted, towards whoever answers.</summary>
    Require,

    /// <summary>Not encrypted: for a network that is private by other means.</summary>
    Disable,
}

/// <summary>How changes are found.</summary>
public enum ReadMode
{
    /// <summary>By a column that grows with every change: needs only the right to read; does not see deletes.</summary>
    Watermark,

    /// <summary>By logical replication: every change, in the order of commits.</summary>
    Cdc,
}

/// <summary>What becomes of a column that is added or dropped while changes are captured.</summary>
public enum SchemaChanges
{
    /// <summary>New columns are added to Bronze; dropped ones are null from then on.</summary>
    Evolve,

    /// <summary>New columns are left out; dropped ones are null from then on.</summary>
    Freeze,

    /// <summary>Reading halts.</summary>
    Fail,
}

/// <summary>One PostgreSQL database as configured.</summary>
public sealed record PostgresSourceOptions
{
    public required string Name { get; init; }

    public required string Host { get; init; }

    public int Port { get; init; } = 5432;

    public required string Database { get; init; }

    public required string Username { get; init; }

    /// <summary>Null with a client certificate.</summary>
    public Secret? Password { get; init; }

    public PostgresTls Tls { get; init; } = new();

    public ReadMode Mode { get; init; } = ReadMode.Watermark;

    /// <summary>Change capture: its slot, publication and habits.</summary>
    public CaptureOptions Capture { get; init; } = new();

    /// <summary>Pause between two looks for changed rows. Shorter is fresher and asks the server more often.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How far a window stays behind the server's clock: the longest a backend may take from choosing its transaction's
    /// time to announcing it. Shorter is fresher; too short loses rows on a server that is out of processors.
    /// </summary>
    public TimeSpan Settle { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>A chunk is closed when it holds this much; a row is never cut.</summary>
    public long ChunkBytesMax { get; init; } = 4 << 20;

    /// <summary>Chunks waiting for the reader; each table being read holds one more.</summary>
    public long BufferBytesMax { get; init; } = 16 << 20;

    /// <summary>Tables looked at at once; each takes up to two connections. Tables beyond it wait for their turn.</summary>
    public int ConnectionsMax { get; init; } = 4;

    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long the server may be silent: for a query its whole duration, for a window the pause between two rows.</summary>
    public TimeSpan StatementTimeout { get; init; } = TimeSpan.FromSeconds(60);

    public IReadOnlyList<PostgresTableOptions> Tables { get; init; } = [];

    /// <summary>The source for error messages: never more than its name and address.</summary>
    public string Thing => $"Source {Name} (PostgreSQL {Host}:{Port}/{Database})";
}

public sealed record PostgresTls
{
    public TlsMode Mode { get; init; } = TlsMode.VerifyFull;

    /// <summary>PEM of the authorities to trust; null for the system's.</summary>
    public string? CaFile { get; init; }

    /// <summary>PEM of the client's certificate.</summary>
    public string? CertificateFile { get; init; }

    /// <summary>PEM of the client certificate's key.</summary>
    public string? KeyFile { get; init; }
}

public sealed record CaptureOptions
{
    /// <summary>The replication slot; made when missing.</summary>
    public string Slot { get; init; } = "";

    /// <summary>The publication; made when missing, and tables added to it.</summary>
    public string Publication { get; init; } = "";

    /// <summary>Whether the rows that are there already are read beside the changes.</summary>
    public bool Snapshot { get; init; } = true;

    /// <summary>
    /// How many ranges of one table's snapshot are read at a time, each with a turn of <see cref="PostgresSourceOptions.ConnectionsMax"/>.
    /// More is faster while the server has processors and disks to spare; each beyond the first may hold four chunks.
    /// </summary>
    public int SnapshotReaders { get; init; } = 2;

    /// <summary>
    /// While nothing changes in the captured tables, their position moves on at this pace, so that the server can
    /// release the WAL of others. Each move is a commit without rows.
    /// </summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long changes may wait for more of them to share a chunk.</summary>
    public TimeSpan ChunkAgeMax { get; init; } = TimeSpan.FromMilliseconds(100);

    public SchemaChanges SchemaChanges { get; init; }

    /// <summary>Whether the slot is made so that standbys keep it too (version 17 on); ignored by older servers.</summary>
    public bool Failover { get; init; } = true;

    /// <summary>How often the slot is looked at while it is read: how late its loss is noticed at most.</summary>
    public TimeSpan WalCheckInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A slot that makes the server keep more WAL than this is warned of.</summary>
    public long RetainedWalWarn { get; init; } = 1L << 30;
}

/// <summary>One table as configured.</summary>
/// <param name="Name">The name in the lake.</param>
/// <param name="Table">The name in the database as SQL would have it: <c>public.users</c>, <c>"Sales"."Orders"</c>.</param>
/// <param name="Watermark">
/// The column that grows with every change: <c>timestamptz</c>, <c>timestamp</c> (taken as UTC), or an integer. Empty
/// with change capture.
/// </param>
/// <param name="Key">The columns that identify a row.</param>
/// <param name="Overlap">
/// Timestamp watermarks: how far each window reaches back before the last one's end, for values that come from clocks
/// outside the server. Rows in it are read again; Silver keeps the latest.
/// </param>
public sealed record PostgresTableOptions(string Name, string Table, string Watermark, IReadOnlyList<string> Key, TimeSpan Overlap);
