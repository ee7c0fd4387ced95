using Pipeline.Core;

namespace Pipeline.Sources.Snowflake;

/// <summary>How a Snowflake source is reached and read. Names are case-sensitive, as SHOW prints them.</summary>
public sealed record SnowflakeSourceOptions
{
    public required string Name { get; init; }

    /// <summary><c>https://ORG-ACCOUNT.snowflakecomputing.com</c>.</summary>
    public required Uri AccountUrl { get; init; }

    public required SnowflakeAuth Auth { get; init; }

    public required string Role { get; init; }

    public required string Warehouse { get; init; }

    public required string Database { get; init; }

    public required string Schema { get; init; }

    public required IReadOnlyList<SnowflakeTableOptions> Tables { get; init; }

    /// <summary>
    /// How often a table is asked for its greatest watermark, and read when that has grown. Reading wakes the warehouse:
    /// shorter is fresher and costs more.
    /// </summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// How long after its watermark was taken a row may become visible: the longest transaction that writes the table.
    /// Rows younger than this are left for the next window, because another one with an older watermark may still be
    /// uncommitted. Too short loses rows; longer delays all of them.
    /// </summary>
    public TimeSpan CommitLag { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Also ends each window before what open transactions may write (<c>SHOW TRANSACTIONS IN ACCOUNT</c>), so that none is
    /// too long. Needs a role that sees every user's transactions; others see only their own, without an error.
    /// </summary>
    public bool WatchTransactions { get; init; }

    /// <summary>Partitions of a result that are fetched at the same time.</summary>
    public int ParallelPartitions { get; init; } = 4;

    /// <summary>Compressed bytes of partitions that are fetched ahead for one table.</summary>
    public long BufferBytesMax { get; init; } = 64L << 20;

    /// <summary>Bytes of memory after which a chunk ends.</summary>
    public long ChunkBytesMax { get; init; } = 4L << 20;

    /// <summary>How long one answer may take, to its last byte.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>After this Snowflake itself cancels a statement.</summary>
    public TimeSpan StatementTimeout { get; init; } = TimeSpan.FromHours(1);

    internal static readonly RetryPolicy RetryByDefault = new()
    {
        BackoffMin = TimeSpan.FromMilliseconds(200), BackoffMax = TimeSpan.FromSeconds(5), AttemptsMax = 6, TimeMax = TimeSpan.FromSeconds(10),
    };

    /// <summary>
    /// How one request is tried again before the table's reading fails and waits. Default: from 200 ms to 5 s, 6 attempts, 10 s.
    /// </summary>
    public RetryPolicy Retry { get; init; } = RetryByDefault;

    /// <summary>The source for error messages: never more than its name and address.</summary>
    public string Thing => $"Source {Name}, account {AccountUrl.Host}";
}

/// <summary>A table as configured.</summary>
/// <param name="Name">In the lake.</param>
/// <param name="Path">In Snowflake: one to three names, <c>TABLE</c>, <c>SCHEMA.TABLE</c> or <c>DATABASE.SCHEMA.TABLE</c>.</param>
/// <param name="Watermark">The TIMESTAMP or integer column that grows with every change of a row.</param>
/// <param name="Key">Orders rows with the same watermark, so that reading again gives the same order.</param>
public sealed record SnowflakeTableOptions(string Name, string Path, string Watermark, IReadOnlyList<string> Key);

/// <summary>Who the source is, for Snowflake.</summary>
public abstract record SnowflakeAuth
{
    private SnowflakeAuth()
    {
    }

    /// <summary>External OAuth: client credentials for a token from the identity provider.</summary>
    /// <param name="Scope"><c>session:role:ROLE</c> unless the identity provider wants another.</param>
    public sealed record OAuth(Uri TokenUrl, string ClientId, Secret ClientSecret, string Scope) : SnowflakeAuth;

    /// <summary>A JWT signed with the user's private key.</summary>
    /// <param name="Account"><c>ORG-ACCOUNT</c>, or the account locator without its region.</param>
    /// <param name="PrivateKey">PEM, PKCS#8 or PKCS#1.</param>
    /// <param name="Passphrase">For an encrypted key.</param>
    public sealed record KeyPair(string Account, string User, Secret PrivateKey, Secret? Passphrase) : SnowflakeAuth;
}
