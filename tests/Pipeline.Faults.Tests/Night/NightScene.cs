using System.Text.RegularExpressions;
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
/// A demo whose every road can be closed: the lake is a bucket behind a proxy, so are the broker, Snowflake, PostgreSQL and a
/// registry, the journal is on a disk that fills, passwords are files. One node runs through all of it.
/// </summary>
internal sealed class NightScene : IAsyncDisposable
{
    private const string Reader = "night_reader";
    private const string KafkaUser = "night";
    private const string Bucket = "lake";

    // How lines name what belongs to a source.
    private const string App = @"\bapp\b";
    private const string Crm = @"\bcrm\b";
    private const string Events = @"\bevents\b";
    private const string Meters = @"\bmeters\b";

    private const string OfApp = "bronze/app/";

    private readonly ScratchDirectory _root = new("pipeline-night-");
    private readonly CancellationTokenSource _morning = new();
    private readonly List<IAsyncDisposable> _servers = [];
    private readonly NodeLoggerFactory _logs;
    private readonly NightPace _pace;
    private SmallDisk? _disk;
    private Lake _lake = null!;
    private CutCheckpoints _checkpoints = null!;
    private MeterReadings _readings = null!;
    private DemoDriver _driver = null!;
    private Task<Expectation> _feeding = null!;
    private PipelineOptions _options = null!;
    private NodeHost _node = null!;
    private TcpProxy _postgres = null!;
    private KafkaProxy _kafka = null!;
    private FaultProxy _snowflake = null!;
    private FaultProxy _bucket = null!;
    private SqliteConnection? _journalLock;

    private NightScene(NightPace pace)
    {
        _pace = pace;
        _logs = NodeLogs.Create(Log, LogLevel.Information);
    }

    public NightLog Log { get; } = new();

    /// <summary>Done when the node has ended, which it must not before morning.</summary>
    public Task Ended => _node.Terminated;

    /// <summary>What the bucket was asked so far, by the node.</summary>
    public int Requests => _bucket.Requests.Count;

    private string DiskRoot => _disk?.Path ?? _root;

    private string JournalFile => Path.Combine(DiskRoot, "journal.db");

    private string PostgresPassword => Path.Combine(_root, "postgres-password");

    private string KafkaPassword => Path.Combine(_root, "kafka-password");

