using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Confluent.Kafka;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Client;

/// <summary>
/// When brokers' certificates expire. The client library keeps what they show it to itself, so each broker is asked once an hour, on a
/// connection of its own that ends with the handshake. Who does not answer there is told of by the clients. Safe to use from several threads.
/// </summary>
internal sealed class BrokerCertificates(string source, KafkaSourceOptions options, KnownCertificates certificates, TimeProvider time) : IAsyncDisposable
{
    private const int DefaultPort = 9092;

    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);
    private static readonly TimeSpan HandshakeMax = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<string, long> _asked = new(StringComparer.Ordinal);
    private Task _looking = Task.CompletedTask;

    /// <summary>Returns at once.</summary>
    /// <param name="config">What the clients are given.</param>
    /// <param name="brokers">As <c>host:port</c>, beside those of the configuration.</param>
    public void Look(ClientConfig config, IEnumerable<string> brokers)
    {
        if (!options.Security.HasTls) return;
        lock (_gate)
        {
            if (_stopping.IsCancellationRequested) return;
            string[] due = [.. brokers.Concat(options.Bootstrap.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)).Distinct(StringComparer.Ordinal).Where(IsDue)];
            if (due.Length == 0) return;
            foreach (var broker in due) _asked[broker] = time.GetTimestamp();
            _looking = Task.WhenAll([_looking, .. due.Select(broker => Background.FailureAsync(cancel => HandshakeAsync(config, broker, cancel), _stopping.Token))]);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Task looking;
        lock (_gate)
        {
            _stopping.Cancel();
            looking = _looking;
        }

        await looking;
        _stopping.Dispose();
    }

    private bool IsDue(string broker) => !_asked.TryGetValue(broker, out var at) || time.GetElapsedTime(at) >= Interval;

    private async ValueTask HandshakeAsync(ClientConfig config, string broker, CancellationToken cancellationToken)
    {
        var (host, port) = AddressOf(broker);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(HandshakeMax);
        using var client = new TcpClient();
        await client.ConnectAsync(host, port, patience.Token);
        using var own = OwnOf(config);
        await using var secure = new SslStream(client.GetStream());
        await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = host,
            ClientCertificates = own is null ? null : [own],
            // Whether it is believed is the clients' business: nothing is said here.
            RemoteCertificateValidationCallback = certificates.Seeing($"source/{source}/server", (_, _, _, _) => true, broker),
        }, patience.Token);
    }

    /// <summary>As the client library reads it.</summary>
    internal static (string Host, int Port) AddressOf(string broker)
    {
        var protocol = broker.IndexOf("://", StringComparison.Ordinal);
        var uri = new Uri($"tcp://{(protocol < 0 ? broker : broker[(protocol + 3)..])}");
        return (uri.DnsSafeHost, uri.Port < 0 ? DefaultPort : uri.Port);
    }

    /// <summary>Null: none is asked for, or it is one that the clients complain about.</summary>
    private static X509Certificate2? OwnOf(ClientConfig config)
    {
        if ((config.SslCertificatePem ?? TextOf(config.SslCertificateLocation)) is not { } certificate || (config.SslKeyPem ?? TextOf(config.SslKeyLocation)) is not { } key) return null;
        try
        {
            return config.SslKeyPassword is { } password ? X509Certificate2.CreateFromEncryptedPem(certificate, key, password) : X509Certificate2.CreateFromPem(certificate, key);
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    private static string? TextOf(string? file) => file is null ? null : File.ReadAllText(file);
}
