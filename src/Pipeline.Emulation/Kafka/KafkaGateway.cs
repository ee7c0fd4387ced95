using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Pipeline.Core;

namespace Pipeline.Emulation.Kafka;

/// <summary>What a <see cref="KafkaGateway"/> asks of clients.</summary>
public sealed record KafkaGatewayOptions
{
    /// <summary>The gateway's certificate with its key; null: no TLS.</summary>
    public X509Certificate2? Certificate { get; init; }

    /// <summary>Who must have signed clients' certificates; null: none is asked for.</summary>
    public X509Certificate2? ClientAuthority { get; init; }

    /// <summary><c>PLAIN</c>, <c>SCRAM-SHA-256</c> or <c>SCRAM-SHA-512</c>; null: no SASL.</summary>
    public string? Mechanism { get; init; }

    public string Username { get; init; } = "";

    /// <summary>
    /// Whether fetches are held as a broker holds them: answered as soon as there is a record, where the mock lets the whole
    /// wait pass; and whatever else comes over the same connection waits so long.
    /// </summary>
    public bool HoldsFetches { get; init; }

    /// <summary>A loopback address.</summary>
    public string Host { get; init; } = "127.0.0.1";
}

/// <summary>
/// TLS and SASL in front of an <see cref="EmbeddedKafka"/> of one broker, which knows neither, and fetches that are held as
/// a broker holds them. From then on the broker
/// advertises the gateway's address: clients that know the broker itself find their way to the gateway too.
/// </summary>
public sealed class KafkaGateway : IAsyncDisposable
{
    /// <summary>How long a held fetch goes without another look for records.</summary>
    private const int LookEveryMs = 20;

    private readonly KafkaGatewayOptions _options;
    private readonly IPEndPoint _broker;
    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<Task> _connections = [];
    private readonly HashSet<TcpClient> _open = [];
    private readonly Task _accepting;
    private volatile string _password;
    private long _fetches;
    private int _fetchWaitMs;

    private KafkaGateway(EmbeddedKafka kafka, string password, KafkaGatewayOptions options)
    {
        _options = options;
        _password = password;
        _broker = IPEndPoint.Parse(kafka.Bootstrap);
        _listener = new TcpListener(IPAddress.Parse(options.Host), 0);
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        kafka.Advertise(broker: 1, options.Host, Port);
        _accepting = AcceptAsync();
    }

    public int Port { get; }

    public string Bootstrap => $"{_options.Host}:{Port}";

    /// <summary>What clients have to know from their next connection on.</summary>
    public string Password
    {
        set => _password = value;
    }

    /// <summary>Fetches that have come, when they are held here.</summary>
    public long Fetches => Interlocked.Read(ref _fetches);

    /// <summary>How long the last fetch may wait.</summary>
    public TimeSpan FetchWait => TimeSpan.FromMilliseconds(Volatile.Read(ref _fetchWaitMs));

    /// <summary>Hangs up on every client; they may connect again.</summary>
    public void CloseConnections()
    {
        TcpClient[] open;
        lock (_open) open = [.. _open];
        foreach (var client in open) client.Close();
    }

