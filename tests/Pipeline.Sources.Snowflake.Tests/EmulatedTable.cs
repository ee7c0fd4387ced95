using System.Security.Cryptography;
using Apache.Arrow;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Emulation.Snowflake;
using Pipeline.Testing;

namespace Pipeline.Sources.Snowflake.Tests;

/// <summary>A table of an emulated account, and sources that read it.</summary>
internal sealed class EmulatedTable : SourceFixture
{
    private const string TableName = "orders";

    private static readonly string[] Reads = ["SELECT", "SHOW", "DESC", "WITH"];

    private readonly SnowflakeSourceOptions _options;
    private readonly string _create;
    private bool _isLocal;
    private bool _hasColumn;
    private bool _hasOther;
    private long _next;
    private DateTimeOffset _lastWatermark = DateTimeOffset.UnixEpoch;

    private EmulatedTable(SnowflakeServer server, SnowflakeSourceOptions options, string create)
    {
        _create = create;
        Server = server;
        _options = options;
    }

    public override string Table => TableName;

    public override string Secret => "wrong-but-still-secret";

    public SnowflakeServer Server { get; }

    public SnowflakeSourceOptions Options => _options;

    /// <summary>How many rows share a watermark.</summary>
    public int RowsPerWatermark { get; init; } = 3;

    public static async Task<EmulatedTable> StartAsync(CancellationToken cancellationToken, SnowflakeServerOptions? server = null,
        Func<SnowflakeSourceOptions, SnowflakeSourceOptions>? change = null, string? createSql = null, int rowsPerWatermark = 3,
        string watermark = "TIMESTAMP_LTZ")
    {
        var emulated = await SnowflakeServer.StartAsync(server ?? new SnowflakeServerOptions { PartitionBytes = 8 << 10 }, cancellationToken);
        var create = createSql ?? $"""
            CREATE TABLE ORDERS (NUMBER NUMBER(12,0) NOT NULL, NOTE VARCHAR(200), AMOUNT NUMBER(12,2),
                UPDATED_AT {watermark} NOT NULL, CHANGE NUMBER(18,0) NOT NULL, PRIMARY KEY (NUMBER))
            """;
        emulated.Database.Execute(create);
        var options = new SnowflakeSourceOptions
        {
            Name = "crm",
            AccountUrl = emulated.Url,
            Security = new SnowflakeSecurityOptions.OAuth(emulated.TokenUrl, "pipeline", new Secret("pipeline-secret"), "session:role:PIPELINE"),
            Role = "PIPELINE",
            Warehouse = "INGEST_WH",
            Database = "ENTERPRISE",
            Schema = "CRM",
            Tables = [new SnowflakeTableOptions(TableName, "ORDERS", "UPDATED_AT", ["NUMBER"])],
            PollInterval = TimeSpan.FromMilliseconds(20),
            CommitLag = TimeSpan.Zero,
            WatchTransactions = true,
            ChunkBytesMax = 256 << 10,
            Retry = new RetryPolicy { BackoffMin = TimeSpan.FromMilliseconds(5), BackoffMax = TimeSpan.FromMilliseconds(50), AttemptsMax = 6 },
        };
        return new EmulatedTable(emulated, change?.Invoke(options) ?? options, create)
        {
            RowsPerWatermark = rowsPerWatermark,
            _isLocal = watermark.StartsWith("TIMESTAMP_NTZ", StringComparison.Ordinal),
        };
    }

    public override ISource Open() => Open(_options);

    public override ISource OpenAlone() => Open(_options with { Name = $"crm_{Guid.NewGuid():N}" });

    public ISource Open(SnowflakeSourceOptions options, TimeProvider? time = null, WaitWatch? waits = null, LogLines? logs = null) =>
        new SnowflakeSourceDefinition(options).Open(new SourceServices(time ?? TimeProvider.System, (ILoggerFactory?)logs ?? NullLoggerFactory.Instance, new LocalSecretStore(), new TestOwner())
        {
            Waits = waits ?? WaitWatch.Silent(TimeProvider.System),
        });

