using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Npgsql;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Demo.Data;
using Pipeline.Demo.Driver;
using Pipeline.Demo.Session;
using Pipeline.Node.Composition;
using Pipeline.Operations.Options;
using Pipeline.Operations.Verification;
using Pipeline.Testing;
using Pipeline.Testing.Kafka;

namespace Pipeline.Faults.Tests.Night;

/// <summary>
/// A demo whose every road can be closed: the lake is a bucket behind a proxy, so are the broker, Snowflake and PostgreSQL,
/// the journal is on a disk that fills, passwords are files. One node runs through all of it.
/// </summary>
internal sealed class NightScene : IAsyncDisposable
{
    private const string Reader = "night_reader";
    private const string KafkaUser = "night";
    private const string Bucket = "lake";

    private readonly string _root = Directory.CreateTempSubdirectory("pipeline-night-").FullName;
    private readonly CancellationTokenSource _morning = new();
    private readonly List<IAsyncDisposable> _servers = [];
    private readonly ILoggerFactory _logs;
    private SmallDisk? _disk;
    private Lake _lake = null!;
    private DemoDriver _driver = null!;
    private Task<Expectation> _feeding = null!;
    private PipelineOptions _options = null!;
    private NodeHost _node = null!;
    private TcpProxy _postgres = null!;
    private KafkaProxy _kafka = null!;
    private FaultProxy _snowflake = null!;
    private FaultProxy _bucket = null!;
    private SqliteConnection? _journalLock;

    private NightScene() => _logs = NodeLogs.Create(Log, LogLevel.Information);

    public NightLog Log { get; } = new();

    /// <summary>Done when the node has ended, which it must not before morning.</summary>
    public Task Ended => _node.Terminated;

    private string DiskRoot => _disk?.Path ?? _root;

    private string JournalFile => Path.Combine(DiskRoot, "journal.db");

    private string PostgresPassword => Path.Combine(_root, "postgres-password");

    private string KafkaPassword => Path.Combine(_root, "kafka-password");

    /// <summary>Skips the test where there is no <c>moto_server</c>.</summary>
    public static async Task<NightScene> StartAsync(CancellationToken cancellationToken)
    {
        var scene = new NightScene();
        try
        {
            await scene.OpenAsync(cancellationToken);
            return scene;
        }
        catch
        {
            await scene.DisposeAsync();
            throw;
        }
    }

    public IEnumerable<NightOutage> Outages()
    {
        if (_disk is { } disk)
        {
            yield return new("the journal's disk is full", "journal", _ => Do(disk.Fill), _ => Do(disk.Free));
        }

        yield return new("the journal is locked", "journal", LockJournalAsync, UnlockJournalAsync);
        yield return new("the journal is gone", "journal", _ => Do(RemoveJournal), _ => Task.CompletedTask);
        foreach (var (status, code) in ((int, string)[])[(503, "SlowDown"), (400, "ExpiredToken"), (403, "AccessDenied"), (403, "RequestTimeTooSkewed")])
            yield return new($"the bucket says {code}", "S3|bucket|s3:", _ => Do(() => _bucket.Use(_ => new ProxyFault.Answer(status, code))), _ => Do(() => _bucket.Use(_ => null)));
        yield return new("the bucket hangs up", "S3|bucket|s3:", _ => Do(() => _bucket.Use(_ => new ProxyFault.Drop())), _ => Do(() => _bucket.Use(_ => null)));
        yield return new("PostgreSQL is away", "app|PostgreSQL", _ => Do(_postgres.Cut), _ => Do(_postgres.Restore));
        yield return new("PostgreSQL's role may not read", "app|PostgreSQL", token => SqlAsync($"REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM {Reader}", token),
            token => SqlAsync($"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {Reader}", token));
        yield return new("PostgreSQL's role may not log in", "app|PostgreSQL", token => SqlAsync($"ALTER ROLE {Reader} NOLOGIN; {HangUp}", token),
            token => SqlAsync($"ALTER ROLE {Reader} LOGIN", token));
        yield return new("PostgreSQL's password is changed before the file", "app|PostgreSQL", token => SqlAsync($"ALTER ROLE {Reader} PASSWORD 'tomorrow'; {HangUp}", token),
            _ => Do(() => File.WriteAllText(PostgresPassword, "tomorrow")));
        yield return new("the broker is away", "events|broker|Kafka", _ => Do(() => _kafka.IsAway = true), _ => Do(() => _kafka.IsAway = false));
        yield return new("a right on a topic is taken", "user_events", _ => Do(() => RefuseTopic(KafkaError.TopicAuthorizationFailed)), _ => Do(() => RefuseTopic(KafkaError.None)));
        yield return new("a topic is missing", "user_events", _ => Do(() => RefuseTopic(KafkaError.UnknownTopicOrPartition)), _ => Do(() => RefuseTopic(KafkaError.None)));
        yield return new("the broker's password is changed before the file", "events|broker|Kafka", _ => Do(() => ChangeKafkaPassword("tomorrow")),
            _ => Do(() => File.WriteAllText(KafkaPassword, "tomorrow")));
        yield return new("Snowflake's token is refused", "crm|Snowflake", _ => Do(() => Snowflake(401, """{"code":"390112","message":"Your session has expired."}""", "application/json")), _ => Do(SnowflakeIsWell));
        yield return new("a firewall stands before Snowflake", "crm|Snowflake", _ => Do(() => Snowflake(403, "<html><body>Blocked by policy</body></html>", "text/html")), _ => Do(SnowflakeIsWell));
        yield return new("Snowflake's warehouse is suspended", "crm|Snowflake", _ => Do(() => _driver.Sources.Snowflake.SetWarehouse(isAvailable: false)),
            _ => Do(() => _driver.Sources.Snowflake.SetWarehouse(isAvailable: true)));
        yield return new("Snowflake is away", "crm|Snowflake", _ => Do(() => _snowflake.Use(_ => new ProxyFault.Drop())), _ => Do(SnowflakeIsWell));
    }