    public static KafkaGateway Start(EmbeddedKafka kafka, string password, KafkaGatewayOptions options) => new(kafka, password, options);

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _accepting;
        _listener.Stop();
        await Task.WhenAll(_connections);
        _stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (!_stopping.IsCancellationRequested) _connections.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stopping.Token)));
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // Disposed.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        lock (_open) _open.Add(client);
        try
        {
            using (client)
            using (var broker = new TcpClient())
            {
                await using var toClient = await SecureAsync(client, _stopping.Token);
                await broker.ConnectAsync(_broker, _stopping.Token);
                await using var toBroker = broker.GetStream();
                if (_options.Mechanism is not null && !await AuthenticateAsync(toClient, toBroker, _stopping.Token)) return;
                if (_options.HoldsFetches) await AnswerInTurnAsync(toClient, toBroker, _stopping.Token);
                else await Task.WhenAny(toClient.CopyToAsync(toBroker, _stopping.Token), toBroker.CopyToAsync(toClient, _stopping.Token));
            }
        }
        catch (Exception e) when (e is IOException or SocketException or System.Security.Authentication.AuthenticationException or ObjectDisposedException || Background.IsCancelled(e, _stopping.Token))
        {
            // A client that leaves or cannot show what is asked for: the connection is closed, which it notices.
        }
        finally
        {
            lock (_open) _open.Remove(client);
        }
    }

    /// <summary>One request after the other, as a broker serves a connection.</summary>
    private async Task AnswerInTurnAsync(Stream client, Stream broker, CancellationToken cancellationToken)
    {
        while (true)
        {
            var request = await ReadFrameAsync(client, cancellationToken);
            await WriteFrameAsync(client, FetchFrames.IsFetch(request) ? await FetchAsync(broker, request, cancellationToken) : await AskAsync(broker, request, cancellationToken), cancellationToken);
        }
    }

    private async Task<byte[]> FetchAsync(Stream broker, byte[] request, CancellationToken cancellationToken)
    {
        var body = ParseHeader(request).Body;
        var wait = FetchFrames.ReadWait(request, body);
        Volatile.Write(ref _fetchWaitMs, wait);
        Interlocked.Increment(ref _fetches);
        // By the clock: over many partitions the broker takes longer than it is asked to wait.
        for (var (since, left) = (TimeProvider.System.GetTimestamp(), wait); ; left = wait - (int)TimeProvider.System.GetElapsedTime(since).TotalMilliseconds)
        {
            FetchFrames.WriteWait(request, body, Math.Clamp(left, 0, LookEveryMs));
            var answer = await AskAsync(broker, request, cancellationToken);
            if (left <= LookEveryMs || FetchFrames.BringsSomething(answer)) return answer;
        }
    }

    private static async Task<byte[]> AskAsync(Stream broker, byte[] request, CancellationToken cancellationToken)
    {
        await WriteFrameAsync(broker, request, cancellationToken);
        return await ReadFrameAsync(broker, cancellationToken);
    }

    private async Task<Stream> SecureAsync(TcpClient client, CancellationToken cancellationToken)
    {
        client.NoDelay = true;
        if (_options.Certificate is null) return client.GetStream();
        var secure = new SslStream(client.GetStream());
        await secure.AuthenticateAsServerAsync(new SslServerAuthenticationOptions
        {
            ServerCertificate = _options.Certificate,
            ClientCertificateRequired = _options.ClientAuthority is not null,
            RemoteCertificateValidationCallback = (_, certificate, _, _) => IsAccepted(certificate),
        }, cancellationToken);
        return secure;
    }

    private bool IsAccepted(X509Certificate? certificate)
    {
        if (_options.ClientAuthority is null) return true;
        if (certificate is not X509Certificate2 shown) return false;
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(_options.ClientAuthority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(shown);
    }

    /// <summary>Answers a client's requests until it is authenticated; false when it is not who it says.</summary>
    private async Task<bool> AuthenticateAsync(Stream client, Stream broker, CancellationToken cancellationToken)
    {
        SaslServer? sasl = null;
        while (true)
        {
            var request = await ReadFrameAsync(client, cancellationToken);
            var (key, correlation, body) = ParseHeader(request);
            switch (key)
            {
                case KafkaFrames.ApiVersions:
                    await WriteFrameAsync(broker, request, cancellationToken);
                    await WriteFrameAsync(client, KafkaFrames.WithSasl(await ReadFrameAsync(broker, cancellationToken)), cancellationToken);
                    break;
                case KafkaFrames.SaslHandshake:
                    var isKnown = KafkaFrames.ReadString(request, body) == _options.Mechanism;
                    await WriteFrameAsync(client, KafkaFrames.HandshakeAnswer(correlation, isKnown, _options.Mechanism!), cancellationToken);
                    if (!isKnown) return false;
                    sasl = SaslServer.Create(_options.Mechanism!, _options.Username, _password);
                    break;
                case KafkaFrames.SaslAuthenticate when sasl is not null:
                    var answer = sasl.Answer(KafkaFrames.ReadBytes(request, body));
                    await WriteFrameAsync(client, KafkaFrames.AuthenticateAnswer(correlation, answer), cancellationToken);
                    if (answer is null) return false;
                    if (sasl.IsDone) return true;
                    break;
                default:
                    // A broker closes connections that do not authenticate.
                    return false;
            }
        }
    }

    /// <summary>API key, correlation id, and where the body begins after the client's id.</summary>
    private static (short Key, int Correlation, int Body) ParseHeader(byte[] request)
    {
        var idLength = BinaryPrimitives.ReadInt16BigEndian(request.AsSpan(8));
        return (BinaryPrimitives.ReadInt16BigEndian(request), BinaryPrimitives.ReadInt32BigEndian(request.AsSpan(4)), 10 + Math.Max(0, (int)idLength));
    }

    private static async Task<byte[]> ReadFrameAsync(Stream stream, CancellationToken cancellationToken)
    {
        var length = new byte[4];
        await stream.ReadExactlyAsync(length, cancellationToken);
        var frame = new byte[BinaryPrimitives.ReadInt32BigEndian(length)];
        await stream.ReadExactlyAsync(frame, cancellationToken);
        return frame;
    }

    private static async Task WriteFrameAsync(Stream stream, byte[] frame, CancellationToken cancellationToken)
    {
        var framed = new byte[4 + frame.Length];
        BinaryPrimitives.WriteInt32BigEndian(framed, frame.Length);
        frame.CopyTo(framed, 4);
        await stream.WriteAsync(framed, cancellationToken);
        await stream.FlushAsync(cancellationToken);
    }
}