    public override ISource OpenBroken() => Open(_options with
    {
        Security = new SnowflakeSecurityOptions.OAuth(Server.TokenUrl, "pipeline", new Secret(Secret), "session:role:PIPELINE"),
    });

    public override ISource OpenWithMissingTable() => Open(_options with
    {
        Tables = [new SnowflakeTableOptions("absent", "ABSENT", "UPDATED_AT", [])],
    });

    public override ValueTask AppendAsync(int count, CancellationToken cancellationToken)
    {
        using var transaction = Server.Database.Begin();
        Append(transaction, count);
        transaction.Commit();
        return ValueTask.CompletedTask;
    }

    /// <summary>Adds rows whose watermarks are the transaction's time and after.</summary>
    public void Append(SnowflakeTransaction transaction, int count)
    {
        var watermark = transaction.StartedAt > _lastWatermark ? transaction.StartedAt : _lastWatermark.AddMicroseconds(1);
        using (var appender = transaction.Connection.CreateAppender("ENTERPRISE", "CRM", "ORDERS"))
            for (var i = 0; i < count; i++)
            {
                // Fractions of a millisecond, so that watermarks stay close to the transaction's start.
                _lastWatermark = watermark.AddMicroseconds(i / RowsPerWatermark);
                var row = appender.CreateRow().AppendValue((decimal)_next).AppendValue($"row \"{_next}\" — ünïcödé\n").AppendValue(_next / 4m);
                row = _isLocal ? row.AppendValue(_lastWatermark.UtcDateTime) : row.AppendValue(_lastWatermark);
                row.AppendValue((decimal)(_next / RowsPerWatermark));
                if (_hasColumn) row = row.AppendValue($"{_next}");
                row.EndRow();
                _next++;
            }
    }

    public override ValueTask ReplaceAsync(CancellationToken cancellationToken)
    {
        Server.Database.Execute("DROP TABLE ORDERS");
        Server.Database.Execute(_create);
        return ValueTask.CompletedTask;
    }

    public override ValueTask<bool> SwapAsync(CancellationToken cancellationToken)
    {
        if (!_hasOther) Server.Database.Execute(_create.Replace("TABLE ORDERS", "TABLE OTHERS", StringComparison.Ordinal));
        _hasOther = true;
        Server.Database.Execute("ALTER TABLE ORDERS SWAP WITH OTHERS");
        return ValueTask.FromResult(true);
    }

    public override ValueTask<bool> AddColumnAsync(string name, CancellationToken cancellationToken)
    {
        Server.Database.Execute($"ALTER TABLE ORDERS ADD COLUMN {name.ToUpperInvariant()} VARCHAR(200)");
        return ValueTask.FromResult(_hasColumn = true);
    }

    /// <summary>Tables and views, and what was ever asked that does not only read.</summary>
    public override ValueTask<IReadOnlyList<string>> StateAsync(CancellationToken cancellationToken)
    {
        var found = new List<string>();
        using (var transaction = Server.Database.Begin())
        {
            using var command = transaction.Connection.CreateCommand();
            command.CommandText = "SELECT table_schema || '.' || table_name || ' ' || table_type FROM information_schema.tables ORDER BY 1";
            using var reader = command.ExecuteReader();
            while (reader.Read()) found.Add(reader.GetString(0));
        }

        found.AddRange(Server.Executed.Where(sql => !Reads.Any(word => sql.TrimStart().StartsWith(word, StringComparison.OrdinalIgnoreCase))));
        return ValueTask.FromResult<IReadOnlyList<string>>(found);
    }

    public override long NumberOf(RecordBatch rows, int row) => ((Int64Array)rows.Column("number")).GetValue(row)!.Value;

    public override ValueTask DisposeAsync() => Server.DisposeAsync();

    public static (string PublicPem, string PrivatePem) NewKeyPair()
    {
        using var key = RSA.Create(2048);
        return (key.ExportSubjectPublicKeyInfoPem(), key.ExportPkcs8PrivateKeyPem());
    }
}