    private static string HangUp => $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{Reader}'";

    /// <summary>Ends the flow of data, waits until all of it has arrived, and says what is there against what must be.</summary>
    public async Task<(DemoReport Report, IReadOnlyList<CheckedTable> Checks)> BalanceAsync(CancellationToken cancellationToken)
    {
        await _morning.CancelAsync();
        var expectation = await _feeding;
        DemoReport report;
        while (!(report = await new DemoReportBuilder(_lake, cancellationToken).BuildAsync(expectation)).IsBalanced)
            await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken);
        await _node.StopAsync();
        return (report, (await VerifyLake.RunAsync(new VerifyLakeRequest(), _options, _lake, cancellationToken)).Checks);
    }

    public async ValueTask DisposeAsync()
    {
        _bucket?.Use(_ => null);
        if (_node is not null) await _node.DisposeAsync();
        await _morning.CancelAsync();
        if (_feeding is not null) await Background.FailureAsync(async _ => await _feeding, CancellationToken.None);
        if (_journalLock is not null) await _journalLock.DisposeAsync();
        if (_driver is not null) await _driver.DisposeAsync();
        _servers.Reverse();
        foreach (var server in _servers) await server.DisposeAsync();
        _logs.Dispose();
        _morning.Dispose();
        _disk?.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    private async Task OpenAsync(CancellationToken cancellationToken)
    {
        var (moto, missing) = await MotoServer.TryStartAsync(cancellationToken);
        Assert.SkipWhen(moto is null, missing);
        _servers.Add(moto);
        _disk = SmallDisk.TryMount(megabytes: 64);
        _bucket = Add(await FaultProxy.StartAsync(moto.Url, cancellationToken));
        Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", "test");
        Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", "test");
        using (var http = new HttpClient())
        {
            http.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", "AWS test:test");
            (await http.PutAsync(new Uri(moto.Url, Bucket), content: null, cancellationToken)).EnsureSuccessStatusCode();
        }

        // Around the proxy: the generator and the judge do not suffer.
        _lake = Lakes.Open(new LakeOptions { Location = $"s3://{Bucket}/tables", S3 = S3(moto.Url) }, TimeProvider.System);
        _driver = await DemoDriver.StartAsync(new DemoOptions(Path.Combine(_root, "servers")) { RowsPerSecond = 100, Patience = TimeSpan.FromMinutes(30), End = _morning.Token },
            new LakeProgress(_lake), TimeProvider.System, cancellationToken);
        await SqlAsync($"CREATE ROLE {Reader} LOGIN PASSWORD 'today'; GRANT pg_read_all_stats TO {Reader}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {Reader}", cancellationToken);
        await File.WriteAllTextAsync(PostgresPassword, "today", cancellationToken);
        await File.WriteAllTextAsync(KafkaPassword, "today", cancellationToken);
        _postgres = Add(new TcpProxy(_driver.Sources.Postgres.Port));
        _kafka = Add(KafkaProxy.Start(_driver.Sources.Kafka.Bootstrap, KafkaUser, "today"));
        _snowflake = Add(await FaultProxy.StartAsync(_driver.Sources.Snowflake.Url, cancellationToken));

        _options = PipelineOptions.Load(await ConfigurationAsync(cancellationToken), SourceKinds.All, lakeLocation: null, Variable);
        _node = await NodeHost.StartAsync(_options, Lakes.Open(_options.Lake, TimeProvider.System), _logs, TimeProvider.System, cancellationToken);
        _feeding = _driver.RunAsync(CancellationToken.None);
    }

    private async Task<string> ConfigurationAsync(CancellationToken cancellationToken)
    {
        var directory = Directory.CreateDirectory(Path.Combine(_root, "hocon")).FullName;
        var shipped = Path.Combine(AppContext.BaseDirectory, "hocon");
        foreach (var file in Directory.EnumerateFiles(shipped, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(directory, Path.GetRelativePath(shipped, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        var night = Path.Combine(directory, "night.conf");
        await File.WriteAllTextAsync(night, $$"""
            include "demo.conf"
            pipeline {
              lake { location = "s3://{{Bucket}}/tables", s3 { endpoint = "{{_bucket.Url}}", region = us-east-1, path-style = true } }
              sources.events.security { mechanism = plain, username = {{KafkaUser}} }
            }
            """, cancellationToken);
        return night;
    }

    private string? Variable(string name) => name switch
    {
        "DEMO_DIRECTORY" => DiskRoot,
        "APP_DB_PORT" => $"{_postgres.Port}",
        "APP_DB_USER" => Reader,
        "APP_DB_PASSWORD" => $"secret:file:{PostgresPassword}",
        "KAFKA_BOOTSTRAP" => _kafka.Bootstrap,
        "KAFKA_SECURITY_PROTOCOL" => "sasl-plaintext",
        "KAFKA_PASSWORD" => $"secret:file:{KafkaPassword}",
        "SNOWFLAKE_ACCOUNT_URL" => _snowflake.Url.ToString(),
        "SNOWFLAKE_TOKEN_URL" => new Uri(_snowflake.Url, "/oauth/token").ToString(),
        _ => _driver.Sources.Environment.GetValueOrDefault(name),
    };

    private static S3Options S3(Uri endpoint) => new() { Endpoint = endpoint, Region = "us-east-1", PathStyle = true };

    private TServer Add<TServer>(TServer server)
        where TServer : IAsyncDisposable
    {
        _servers.Add(server);
        return server;
    }

    private async Task SqlAsync(string sql, CancellationToken cancellationToken)
    {
        await using var database = NpgsqlDataSource.Create(_driver.Sources.Postgres.ConnectionString);
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task LockJournalAsync(CancellationToken cancellationToken)
    {
        _journalLock = new SqliteConnection($"Data Source={JournalFile};Pooling=False");
        await _journalLock.OpenAsync(cancellationToken);
        await using var command = _journalLock.CreateCommand();
        command.CommandText = "BEGIN EXCLUSIVE";
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task UnlockJournalAsync(CancellationToken cancellationToken)
    {
        await _journalLock!.DisposeAsync();
        _journalLock = null;
    }

    private void RemoveJournal()
    {
        foreach (var suffix in (string[])["", "-wal", "-shm", "-journal"]) File.Delete(JournalFile + suffix);
    }

    private void RefuseTopic(KafkaError error)
    {
        foreach (var api in (KafkaApi[])[KafkaApi.Metadata, KafkaApi.Fetch, KafkaApi.ListOffsets]) _kafka.Fail(api, error, "user_events");
    }

    private void ChangeKafkaPassword(string password)
    {
        _kafka.Password = password;
        _kafka.CloseConnections();
    }

    private void Snowflake(int status, string body, string contentType) => _snowflake.Use(_ => new ProxyFault.AnswerWith(status, body, contentType));

    private void SnowflakeIsWell() => _snowflake.Use(_ => null);

    private static Task Do(Action action)
    {
        action();
        return Task.CompletedTask;
    }
}
