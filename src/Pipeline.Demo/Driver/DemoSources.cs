using Npgsql;
using Pipeline.Demo.Data.Tables;
using Pipeline.Emulation.Kafka;
using Pipeline.Emulation.Postgres;
using Pipeline.Emulation.Snowflake;

namespace Pipeline.Demo.Driver;

/// <summary>
/// The three systems that the demo reads from: a real PostgreSQL with TLS, an embedded Kafka broker, an emulated Snowflake.
/// The two databases keep their data in the demo's directory; the broker's is gone with the process.
/// </summary>
public sealed class DemoSources : IAsyncDisposable
{
    public const string Crm = "crm";
    public const string App = "app";
    public const string Events = "events";

    private DemoSources(ScratchPostgres postgres, EmbeddedKafka kafka, SnowflakeServer snowflake, SnowflakeServerOptions account)
    {
        Postgres = postgres;
        Kafka = kafka;
        Snowflake = snowflake;
        Database = NpgsqlDataSource.Create(postgres.ConnectionString);
        Environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["SNOWFLAKE_ACCOUNT_URL"] = snowflake.Url.ToString(),
            ["SNOWFLAKE_TOKEN_URL"] = snowflake.TokenUrl.ToString(),
            ["SNOWFLAKE_CLIENT_ID"] = account.ClientId,
            ["SNOWFLAKE_CLIENT_SECRET"] = account.ClientSecret,
            ["SNOWFLAKE_ROLE"] = account.Roles[0],
            ["SNOWFLAKE_SCOPE"] = $"session:role:{account.Roles[0]}",
            ["SNOWFLAKE_WAREHOUSE"] = account.Warehouse,
            ["SNOWFLAKE_DATABASE"] = account.Database,
            // Looking costs nothing here, and the server lists its transactions.
            ["SNOWFLAKE_POLL_INTERVAL"] = "1s",
            ["SNOWFLAKE_COMMIT_LAG"] = "500ms",
            ["SNOWFLAKE_WATCH_TRANSACTIONS"] = "true",
            ["APP_DB_HOST"] = postgres.Host,
            ["APP_DB_PORT"] = $"{postgres.Port}",
            ["APP_DB_NAME"] = postgres.Database,
            ["APP_DB_USER"] = postgres.User,
            ["APP_DB_PASSWORD"] = postgres.Password,
            ["APP_DB_CA_FILE"] = postgres.CaFile,
            ["KAFKA_BOOTSTRAP"] = kafka.Bootstrap,
            ["KAFKA_SECURITY_PROTOCOL"] = "plaintext",
        };
    }

    public ScratchPostgres Postgres { get; }

    public EmbeddedKafka Kafka { get; }

    public SnowflakeServer Snowflake { get; }

    /// <summary>The environment variables with which <c>hocon/sources</c> leads to these systems.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; }

    internal NpgsqlDataSource Database { get; }

    /// <summary>Starts all three; PostgreSQL's first start in a directory takes some seconds.</summary>
    /// <param name="topics">Topics and partitions to create.</param>
    /// <param name="hasTopicIds">Whether one that is made anew can be told from the one before, and a broker that was filled again too.</param>
    internal static async Task<DemoSources> StartAsync(string directory, IReadOnlyList<ITopicFeed> topics, bool hasTopicIds, TimeProvider time, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(directory);
        var account = new SnowflakeServerOptions { Path = Path.Combine(directory, "snowflake.duckdb"), Time = time };
        var postgresStart = ScratchPostgres.StartAsync(new ScratchPostgresOptions(Path.Combine(directory, "postgres"))
        {
            Time = time,
            // What a pipeline may have read outlives every end of the server.
            Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["synchronous_commit"] = "on" },
        }, cancellationToken);
        EmbeddedKafka? kafka = null;
        SnowflakeServer? snowflake = null;
        try
        {
            kafka = EmbeddedKafka.Start(brokers: 1, hasTopicIds, [.. topics.Select(topic => (topic.Name, topic.Partitions))]);
            snowflake = await SnowflakeServer.StartAsync(account, cancellationToken);
            return new DemoSources(await postgresStart, kafka, snowflake, account);
        }
        catch
        {
            if (snowflake is not null) await snowflake.DisposeAsync();
            if (kafka is not null) await kafka.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        await Kafka.DisposeAsync();
        await Snowflake.DisposeAsync();
        await Postgres.DisposeAsync();
    }
}