    /// <summary>Skips the test where there is no <c>moto_server</c>.</summary>
    public static async Task<NightScene> StartAsync(NightPace pace, CancellationToken cancellationToken)
    {
        var scene = new NightScene(pace);
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

    /// <remarks>
    /// A node has one journal, and this one's is a file: one on a server that is restarted is in CoordinatorJournalSpec,
    /// A_server_that_is_restarted_costs_nothing_and_is_told_everything_when_it_is_back.
    /// </remarks>
    public IEnumerable<NightOutage> Outages()
    {
        if (_disk is { } disk) yield return Away("the disk is full", "Journal|Temp directory", _ => Do(disk.Fill), _ => Do(disk.Free));
        yield return Away("the journal is locked", "Journal", LockJournalAsync, UnlockJournalAsync, isOfEveryDay: true);
        yield return new("the journal is damaged", "Journal .* is damaged", "Journal .* is damaged", DamageJournalAsync, _ => Task.CompletedTask) { IsOfEveryDay = true };
        yield return new("the journal is gone", "Journal .* was gone", "Journal .* was gone", _ => Do(RemoveJournal), _ => Task.CompletedTask);

        foreach (var (status, code) in ((int, string)[])[(503, "SlowDown"), (400, "ExpiredToken")])
            yield return Away($"the bucket says {code}", "s3:", _ => Do(() => _bucket.Use(_ => new ProxyFault.Answer(status, code))), _ => Do(() => _bucket.Use(_ => null)), isOfEveryDay: code is "SlowDown");
        foreach (var (status, code) in ((int, string)[])[(403, "AccessDenied"), (403, "RequestTimeTooSkewed")])
            yield return Refused($"the bucket says {code}", "bronze/|silver/|gold/", _ => Do(() => _bucket.Use(_ => new ProxyFault.Answer(status, code))), _ => Do(() => _bucket.Use(_ => null)), isOfEveryDay: code is "AccessDenied");
        yield return Away("the bucket hangs up", "s3:", _ => Do(() => _bucket.Use(_ => new ProxyFault.Drop())), _ => Do(() => _bucket.Use(_ => null)));

        yield return Away("PostgreSQL is away", App, _ => Do(_postgres.Cut), _ => Do(_postgres.Restore), isOfEveryDay: true);
        yield return Refused("PostgreSQL's role may not read", App, token => SqlAsync($"REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM {Reader}", token),
            token => SqlAsync($"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {Reader}", token), isOfEveryDay: true);
        yield return Refused("PostgreSQL's role may not log in", App, token => SqlAsync($"ALTER ROLE {Reader} NOLOGIN; {HangUp}", token), token => SqlAsync($"ALTER ROLE {Reader} LOGIN", token));
        yield return Refused("PostgreSQL's password is changed before the file", App, token => SqlAsync($"ALTER ROLE {Reader} PASSWORD 'tomorrow'; {HangUp}", token),
            _ => Do(() => File.WriteAllText(PostgresPassword, "tomorrow")));

        yield return Away("the broker is away", Events, _ => Do(() => _kafka.IsAway = true), _ => Do(() => _kafka.IsAway = false));
        yield return Refused("a right on a topic is taken", "user_events", _ => Do(() => RefuseTopic(KafkaError.TopicAuthorizationFailed)), _ => Do(() => RefuseTopic(KafkaError.None)), isOfEveryDay: true);
        yield return Refused("a topic is missing", "user_events", _ => Do(() => RefuseTopic(KafkaError.UnknownTopicOrPartition)), _ => Do(() => RefuseTopic(KafkaError.None)));
        yield return Refused("the broker's password is changed before the file", Events, _ => Do(() => ChangeKafkaPassword("tomorrow")), _ => Do(() => File.WriteAllText(KafkaPassword, "tomorrow")), isOfEveryDay: true);

        yield return Away("the registry answers HTML", Meters, AnswerHtmlAsync, _ => Do(_readings.AnswerWell), isOfEveryDay: true);

        yield return Away("Snowflake's token is refused", Crm, _ => Do(() => Snowflake(401, """{"code":"390112","message":"Your session has expired."}""", "application/json")), _ => Do(SnowflakeIsWell), isOfEveryDay: true);
        foreach (var (code, words) in ((string, string)[])[("390111", "Session no longer exists.  New login required to access the service."), ("390114", "Authentication token has expired.  The user must authenticate again.")])
            yield return Refused($"Snowflake says 401 and {code}", Crm, _ => Do(() => Snowflake(401, $$"""{"code":"{{code}}","message":"{{words}}"}""", "application/json", ofStatements: true)), _ => Do(SnowflakeIsWell));
        yield return Away("a firewall stands before Snowflake", Crm, _ => Do(() => Snowflake(403, "<html><body>Blocked by policy</body></html>", "text/html")), _ => Do(SnowflakeIsWell));
        yield return Refused("Snowflake's warehouse is suspended, which is a 422", Crm, _ => Do(() => _driver.Sources.Snowflake.SetWarehouse(isAvailable: false)),
            _ => Do(() => _driver.Sources.Snowflake.SetWarehouse(isAvailable: true)), isOfEveryDay: true);
        yield return Away("Snowflake is away", Crm, _ => Do(() => _snowflake.Use(_ => new ProxyFault.Drop())), _ => Do(SnowflakeIsWell));

        yield return new("a job does not end", @"ERR Table gold/combinations: run \d+ failed, and is tried again: .* has taken more than ", "INF Table gold/combinations goes on: ",
            token => _readings.WriteAsync(isEndless: true, token), token => _readings.WriteAsync(isEndless: false, token));
        const string cut = $@"WRN Object s3://.*/{OfApp}.*\.checkpoint\.parquet: .* The table is whole without it";
        yield return new("checkpoints are cut", cut, cut, CutCheckpointsAsync, token => _checkpoints.RestoreAsync(token));
    }

    private static string HangUp => $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{Reader}'";

    /// <summary>Ends the flow of data, and waits until all of it has arrived.</summary>
    public async Task BalanceAsync(CancellationToken cancellationToken)
    {
        await _morning.CancelAsync();
        var expectation = await _feeding;
        while (!(await new DemoReportBuilder(_lake, cancellationToken).BuildAsync(expectation)).IsBalanced || !await _readings.AreInAsync(_lake, cancellationToken))
            await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken);
    }

    /// <summary>Ends the node, and says what is there against what must be.</summary>
    public async Task<(DemoReport Report, IReadOnlyList<CheckedTable> Checks)> StopAsync(CancellationToken cancellationToken)
    {
        await _node.StopAsync();
        return (await new DemoReportBuilder(_lake, cancellationToken).BuildAsync(await _feeding), (await VerifyLake.RunAsync(new VerifyLakeRequest(), () => _options, _lake, cancellationToken)).Checks);
    }

