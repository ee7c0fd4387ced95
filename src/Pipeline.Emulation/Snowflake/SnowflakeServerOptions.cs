namespace Pipeline.Emulation.Snowflake;

/// <summary>The account that the emulated server plays. Names are case-sensitive, as Snowflake's SQL API is.</summary>
public sealed record SnowflakeServerOptions
{
    /// <summary>Where tables are kept; null: in memory. A file survives a killed process and is opened again.</summary>
    public string? Path { get; init; }

    /// <summary>0: a free one.</summary>
    public int Port { get; init; }

    public string Account { get; init; } = "EMULATED";

    public string Database { get; init; } = "ENTERPRISE";

    public string Schema { get; init; } = "CRM";

    public string Warehouse { get; init; } = "INGEST_WH";

    /// <summary>The roles granted to <see cref="User"/>.</summary>
    public IReadOnlyList<string> Roles { get; init; } = ["PIPELINE"];

    /// <summary>Whom tokens of <see cref="ClientId"/> and key pairs stand for.</summary>
    public string User { get; init; } = "PIPELINE_SERVICE";

    public string ClientId { get; init; } = "pipeline";

    public string ClientSecret { get; init; } = "pipeline-secret";

    /// <summary>PEM of the user's RSA public key; null: no key-pair authentication.</summary>
    public string? PublicKey { get; init; }

    /// <summary>How long an OAuth token is accepted.</summary>
    public TimeSpan TokenLifetime { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a statement is waited for before its submitter is told to poll.</summary>
    public TimeSpan SynchronousWait { get; init; } = TimeSpan.FromSeconds(45);

    /// <summary>Uncompressed bytes of rows after which a result's partition ends.</summary>
    public int PartitionBytes { get; init; } = 1 << 20;

    public TimeProvider Time { get; init; } = TimeProvider.System;
}
