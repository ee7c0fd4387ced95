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

    /// <summary>How long an error waits for its explanation.</summary>
    private static readonly TimeSpan TrialMax = TimeSpan.FromSeconds(3);

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

    /// <summary>
    /// Why the way to the brokers fails, which the client library only says that it does: by which check a certificate is not believed and what
    /// stands in it, or that a port speaks another language. Null: none of the configured brokers shows it.
    /// </summary>
    /// <param name="thing">What an error is about.</param>
    public async ValueTask<PipelineException?> ExplainAsync(string thing, ClientConfig config, Error error, Exception? inner, CancellationToken cancellationToken)
    {
        if (error.Code != ErrorCode.Local_Ssl && !KafkaFaults.IsPassing(error.Code)) return null;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(TrialMax);
        foreach (var broker in options.Bootstrap.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            if (await FaultOfAsync(thing, config, broker, inner, patience.Token) is { } fault) return fault;
        return null;
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

    private async ValueTask<PipelineException?> FaultOfAsync(string thing, ClientConfig config, string broker, Exception? inner, CancellationToken cancellationToken)
    {
        var (host, port) = AddressOf(broker);
        if (!options.Security.HasTls)
            return await IsSoAsync(cancel => PortTrial.SpeaksTlsAsync(host, port, cancel), cancellationToken)
                ? new PipelineException(FaultKind.Unreachable, thing, $"{broker} speaks TLS, and security.protocol says plain text", "Write security.protocol = ssl (with a user: sasl-ssl).", inner) : null;
        var (isEncrypted, answers) = (false, false);
        var failure = await Background.FailureAsync(cancel => HandshakeAsync(config, broker, cancel, isBelieved: false, async (stream, asking) =>
        {
            isEncrypted = true;
            answers = await PortTrial.AnswersAsync(stream, asking);
        }), cancellationToken);
        if (CertificateRefusedException.FlawIn(failure) is { } flaw)
            return new PipelineException(FaultKind.NotAuthorised, thing, $"TLS with {broker} is refused: {flaw.Words}", flaw.NextStep("security.ca-file", "bootstrap"), inner);
        if (!isEncrypted)
            return await IsSoAsync(cancel => PortTrial.SpeaksPlainTextAsync(host, port, cancel), cancellationToken)
                ? new PipelineException(FaultKind.NotAuthorised, thing, $"{broker} speaks plain text, and security.protocol says TLS", "Write security.protocol = plaintext (with a user: sasl-plaintext), or name in bootstrap a port that speaks TLS.", inner) : null;
        return !answers && !cancellationToken.IsCancellationRequested && options.Security is { CertificateFile: null, CertificatePem: null }
            // So does a balancer that has no broker behind it: it is tried again.
            ? new PipelineException(FaultKind.Unreachable, thing, $"{broker} ends a connection as soon as it is encrypted, as one does that wants a certificate of ours", "Show one: security.certificate-file and security.key-file. Else see the brokers' logs.", inner) : null;
    }

    private static async ValueTask<bool> IsSoAsync(Func<CancellationToken, ValueTask<bool>> trial, CancellationToken cancellationToken)
    {
        var isSo = false;
        await Background.FailureAsync(async cancel => isSo = await trial(cancel), cancellationToken);
        return isSo;
    }

    private bool IsDue(string broker) => !_asked.TryGetValue(broker, out var at) || time.GetElapsedTime(at) >= Interval;

    /// <param name="isBelieved">Whatever it shows; else it is judged as the client library does.</param>
    /// <param name="then">What is done behind it.</param>
    private async ValueTask HandshakeAsync(ClientConfig config, string broker, CancellationToken cancellationToken, bool isBelieved = true, Func<Stream, CancellationToken, ValueTask>? then = null)
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
            CertificateChainPolicy = isBelieved ? null : TrustOf(config),
            RemoteCertificateValidationCallback = certificates.Seeing($"source/{source}/server", (_, _, _, errors) => isBelieved || (errors & ~Ignored) == SslPolicyErrors.None, broker),
        }, patience.Token);
        if (then is not null) await then(secure, patience.Token);
    }

    private SslPolicyErrors Ignored => options.Security.VerifyHostname ? SslPolicyErrors.None : SslPolicyErrors.RemoteCertificateNameMismatch;

    /// <summary>Null: the system's authorities.</summary>
    private static X509ChainPolicy? TrustOf(ClientConfig config)
    {
        if ((config.SslCaPem ?? TextOf(config.SslCaLocation)) is not { } authorities) return null;
        var trust = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trust.CustomTrustStore.ImportFromPem(authorities);
        return trust;
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
