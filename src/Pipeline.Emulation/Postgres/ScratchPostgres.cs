using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Npgsql;
using Pipeline.Core;

namespace Pipeline.Emulation.Postgres;

/// <summary>How a <see cref="ScratchPostgres"/> is started.</summary>
/// <param name="Directory">Holds everything of the server; created when missing, its data reused when there.</param>
public sealed record ScratchPostgresOptions(string Directory)
{
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The port on 127.0.0.1; 0 takes a free one.</summary>
    public int Port { get; init; }

    public string Database { get; init; } = "app";

    /// <summary>Further settings of the server, over those that a scratch server needs.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Variables of the server's environment, beside our own.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Where the server's programs are; null: those of the server installed on this machine.</summary>
    public string? BinDirectory { get; init; }

    /// <summary>After this long without readiness the start has failed.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromMinutes(3);
}

/// <summary>
/// A real PostgreSQL on a loopback port, from the server installed on this machine: TLS with its own authority, SCRAM
/// passwords, logical WAL. Its data outlives it and is used again by the next start on the same directory.
/// </summary>
/// <remarks>
/// The server never outlives its owner: a shell beside it waits on a pipe that the owner holds open and shuts the server
/// down when the pipe closes, also when the owner is killed. Nothing is flushed to disk (<c>fsync = off</c>): the data
/// survives every death of a process, not a power cut.
/// </remarks>
public sealed class ScratchPostgres : IAsyncDisposable
{
    private const string AdminDatabase = "postgres";

    /// <summary>
    /// Runs the server until standard input ends, then shuts it down fast; answers with the server's exit code. A fast
    /// shutdown waits for replication clients to confirm all they were sent, which a dead one never does: in the end it
    /// is an immediate one.
    /// </summary>
    private const string WatchdogScript = """
        exec 3<&0
        "$@" </dev/null 3<&- >>"$PIPELINE_SERVER_LOG" 2>&1 &
        server=$!
        { read -r _; kill -INT "$server"; sleep 5; kill -QUIT "$server"; } <&3 >/dev/null 2>&1 &
        watchdog=$!
        wait "$server"
        status=$?
        kill "$watchdog" 2>/dev/null
        exit "$status"
        """;

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromMinutes(2);

    /// <summary>For a connection, and for a statement.</summary>
    private static readonly TimeSpan BusyMax = TimeSpan.FromMinutes(15);

    private readonly ScratchPostgresOptions _options;
    private readonly PostgresInstallation _installation;
    private readonly ServerAccount _account;
    private Process? _watchdog;

    private ScratchPostgres(ScratchPostgresOptions options, PostgresInstallation installation)
    {
        _options = options;
        _installation = installation;
        _account = ServerAccount.For(DataDirectory);
        Certificates = ScratchCertificates.Create(options.Time);
    }

    public string Host => "127.0.0.1";

    public int Port { get; private set; }

    public string Database => _options.Database;

    /// <summary>A superuser; rights are the tests' own business.</summary>
    public string User => "pipeline";

    public string Password { get; private set; } = "";

    /// <summary>PEM of the authority that signed the server's certificate (for localhost and 127.0.0.1).</summary>
    public string CaFile => Path.Combine(_options.Directory, "ca.crt");

    /// <summary>What the server said, for people.</summary>
    public string LogFile => Path.Combine(_options.Directory, "server.log");

    public string DataDirectory => Path.Combine(_options.Directory, "data");

    /// <summary>Where psql, pg_recvlogical and pgbench of this server are.</summary>
    public string BinDirectory => _installation.BinDirectory;

    public ScratchCertificates Certificates { get; }

    /// <summary>For whoever fills it, who waits for it as long as it takes: the machine may be busy.</summary>
    public string ConnectionString => new NpgsqlConnectionStringBuilder
    {
        Host = Host,
        Port = Port,
        Database = Database,
        Username = User,
        Password = Password,
        SslMode = SslMode.VerifyFull,
        RootCertificate = CaFile,
        IncludeErrorDetail = true,
        Timeout = (int)BusyMax.TotalSeconds,
        CommandTimeout = (int)BusyMax.TotalSeconds,
    }.ConnectionString;

