using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Sources.Snowflake;

/// <summary>How a Snowflake source is reached and read. Names are case-sensitive, as SHOW prints them.</summary>
public sealed record SnowflakeSourceOptions
{
    /// <summary>Where the defaults of settings stand.</summary>
    private static readonly SnowflakeSourceOptions Defaults = new()
    {
        Name = "",
        AccountUrl = new Uri("https://invalid.invalid"),
        Security = new SnowflakeSecurityOptions.OAuth(new Uri("https://invalid.invalid"), "", new Secret(""), ""),
        Role = "",
        Warehouse = "",
        Database = "",
        Schema = "",
        Tables = [],
    };

    public required string Name { get; init; }

    /// <summary><c>https://ORG-ACCOUNT.snowflakecomputing.com</c>.</summary>
    public required Uri AccountUrl { get; init; }

    public required SnowflakeSecurityOptions Security { get; init; }

    /// <summary>What may be read, and who pays for it.</summary>
    public required string Role { get; init; }

    public required string Warehouse { get; init; }

    /// <summary>Where tables are whose names do not say it.</summary>
    public required string Database { get; init; }

    /// <summary>The same.</summary>
    public required string Schema { get; init; }

    public required IReadOnlyList<SnowflakeTableOptions> Tables { get; init; }

    /// <summary>
    /// Pause between two looks for changed rows: a table is asked for its greatest watermark, and read when that has grown.
    /// Default 60 s, 10 ms to 1 day. Reading wakes the warehouse: shorter is fresher and costs more.
    /// </summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// How long after its watermark was taken a row may become visible: the longest transaction that writes the table.
    /// Rows younger than this are left for the next window, because another one with an older watermark may still be
    /// uncommitted. Default 30 s, 0 to 1 day. Too short loses rows; longer delays all of them.
    /// </summary>
    public TimeSpan CommitLag { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Also ends each window before what open transactions may write (<c>SHOW TRANSACTIONS IN ACCOUNT</c>), so that none is
    /// too long. Default false. Needs a role that sees every user's transactions; others see only their own, without an error.
    /// </summary>
    public bool WatchTransactions { get; init; }

    /// <summary>
    /// Partitions of one result that are fetched at the same time. Default 4, 1 to 64. More is faster over slow networks, as far
    /// as <see cref="ReadAheadBytesMax"/> has room for them.
    /// </summary>
    public int ReadersMax { get; init; } = 4;

    /// <summary>
    /// Bytes of memory that one node holds of this source, fetched and not yet taken: each table has an equal share, in which
    /// partitions wait compressed as they came, and room for one of them at least. Default 64 MiB, 4 KiB to 4 GiB. More makes a
    /// large first load faster.
    /// </summary>
    public long ReadAheadBytesMax { get; init; } = 64L << 20;

    /// <summary>
    /// Bytes of memory after which a chunk is handed on. Default 4 MiB, 4 KiB to 1 GiB. Larger chunks cost less a row and more
    /// memory.
    /// </summary>
    public long ChunkBytesMax { get; init; } = 4L << 20;

    /// <summary>How long a connection may take to be made. Default 10 s, 1 s to 10 min.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long an answer may take, to its last byte. Default 60 s, 100 ms to 1 day. Shorter notices a dead connection sooner.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>After this Snowflake itself cancels a statement. Default 1 h, 1 s to 7 days. It bounds what a window may cost.</summary>
    public TimeSpan StatementTimeout { get; init; } = TimeSpan.FromHours(1);

    /// <summary>
    /// How one request is tried again before the table's reading fails and waits. Default: from 200 ms to 5 s, 6 attempts, 10 s.
    /// </summary>
    public RetryPolicy Retry { get; init; } = new()
    {
        BackoffMin = TimeSpan.FromMilliseconds(200), BackoffMax = TimeSpan.FromSeconds(5), AttemptsMax = 6, TimeMax = TimeSpan.FromSeconds(10),
    };

    /// <summary>What is away when nothing of the account can be had.</summary>
    public string Server => $"Source {Name} at {AccountUrl.Host}";

    /// <summary>The source for error messages: never more than its name and address.</summary>
    public string Thing => $"Source {Name}, account {AccountUrl.Host}";

    /// <summary>One table's share of <see cref="ReadAheadBytesMax"/>.</summary>
    internal long ReadingBytesMax => ReadAheadBytesMax / Math.Max(Tables.Count, 1);

    public static SnowflakeSourceOptions Bind(string name, SettingsReader settings)
    {
        foreach (var (was, now, note) in OldNames) settings.Renamed(was, now, note);
        _ = settings.OptionalString("type");
        var role = settings.String("role");
        var options = new SnowflakeSourceOptions
        {
            Name = name,
            AccountUrl = Url(settings, "account-url"),
            Security = SnowflakeSecurityOptions.Bind(settings.Section("security"), role),
            Role = role,
            Warehouse = settings.String("warehouse"),
            Database = settings.String("database"),
            Schema = settings.String("schema"),
            PollInterval = settings.PollInterval(Defaults.PollInterval),
            CommitLag = settings.CommitLag(Defaults.CommitLag),
            WatchTransactions = settings.Bool("watch-transactions", Defaults.WatchTransactions),
            ReadersMax = settings.ReadersMax(Defaults.ReadersMax),
            ReadAheadBytesMax = settings.ReadAheadBytesMax(Defaults.ReadAheadBytesMax),
            ChunkBytesMax = settings.ChunkBytesMax(Defaults.ChunkBytesMax),
            ConnectTimeout = settings.ConnectTimeout(Defaults.ConnectTimeout),
            RequestTimeout = settings.RequestTimeout(Defaults.RequestTimeout),
            StatementTimeout = settings.Duration("statement-timeout", Defaults.StatementTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromDays(7)),
            Retry = RetrySettings.Bind(settings.Section("retry"), Defaults.Retry),
            Tables = [.. settings.Section("tables").Children().Select(child => SnowflakeTableOptions.Bind(child.Name, child.Settings))],
        };
        if (options.Tables.Count == 0) settings.Report("tables", "has no table. Write tables { NAME { table = TABLE, watermark = COLUMN } }");
        settings.Complete();
        return options;
    }

    internal static Uri Url(SettingsReader settings, string key) => HttpAddress.ReadEncrypted(settings, key, settings.String(key)) ?? Defaults.AccountUrl;

    private static readonly (string Was, string Now, string? Note)[] OldNames =
    [
        ("auth.method", "security.method", null),
        ("auth.token-url", "security.token-url", null),
        ("auth.client-id", "security.client-id", null),
        ("auth.client-secret", "security.client-secret", null),
        ("auth.scope", "security.scope", null),
        ("auth.account", "security.account", null),
        ("auth.user", "security.username", null),
        ("auth.private-key", "security.key-pem", null),
        ("auth.private-key-passphrase", "security.key-password", null),
        ("parallel-partitions", "readers-max", null),
        ("buffer-bytes-max", "read-ahead-bytes-max", "it is for all tables of the source together"),
    ];
}
