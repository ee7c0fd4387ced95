using System.Collections.Concurrent;
using Npgsql;
using Pipeline.Core;

namespace Pipeline.Sources.Postgres.Client;

/// <summary>
/// Connections to one database: at most <see cref="PostgresSourceOptions.ConnectionsMax"/> for queries, as many for rows, and with
/// change capture one that looks at the slot. The password is asked for at each new connection; errors come out as
/// <see cref="PipelineException"/>.
/// </summary>
internal sealed class PostgresConnections : IAsyncDisposable
{
    private readonly NpgsqlDataSource _dataSource;
    private readonly SemaphoreSlim _turns;
    private readonly ConcurrentBag<WireConnection> _idle = [];
    private readonly ISecretStore _secrets;
    /// <summary>Characters of a name at the server.</summary>
    private const int NameMax = 63;

    private readonly WaitWatch _waits;
    private readonly KnownCertificates _certificates;

    private readonly string _applicationName;
    private volatile string? _zone;

    /// <param name="pipeline">The name of the pipeline that reads.</param>
    public PostgresConnections(PostgresSourceOptions options, ISecretStore secrets, string pipeline, WaitWatch waits, KnownCertificates certificates)
    {
        Options = options;
        _waits = waits;
        _certificates = certificates;
        _applicationName = AsShown($"pipeline/{pipeline}/{options.Name}");
        _secrets = secrets;
        _turns = new SemaphoreSlim(options.ConnectionsMax);
        _dataSource = Build(SessionSettings.AtStart);
    }

    /// <summary>A name as the server shows it: ASCII, of 63 characters at most (manual 20.8, <c>application_name</c>).</summary>
    private static string AsShown(string name) => string.Concat(name.Take(NameMax).Select(c => char.IsBetween(c, ' ', '~') ? c : '?'));

    public PostgresSourceOptions Options { get; }

    /// <summary>By which the server's views know our sessions.</summary>
    public string ApplicationName => _applicationName;

    private NpgsqlDataSource Build(string sessionSettings)
    {
        var options = Options;
        var builder = new NpgsqlDataSourceBuilder(new NpgsqlConnectionStringBuilder
        {
            Host = options.Host,
            Port = options.Port,
            Database = options.Database,
            Username = options.Security.Username,
            ApplicationName = _applicationName,
            // Which certificates are believed is decided below.
            SslMode = options.Security.Tls == TlsMode.Disable ? SslMode.Disable : SslMode.Require,
            ChannelBinding = options.Security.ChannelBinding == ChannelBindingMode.Require ? ChannelBinding.Require : ChannelBinding.Prefer,
            RequireAuth = options.Security.Tls == TlsMode.Disable ? "!Password" : null,
            SslCertificate = options.Security.CertificateFile,
            SslKey = options.Security.KeyFile,
            Options = sessionSettings,
            MaxPoolSize = options.ConnectionsMax + 1,
            Timeout = Seconds(options.ConnectTimeout),
            CommandTimeout = Seconds(options.RequestTimeout),
            KeepAlive = 0,
            TcpKeepAlive = true,
            // Nothing is set in a session: resetting it is a transaction of its own.
            NoResetOnClose = true,
        }.ConnectionString);
        builder.UseSslClientAuthenticationOptionsCallback(ssl => WireTls.Check(ssl, options, _certificates));
        if (options.Security.Password is { } password)
            builder.UsePasswordProvider(
                _ => throw new NotSupportedException("Connections are opened asynchronously."),
                (_, cancellationToken) => _secrets.RevealAsync(password, cancellationToken));
        // Not every version has these settings, and naming one at the start would be refused.
        builder.UsePhysicalConnectionInitializer(
            _ => throw new NotSupportedException("Connections are opened asynchronously."),
            async connection =>
            {
                Require(connection.PostgresParameters.GetValueOrDefault(SessionSettings.Reported.Name));
                if (SessionSettings.WithoutLimits(connection.PostgreSqlVersion.Major) is not { } statement) return;
                await using var unlimited = new NpgsqlCommand(statement, connection);
                await unlimited.ExecuteNonQueryAsync();
            });
        return builder.Build();
    }

    /// <summary>The time zone that a session of the role is in when it says nothing. Costs a connection of its own, once.</summary>
    public async ValueTask<string> ZoneAsync(CancellationToken cancellationToken)
    {
        if (_zone is { } known) return known;
        try
        {
            await using var plain = Build(SessionSettings.WithoutZone);
            await using var command = plain.CreateCommand("select current_setting('TimeZone')");
            return _zone = (string)(await command.ExecuteScalarAsync(cancellationToken))!;
        }
        catch (Exception e) when (PostgresFaults.Knows(e) && !cancellationToken.IsCancellationRequested)
        {
            throw PostgresFaults.Describe(e, Options.Thing, Options);
        }
    }

    /// <summary>Runs <paramref name="work"/> with a connection of its own.</summary>
    /// <param name="thing">What an error is about.</param>
    public ValueTask<T> UseAsync<T>(string thing, Func<NpgsqlConnection, CancellationToken, ValueTask<T>> work, CancellationToken cancellationToken) =>
        InTurnAsync(thing, cancel => UseBesideAsync(thing, work, cancel), cancellationToken);

