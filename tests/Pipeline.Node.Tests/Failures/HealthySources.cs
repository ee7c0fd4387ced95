using System.Text;
using Confluent.Kafka;
using Npgsql;
using Pipeline.Emulation.Kafka;
using Pipeline.Emulation.Postgres;
using Pipeline.Emulation.Snowflake;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Failures;

/// <summary>Three sources with a table of three rows each, for tests that break one of them.</summary>
[CollectionDefinition(Name)]
public sealed class HealthySources : IAsyncLifetime, ICollectionFixture<HealthySources>
{
    public const string Name = "healthy sources";

    public const int Rows = 3;

    public const string UsersTable = """users { table = "public.users", watermark = updated_at, key = [user_id] }""";

    private readonly ScratchDirectory _directory = new("pipeline-sources-");
    private ScratchPostgres? _postgres;
    private EmbeddedKafka? _kafka;
    private SnowflakeServer? _snowflake;

    public SnowflakeServer Snowflake => _snowflake!;

    /// <summary>The section <c>sources</c> in which all is right; a test puts its mistake behind it.</summary>
    public string Configuration => $$"""
        {{PostgresOf(UsersTable)}}
        {{KafkaConfiguration}}
        {{SnowflakeOf("orders { table = ORDERS, watermark = UPDATED_AT, key = [ORDER_ID] }")}}
        """;

    public string KafkaConfiguration => $$"""
        events {
          type = kafka, bootstrap = "{{_kafka!.Bootstrap}}", security { protocol = plaintext }
          # Each test has a lake of its own, and one group has one pipeline.
          commit-group-offsets = false
          tables { clicks { topic = clicks, format = json } }
        }
        """;

    /// <summary>Source <c>crm</c> alone, with these tables.</summary>
    public string SnowflakeOf(string tables) => $$"""
        crm {
          type = snowflake, account-url = "{{_snowflake!.Url}}", role = PIPELINE, warehouse = INGEST_WH, database = ENTERPRISE, schema = CRM
          security { method = oauth, token-url = "{{_snowflake.TokenUrl}}", client-id = pipeline, client-secret = pipeline-secret }
          poll-interval = 100ms, commit-lag = 0s, watch-transactions = true
          tables { {{tables}} }
        }
        """;

    /// <summary>Source <c>app</c> alone, with these tables.</summary>
    /// <param name="settings">Beside them.</param>
    /// <param name="port">Of who stands before the server; null: nobody does.</param>
    public string PostgresOf(string tables, string settings = "poll-interval = 100ms", int? port = null) => $$"""
        app {
          {{AppServer(port)}}
          {{settings}}
          tables { {{tables}} }
        }
        """;

    /// <summary>The same as another role.</summary>
    public string PostgresAs(string user, string password, string tables, string settings) => $$"""
        app {
          type = postgres, host = "{{_postgres!.Host}}", port = {{_postgres.Port}}, database = "{{_postgres.Database}}"
          security { username = {{user}}, password = "{{password}}", ca-file = "{{_postgres.CaFile}}" }
          {{settings}}
          tables { {{tables}} }
        }
        """;

    /// <summary>Source <c>app</c> alone, by change capture.</summary>
    public string CapturedConfiguration => $$"""
        app {
          {{AppServer()}}
          mode = cdc
          tables { users { table = "public.users", key = [user_id] } }
        }
        """;

    public string PostgresConnectionString => _postgres!.ConnectionString;

    public int PostgresPort => _postgres!.Port;

    private string AppServer(int? port = null) => $$"""
        type = postgres, host = "{{_postgres!.Host}}", port = {{port ?? _postgres.Port}}, database = "{{_postgres.Database}}"
        security { username = "{{_postgres.User}}", password = "{{_postgres.Password}}", ca-file = "{{_postgres.CaFile}}" }
        """;

    public async ValueTask InitializeAsync()
    {
        _postgres = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(Path.Combine(_directory, "postgres")));
        await using var database = NpgsqlDataSource.Create(_postgres.ConnectionString);
        await using var create = database.CreateCommand($"""
            CREATE TABLE users (user_id bigint PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT now());
            INSERT INTO users SELECT generate_series(1, {Rows});
            """);
        await create.ExecuteNonQueryAsync();

        _kafka = EmbeddedKafka.Start(brokers: 1, ("clicks", 1));
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = _kafka.Bootstrap }).Build();
        for (var i = 0; i < Rows; i++) await producer.ProduceAsync("clicks", new Message<Null, byte[]> { Value = Encoding.UTF8.GetBytes("{}") });

        _snowflake = await SnowflakeServer.StartAsync(new SnowflakeServerOptions(), CancellationToken.None);
        _snowflake.Database.Execute("CREATE TABLE ORDERS (ORDER_ID NUMBER(38,0) NOT NULL, UPDATED_AT TIMESTAMP_TZ(6) NOT NULL)");
        _snowflake.Database.Execute($"INSERT INTO ORDERS SELECT i, TIMESTAMPTZ '2026-01-01 00:00:00+00' FROM range({Rows}) AS t(i)");
    }

    public async ValueTask DisposeAsync()
    {
        if (_snowflake is not null) await _snowflake.DisposeAsync();
        if (_kafka is not null) await _kafka.DisposeAsync();
        if (_postgres is not null) await _postgres.DisposeAsync();
        _directory.Dispose();
    }
}