    /// <summary>The server's process id; null when it does not run.</summary>
    public int? ServerProcessId => PostmasterFile.TryRead(DataDirectory)?.ProcessId;

    /// <summary>Makes the data directory when there is none, starts the server and waits until it accepts connections.</summary>
    /// <exception cref="PipelineException">No server is installed, or it does not start: the cause is in its log.</exception>
    public static async Task<ScratchPostgres> StartAsync(ScratchPostgresOptions options, CancellationToken cancellationToken = default)
    {
        options = options with { Directory = Path.GetFullPath(options.Directory) };
        var server = new ScratchPostgres(options, options.BinDirectory is { } programs ? new PostgresInstallation(programs) : PostgresInstallation.Find());
        try
        {
            await server.StartAsync(cancellationToken);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Fast shutdown: open transactions are rolled back, connections cut, data kept.</summary>
    public async Task StopAsync(CancellationToken cancellationToken = default)
    {
        if (_watchdog is not { } watchdog) return;
        watchdog.StandardInput.Close();
        await watchdog.WaitForExitAsync(cancellationToken).WaitAsync(StopTimeout, _options.Time, cancellationToken);
        watchdog.Dispose();
        _watchdog = null;
    }

    /// <summary>Starts the stopped server again on the port it had.</summary>
    public async Task RestartAsync(CancellationToken cancellationToken = default)
    {
        await StopAsync(cancellationToken);
        await LaunchAsync(Port, cancellationToken);
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private async Task StartAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(_options.Directory);
        Password = ReadOrMakePassword();
        if (!File.Exists(Path.Combine(DataDirectory, "PG_VERSION"))) await InitialiseAsync(cancellationToken);
        await StopLeftoverAsync(cancellationToken);
        WriteServerFiles();

        // A port found free may be taken by someone else before the server binds it.
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await LaunchAsync(_options.Port == 0 ? ServerPort.Free() : _options.Port, cancellationToken);
                break;
            }
            catch (PipelineException) when (_options.Port == 0 && attempt < 3 && LastLogLines().Contains("could not bind", StringComparison.Ordinal))
            {
                await StopAsync(cancellationToken);
            }
        }

        await CreateDatabaseAsync(cancellationToken);
    }