    public async ValueTask DisposeAsync()
    {
        _bucket?.Use(_ => null);
        if (_node is not null) await _node.DisposeAsync();
        await _morning.CancelAsync();
        if (_feeding is not null) await Background.FailureAsync(async _ => await _feeding, CancellationToken.None);
        if (_journalLock is not null) await _journalLock.DisposeAsync();
        if (_readings is not null) await _readings.DisposeAsync();
        if (_driver is not null) await _driver.DisposeAsync();
        _servers.Reverse();
        foreach (var server in _servers) await server.DisposeAsync();
        _logs.Dispose();
        _morning.Dispose();
        _disk?.Dispose();
        _root.Dispose();
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
        _checkpoints = new CutCheckpoints(_lake);
        _driver = await DemoDriver.StartAsync(new DemoOptions(Path.Combine(_root, "servers")) { RowsPerSecond = _pace.RowsPerSecond, Patience = TimeSpan.FromMinutes(30), End = _morning.Token },
            new LakeProgress(_lake), TimeProvider.System, cancellationToken);
        await SqlAsync($"CREATE ROLE {Reader} LOGIN PASSWORD 'today'; GRANT pg_read_all_stats TO {Reader}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {Reader}", cancellationToken);
        await File.WriteAllTextAsync(PostgresPassword, "today", cancellationToken);
        await File.WriteAllTextAsync(KafkaPassword, "today", cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(DiskRoot, "mask.key"), "a key of thirty-two letters or more", cancellationToken);
        _readings = await MeterReadings.StartAsync(_driver.Sources.Kafka, cancellationToken);
        _postgres = Add(new TcpProxy(_driver.Sources.Postgres.Port));
        _kafka = Add(KafkaProxy.Start(_driver.Sources.Kafka.Bootstrap, KafkaUser, "today"));
        _snowflake = Add(await FaultProxy.StartAsync(_driver.Sources.Snowflake.Url, cancellationToken));

        _options = PipelineOptions.Load(await ConfigurationAsync(cancellationToken), SourceKinds.All, lakeLocation: null, Variable);
        if (_pace.HaltRetry is { } retry) _options = _options with { Transform = _options.Transform with { HaltRetry = retry } };
        _node = await NodeHost.StartAsync(_options, Lakes.Open(_options.Lake, TimeProvider.System), _logs, TimeProvider.System, cancellationToken, _pace.Watching);
        _feeding = _driver.RunAsync(CancellationToken.None);
        // A night begins with everything well.
        while (await _lake.TryOpenAsync(TableId.Silver("users"), cancellationToken) is not { Current.Version: > 0 }) await Task.Delay(TimeSpan.FromMilliseconds(100), cancellationToken);
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

        await File.WriteAllTextAsync(Path.Combine(directory, "combinations.sql"), MeterReadings.Query, cancellationToken);
        var night = Path.Combine(directory, "night.conf");
        await File.WriteAllTextAsync(night, $$"""
            include "demo.conf"
            pipeline {
              lake { location = "s3://{{Bucket}}/tables", s3 { endpoint = "{{_bucket.Url}}", region = us-east-1, path-style = true } }
              sources.events.security { mechanism = plain, username = {{KafkaUser}} }
              {{_readings.Settings}}
              {{_pace.Settings}}
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

    /// <summary>Nobody has to act: the watch tells it.</summary>
    private static NightOutage Away(string name, string thing, Func<CancellationToken, Task> begin, Func<CancellationToken, Task> end, bool isOfEveryDay = false) =>
        new(name, $"WRN .*({thing}).* has been (away|full or read-only) for ", $"INF .*({thing}).* is back after ", begin, end) { IsOfEveryDay = isOfEveryDay };

    /// <summary>Somebody has to act: tables halt or stop.</summary>
    private static NightOutage Refused(string name, string thing, Func<CancellationToken, Task> begin, Func<CancellationToken, Task> end, bool isOfEveryDay = false) =>
        new(name, $"ERR .*({thing}).*( is halted: |, and the table waits|: what is new at the source is not found any more)",
            $"INF .*({thing}).*( is halted no more| goes on: |: what is new at the source is found again)", begin, end) { IsOfEveryDay = isOfEveryDay };

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

    /// <summary>Between two commits: one that is under way would write over it what it holds, and see nothing.</summary>
    private async Task DamageJournalAsync(CancellationToken cancellationToken)
    {
        await LockJournalAsync(cancellationToken);
        await File.WriteAllTextAsync(JournalFile, new string('x', 1 << 16), cancellationToken);
        await UnlockJournalAsync(cancellationToken);
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

    /// <summary>Records of a schema that nobody knows yet come while it does.</summary>
    private async Task AnswerHtmlAsync(CancellationToken cancellationToken)
    {
        _readings.AnswerHtml();
        await _readings.WriteAsync(isEndless: false, cancellationToken);
    }

    /// <summary>
    /// Read by who begins anew: the workers of a source that comes back. While it is away its tables have no commits, nor other
    /// checkpoints.
    /// </summary>
    private async Task CutCheckpointsAsync(CancellationToken cancellationToken)
    {
        await _checkpoints.UntilAnyAsync(OfApp, cancellationToken);
        var line = Log.Count;
        _postgres.Cut();
        await Log.LineAsync(line, text => Regex.IsMatch(text, $"WRN .*{App}.* has been away for ", RegexOptions.None, TimeSpan.FromMinutes(1)), cancellationToken);
        await _checkpoints.CutAsync(OfApp, cancellationToken);
        _postgres.Restore();
    }

    /// <param name="ofStatements">Not where tokens are asked for.</param>
    private void Snowflake(int status, string body, string contentType, bool ofStatements = false) =>
        _snowflake.Use(request => !ofStatements || request.Target.StartsWith("/api/", StringComparison.Ordinal) ? new ProxyFault.AnswerWith(status, body, contentType) : null);

    private void SnowflakeIsWell() => _snowflake.Use(_ => null);

    private static Task Do(Action action)
    {
        action();
        return Task.CompletedTask;
    }
}
