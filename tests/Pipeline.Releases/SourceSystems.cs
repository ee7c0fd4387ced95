using System.Globalization;
using System.Text;
using Confluent.Kafka;
using Npgsql;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Emulation.Kafka;
using Pipeline.Emulation.Postgres;
using Pipeline.Emulation.Snowflake;

namespace Pipeline.Releases;

/// <summary>
/// The three systems that the reference configuration reads, with its eleven tables, filled from the scripts of a release's
/// <c>rows/</c>. The lake does not mind that they are new: positions are what it knows of them, and these are kept.
/// </summary>
public sealed class SourceSystems : IAsyncDisposable
{
    /// <summary>What is longer than the records that the quick configuration accepts.</summary>
    private static readonly string Long = new('x', 2_000);

    private readonly string _rows;
    private readonly ScratchPostgres _postgres;
    private readonly NpgsqlDataSource _app;
    private readonly SnowflakeServer _snowflake;
    private readonly IProducer<Null, byte[]> _producer;
    private readonly Dictionary<TableId, Dictionary<string, long>> _written = [];

    private SourceSystems(string rows, ScratchPostgres postgres, EmbeddedKafka kafka, SnowflakeServer snowflake)
    {
        _rows = rows;
        _postgres = postgres;
        Kafka = kafka;
        _snowflake = snowflake;
        _app = NpgsqlDataSource.Create(postgres.ConnectionString);
        _producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = kafka.Bootstrap, LingerMs = 0 }).Build();
    }

    public static IReadOnlyList<TableId> Topics { get; } = [.. ((string[])["user_events", "order_events", "inventory_updates", "system_metrics"]).Select(topic => TableId.Bronze("events", topic))];

    public static IReadOnlyList<TableId> AppTables { get; } = [.. ((string[])["users", "subscriptions", "product_inventory", "user_sessions"]).Select(table => TableId.Bronze("app", table))];

    public static IReadOnlyList<TableId> CrmTables { get; } =
        [.. ((string[])["customer_orders", "product_catalog", "financial_transactions"]).Select(table => TableId.Bronze("crm", table))];

    public const int Partitions = 2;

    public EmbeddedKafka Kafka { get; }

    /// <summary>For each Bronze table that was written to: the splits and the positions behind the last row.</summary>
    public IReadOnlyDictionary<TableId, Dictionary<string, long>> Written => _written;

    /// <summary>The environment with which the configuration of a release leads to these systems.</summary>
    public IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["SNOWFLAKE_ACCOUNT_URL"] = _snowflake.Url.ToString(),
        ["SNOWFLAKE_TOKEN_URL"] = _snowflake.TokenUrl.ToString(),
        ["SNOWFLAKE_CLIENT_SECRET"] = new SnowflakeServerOptions().ClientSecret,
        ["SNOWFLAKE_POLL_INTERVAL"] = "200ms",
        ["SNOWFLAKE_COMMIT_LAG"] = "100ms",
        ["SNOWFLAKE_WATCH_TRANSACTIONS"] = "true",
        ["APP_DB_HOST"] = _postgres.Host,
        ["APP_DB_PORT"] = _postgres.Port.ToString(CultureInfo.InvariantCulture),
        ["APP_DB_NAME"] = _postgres.Database,
        ["APP_DB_USER"] = _postgres.User,
        ["APP_DB_PASSWORD"] = _postgres.Password,
        ["APP_DB_CA_FILE"] = _postgres.CaFile,
        ["KAFKA_BOOTSTRAP"] = Kafka.Bootstrap,
        ["KAFKA_SECURITY_PROTOCOL"] = "plaintext",
    };

    /// <param name="directory">For PostgreSQL's data.</param>
    /// <param name="rows">The scripts of a release.</param>
    public static async Task<SourceSystems> StartAsync(string directory, string rows, CancellationToken cancellationToken)
    {
        var postgres = ScratchPostgres.StartAsync(new ScratchPostgresOptions(directory), cancellationToken);
        var kafka = EmbeddedKafka.Start(1, [.. Topics.Select(topic => (topic.Name, Partitions))]);
        var snowflake = await SnowflakeServer.StartAsync(new SnowflakeServerOptions(), cancellationToken);
        var systems = new SourceSystems(rows, await postgres, kafka, snowflake);
        await systems.CreateTablesAsync(cancellationToken);
        return systems;
    }

    /// <summary>
    /// Brings the broker to where a lake has read it: records below are gone, the next one gets the offset that the lake
    /// asks for.
    /// </summary>
    public async Task ContinueAsync(Lake lake, CancellationToken cancellationToken)
    {
        foreach (var topic in Topics)
        {
            if (await lake.TryOpenAsync(topic, cancellationToken) is not { } table) continue;
            for (var partition = 0; partition < Partitions; partition++)
            {
                var position = table.Current.Position(Split(topic, partition)) ?? 0;
                for (var offset = 0L; offset < position; offset++) _producer.Produce(new TopicPartition(topic.Name, partition), new Message<Null, byte[]> { Value = [] });
                _producer.Flush(cancellationToken);
                if (position > 0) Kafka.DeleteRecords(topic.Name, partition, position);
            }
        }
    }

    /// <summary>Writes the rows of <c>rows/SET</c>: a transaction in each database, and the records.</summary>
    /// <param name="n">Takes the place of <c>{n}</c>, and one less that of <c>{m}</c>.</param>
    public async Task WriteAsync(string set, int n, CancellationToken cancellationToken)
    {
        if (Script(set, "postgres.sql", n) is { } app) await WriteAppAsync(app, cancellationToken);
        if (Script(set, "snowflake.sql", n) is { } crm) WriteCrm(crm);
        if (Script(set, "kafka.txt", n) is { } records) await ProduceAsync(records, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        _producer.Dispose();
        await _app.DisposeAsync();
        await Kafka.DisposeAsync();
        await _snowflake.DisposeAsync();
        await _postgres.DisposeAsync();
    }

    /// <summary>
    /// PostgreSQL's tables get the same object identifiers on every server: a table with another one is another table, which
    /// is read from its beginning.
    /// </summary>
    private async Task CreateTablesAsync(CancellationToken cancellationToken)
    {
        var oid = 20_000;
        foreach (var statement in Statements(Script("tables", "postgres.sql", 0)!))
        {
            if (statement.StartsWith("CREATE TABLE", StringComparison.Ordinal))
            {
                await using var next = _app.CreateCommand("SELECT pg_nextoid('pg_class', 'oid', 'pg_class_oid_index')::bigint");
                while (await next.ExecuteScalarAsync(cancellationToken) is long last && last != oid - 1)
                    if (last >= oid) throw new InvalidOperationException($"PostgreSQL has given away the object identifier {oid} already.");
                oid += 100;
            }

            await using var create = _app.CreateCommand(statement);
            await create.ExecuteNonQueryAsync(cancellationToken);
        }

        foreach (var statement in Statements(Script("tables", "snowflake.sql", 0)!)) _snowflake.Database.Execute(statement);
    }

    private async Task WriteAppAsync(string script, CancellationToken cancellationToken)
    {
        await using (var write = _app.CreateCommand(script)) await write.ExecuteNonQueryAsync(cancellationToken);
        foreach (var table in AppTables)
        {
            await using var newest = _app.CreateCommand(
                $"SELECT 'public.{table.Name}'::regclass::oid::bigint, coalesce((extract(epoch FROM max(updated_at)) * 1000000)::bigint, 0) FROM {table.Name}");
            await using var row = await newest.ExecuteReaderAsync(cancellationToken);
            await row.ReadAsync(cancellationToken);
            if (row.GetInt64(1) > 0) Note(table, string.Create(CultureInfo.InvariantCulture, $"{table.Source}/{table.Name}/{row.GetInt64(0)}"), row.GetInt64(1) + 1);
        }
    }

    private void WriteCrm(string script)
    {
        using var transaction = _snowflake.Database.Begin();
        var at = transaction.StartedAt.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture);
        foreach (var statement in Statements(script)) transaction.Execute(statement.Replace("{at}", $"TIMESTAMPTZ '{at}+00'", StringComparison.Ordinal));
        transaction.Commit();
        foreach (var table in CrmTables)
            if (script.Contains($"INTO {table.Name.ToUpperInvariant()} ", StringComparison.Ordinal))
                Note(table, $"{table.Source}/{table.Name}", transaction.StartedAt.ToUnixTimeMilliseconds() * 1_000 + transaction.StartedAt.Microsecond + 1);
    }

    private async Task ProduceAsync(string records, CancellationToken cancellationToken)
    {
        foreach (var record in records.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var (place, value) = (record[..record.IndexOf(' ')], record[(record.IndexOf(' ') + 1)..]);
            var bytes = value.StartsWith("base64:", StringComparison.Ordinal) ? Convert.FromBase64String(value["base64:".Length..]) : Encoding.UTF8.GetBytes(value);
            var partition = int.Parse(place[(place.IndexOf('/') + 1)..], CultureInfo.InvariantCulture);
            var topic = TableId.Bronze("events", place[..place.IndexOf('/')]);
            var sent = await _producer.ProduceAsync(new TopicPartition(topic.Name, partition), new Message<Null, byte[]> { Value = bytes }, cancellationToken);
            Note(topic, Split(topic, partition), sent.Offset.Value + 1);
        }
    }

    private void Note(TableId table, string split, long position)
    {
        if (!_written.TryGetValue(table, out var splits)) _written[table] = splits = new Dictionary<string, long>(StringComparer.Ordinal);
        splits[split] = position;
    }

    private string? Script(string set, string file, int n)
    {
        var path = Path.Combine(_rows, set, file);
        if (!File.Exists(path)) return null;
        return File.ReadAllText(path)
            .Replace("{n}", n.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace("{m}", (n - 1).ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace("{now}", TimeProvider.System.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace("{long}", Long, StringComparison.Ordinal);
    }

    private static string Split(TableId topic, int partition) => string.Create(CultureInfo.InvariantCulture, $"{topic.Source}/{topic.Name}/{partition}");

    private static IEnumerable<string> Statements(string script) =>
        string.Join('\n', script.Split('\n').Where(line => !line.StartsWith("--", StringComparison.Ordinal)))
            .Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