    private string ReadOrMakePassword()
    {
        var file = Path.Combine(_options.Directory, "password");
        if (!File.Exists(file)) PrivateFiles.Write(file, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)));
        _account.Own(file);
        return File.ReadAllText(file);
    }

    private async Task InitialiseAsync(CancellationToken cancellationToken)
    {
        // What an interrupted initdb left behind is not a database.
        if (Directory.Exists(DataDirectory)) Directory.Delete(DataDirectory, recursive: true);
        PrivateFiles.CreateDirectory(DataDirectory);
        _account.Own(DataDirectory);

        using var initdb = Process.Start(new ProcessStartInfo(_account.Command[0],
        [
            .. _account.Command[1..], _installation.Tool("initdb"), "--pgdata", DataDirectory, "--username", User,
            "--pwfile", Path.Combine(_options.Directory, "password"), "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale",
            "--no-sync", "--no-instructions",
        ])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = initdb.StandardOutput.ReadToEndAsync(cancellationToken);
        var errors = initdb.StandardError.ReadToEndAsync(cancellationToken);
        await initdb.WaitForExitAsync(cancellationToken);
        await output;
        if (initdb.ExitCode != 0)
            throw new PipelineException(FaultKind.Invalid, $"PostgreSQL in {_options.Directory}", $"initdb failed: {(await errors).Trim()}",
                "Choose a directory on a local disk that can be written to.");
    }

    /// <summary>A server that still runs on this directory (its owner was killed a moment ago) is waited for, then ended.</summary>
    private async Task StopLeftoverAsync(CancellationToken cancellationToken)
    {
        if (PostmasterFile.TryRead(DataDirectory) is not { } leftover) return;
        if (leftover.IsServerOf(DataDirectory))
        {
            using var process = Process.GetProcessById(leftover.ProcessId);
            Signals.Send(leftover.ProcessId, Signals.Interrupt);
            await process.WaitForExitAsync(cancellationToken).WaitAsync(StopTimeout, _options.Time, cancellationToken);
        }

        // The process id in it may meanwhile be another's, which the server would take for a sibling.
        File.Delete(PostmasterFile.PathIn(DataDirectory));
    }

    private void WriteServerFiles()
    {
        File.WriteAllText(CaFile, Certificates.AuthorityPem);
        WriteOwned("ca.crt", Certificates.AuthorityPem);
        WriteOwned("server.crt", Certificates.ServerPem);
        WriteOwned("server.key", Certificates.ServerKeyPem);
        // Users in the role certificate_users come with a client certificate instead of a password.
        WriteOwned("pg_hba.conf", """
            hostssl all         +certificate_users 127.0.0.1/32 cert
            hostssl all         all                127.0.0.1/32 scram-sha-256
            hostssl replication all                127.0.0.1/32 scram-sha-256

            """);

        void WriteOwned(string name, string text)
        {
            var path = Path.Combine(DataDirectory, name);
            PrivateFiles.Write(path, text);
            _account.Own(path);
        }
    }

    private async Task LaunchAsync(int port, CancellationToken cancellationToken)
    {
        Port = port;
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["listen_addresses"] = Host,
            ["port"] = port.ToString(CultureInfo.InvariantCulture),
            ["unix_socket_directories"] = "",
            ["ssl"] = "on",
            ["ssl_ca_file"] = "ca.crt",
            ["password_encryption"] = "scram-sha-256",
            ["wal_level"] = "logical",
            ["max_prepared_transactions"] = "10",
            ["shared_buffers"] = "64MB",
            ["fsync"] = "off",
            ["synchronous_commit"] = "off",
            ["full_page_writes"] = "off",
            ["jit"] = "off",
            ["timezone"] = "UTC",
        };
        foreach (var (name, value) in _options.Settings) settings[name] = value;

        // A session of its own: Ctrl-C in the terminal must not reach the server before its owner has finished with it.
        var start = new ProcessStartInfo("setsid",
        [
            "sh", "-c", WatchdogScript, "postgres-watchdog", .. _account.Command, _installation.Tool("postgres"), "-D", DataDirectory,
            .. settings.SelectMany(setting => new[] { "-c", $"{setting.Key}={setting.Value}" }),
        ])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            Environment = { ["PIPELINE_SERVER_LOG"] = LogFile },
        };
        foreach (var (name, value) in _options.Environment) start.Environment[name] = value;
        _watchdog = Process.Start(start)!;
        await WaitUntilReadyAsync(_watchdog, cancellationToken);
    }

    private async Task WaitUntilReadyAsync(Process watchdog, CancellationToken cancellationToken)
    {
        var started = _options.Time.GetTimestamp();
        while (PostmasterFile.TryRead(DataDirectory) is not { IsReady: true })
        {
            if (watchdog.HasExited || _options.Time.GetElapsedTime(started) > _options.StartTimeout)
                throw new PipelineException(FaultKind.Invalid, $"PostgreSQL in {_options.Directory}", $"the server does not start: {LastLogLines()}",
                    $"Its log is {LogFile}.");
            await Task.Delay(PollInterval, _options.Time, cancellationToken);
        }
    }

    private async Task CreateDatabaseAsync(CancellationToken cancellationToken)
    {
        var admin = new NpgsqlConnectionStringBuilder(ConnectionString) { Database = AdminDatabase, Pooling = false };
        await using var connection = new NpgsqlConnection(admin.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        await using var exists = new NpgsqlCommand("select 1 from pg_database where datname = $1", connection) { Parameters = { new() { Value = Database } } };
        if (await exists.ExecuteScalarAsync(cancellationToken) is not null) return;
        await using var create = new NpgsqlCommand($"create database \"{Database.Replace("\"", "\"\"", StringComparison.Ordinal)}\"", connection);
        await create.ExecuteNonQueryAsync(cancellationToken);
    }

    private string LastLogLines() =>
        File.Exists(LogFile) ? string.Join(" | ", File.ReadLines(LogFile).TakeLast(5)) : "it said nothing";
}