    /// <summary>
    /// Runs <paramref name="work"/> in one of the turns of <see cref="UseAsync{T}"/>, without a connection: each that is opened costs
    /// both sides a handshake, and the server a process.
    /// </summary>
    /// <param name="thing">What an error is about.</param>
    public async ValueTask<T> InTurnAsync<T>(string thing, Func<CancellationToken, ValueTask<T>> work, CancellationToken cancellationToken)
    {
        using (_waits.Begin(Options.Thing, $"all of its {Options.ConnectionsMax} connections are used (connections-max)")) await _turns.WaitAsync(cancellationToken);
        try
        {
            RequireFiles();
            return await work(cancellationToken);
        }
        catch (Exception e) when (PostgresFaults.Knows(e) && !cancellationToken.IsCancellationRequested)
        {
            throw PostgresFaults.Describe(e, thing, Options);
        }
        finally
        {
            _turns.Release();
        }
    }

    /// <summary>As <see cref="UseAsync{T}"/>, beside the turns: for one short look at a time that must not wait for readers.</summary>
    public async ValueTask<T> UseBesideAsync<T>(string thing, Func<NpgsqlConnection, CancellationToken, ValueTask<T>> work, CancellationToken cancellationToken)
    {
        try
        {
            RequireFiles();
            var process = 0;
            using var wait = _waits.Begin(thing, "the database has not answered", cancel => new(ServerWait.ReasonAsync(_dataSource, Volatile.Read(ref process), cancel)));
            await using var connection = await _dataSource.OpenConnectionAsync(cancellationToken);
            Volatile.Write(ref process, connection.ProcessID);
            return await work(connection, cancellationToken);
        }
        catch (Exception e) when (PostgresFaults.Knows(e) && !cancellationToken.IsCancellationRequested)
        {
            throw PostgresFaults.Describe(e, thing, Options);
        }
    }

    /// <summary>Runs <paramref name="work"/>; what the database or the network says comes out as an error for people.</summary>
    public async ValueTask TranslateAsync(string thing, Func<Task> work, CancellationToken cancellationToken)
    {
        try
        {
            await work();
        }
        catch (Exception e) when (PostgresFaults.Knows(e) && !cancellationToken.IsCancellationRequested)
        {
            throw PostgresFaults.Describe(e, thing, Options);
        }
    }

    /// <summary>
    /// Runs <paramref name="work"/> on a thread of its own with a connection for many rows, inside <see cref="UseAsync{T}"/> or
    /// <see cref="InTurnAsync{T}"/>, whose turn it shares. Cancelling cuts the connection.
    /// </summary>
    /// <param name="thing">Who waits when nothing comes.</param>
    public async ValueTask<T> UseWireAsync<T>(string thing, Func<WireConnection, T> work, CancellationToken cancellationToken)
    {
        if (!_idle.TryTake(out var connection)) connection = await OpenWireAsync(replication: false, cancellationToken);
        try
        {
            using var wait = WatchSilence(thing, connection);
            T result;
            await using (cancellationToken.Register(connection.Abort))
                result = await Task.Factory.StartNew(() => work(connection), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            cancellationToken.ThrowIfCancellationRequested();
            _idle.Add(connection);
            return result;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Asks something that only a connection for replication answers, beside the turns.</summary>
    public async ValueTask<T> UseWireBesideAsync<T>(string thing, Func<WireConnection, T> work, CancellationToken cancellationToken)
    {
        T result = default!;
        await TranslateAsync(thing, async () =>
        {
            using var wire = await OpenWireAsync(replication: true, cancellationToken);
            await using var cancellation = cancellationToken.Register(wire.Abort);
            result = await Task.Run(() => work(wire), cancellationToken);
        }, cancellationToken);
        return result;
    }

    /// <summary>Has it told that nothing comes on a connection, until disposed.</summary>
    public Wait WatchSilence(string thing, WireConnection connection) =>
        connection.Waiting = _waits.Open(thing, cancel => new(ServerWait.ReasonAsync(_dataSource, connection.ProcessId, cancel)));

    /// <summary>A connection outside of the turns; the caller disposes it.</summary>
    public async ValueTask<WireConnection> OpenWireAsync(bool replication, CancellationToken cancellationToken)
    {
        var password = Options.Security.Password is { } secret ? await _secrets.RevealAsync(secret, cancellationToken) : null;
        var parameters = new Dictionary<string, string>(StringComparer.Ordinal) { ["application_name"] = _applicationName, ["options"] = SessionSettings.AtStart };
        if (replication) parameters["replication"] = "database";
        var wire = await WireConnection.OpenAsync(Options, password, parameters, _certificates, cancellationToken);
        try
        {
            Require(wire.IntervalStyle);
            return wire;
        }
        catch
        {
            wire.Dispose();
            throw;
        }
    }

    /// <summary>A server has the settings that a connection begins with.</summary>
    /// <param name="told">The value of <see cref="SessionSettings.Reported"/> that whoever answers has told; null: none.</param>
    private void Require(string? told)
    {
        if (told is not null && told != SessionSettings.Reported.Value) throw PostgresFaults.Pooler(Options, Options.Thing, "it does not pass on the settings of a session");
    }

    public async ValueTask DisposeAsync()
    {
        while (_idle.TryTake(out var connection)) connection.Dispose();
        await _dataSource.DisposeAsync();
    }

    private void RequireFiles()
    {
        foreach (var file in new[] { Options.Security.CaFile, Options.Security.CertificateFile, Options.Security.KeyFile })
            if (file is not null && !File.Exists(file))
                throw new PipelineException(FaultKind.Missing, Options.Thing, $"the file {file} does not exist", "Correct the paths below security.");
    }

    private static int Seconds(TimeSpan value) => (int)Math.Ceiling(value.TotalSeconds);
}
