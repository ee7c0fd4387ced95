using Confluent.Kafka;
using Pipeline.Core;
using Pipeline.Configuration;

namespace Pipeline.Sources.Kafka;

/// <summary>How connections are encrypted and who we are.</summary>
public enum KafkaProtocol
{
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

/// <summary>Encryption and credentials of a Kafka source.</summary>
public sealed record KafkaSecurityOptions
{
    private static readonly Dictionary<string, SaslMechanism> Mechanisms = new(StringComparer.Ordinal)
    {
        ["plain"] = SaslMechanism.Plain,
        ["scram-sha-256"] = SaslMechanism.ScramSha256,
        ["scram-sha-512"] = SaslMechanism.ScramSha512,
    };

    /// <summary>Default <c>plaintext</c>.</summary>
    public KafkaProtocol Protocol { get; init; } = KafkaProtocol.Plaintext;

    /// <summary>How the password is proven: <c>plain</c>, <c>scram-sha-256</c> or <c>scram-sha-512</c>. Default the last; the first only over TLS.</summary>
    public SaslMechanism Mechanism { get; init; } = SaslMechanism.ScramSha512;

    /// <summary>Who we are, with a SASL protocol.</summary>
    public string? Username { get; init; }

    public Secret? Password { get; init; }

    /// <summary>The authorities that may have signed the brokers' certificates; the system's when neither is given.</summary>
    public string? CaFile { get; init; }

    /// <summary>The same as PEM text.</summary>
    public Secret? CaPem { get; init; }

    /// <summary>Our own certificate (PEM), where brokers ask for one.</summary>
    public string? CertificateFile { get; init; }

    /// <summary>The same as PEM text.</summary>
    public Secret? CertificatePem { get; init; }

    /// <summary>The key of our certificate (PEM).</summary>
    public string? KeyFile { get; init; }

    /// <summary>The same as PEM text.</summary>
    public Secret? KeyPem { get; init; }

    /// <summary>For an encrypted key.</summary>
    public Secret? KeyPassword { get; init; }

    /// <summary>Whether a broker's certificate must be made out to its host name. Default true; off only for tunnels and tests.</summary>
    public bool VerifyHostname { get; init; } = true;

    public bool HasSasl => Protocol is KafkaProtocol.SaslPlaintext or KafkaProtocol.SaslSsl;

    public bool HasTls => Protocol is KafkaProtocol.Ssl or KafkaProtocol.SaslSsl;

    /// <summary>By its name in the configuration; null: there is no such mechanism.</summary>
    internal static SaslMechanism? MechanismOf(string name) => Mechanisms.TryGetValue(name, out var mechanism) ? mechanism : null;

    /// <param name="bootstrap">The brokers' addresses.</param>
    internal static KafkaSecurityOptions Bind(SettingsReader settings, string bootstrap)
    {
        var byDefault = new KafkaSecurityOptions();
        var mechanism = settings.String("mechanism", Mechanisms.Single(pair => pair.Value == byDefault.Mechanism).Key);
        if (!Mechanisms.ContainsKey(mechanism))
            settings.Report("mechanism", $"'{mechanism}' is not allowed. Allowed: {string.Join(", ", Mechanisms.Keys)}{SettingsReader.Nearest(mechanism, Mechanisms.Keys)}");

        var options = new KafkaSecurityOptions
        {
            Protocol = settings.Choice<KafkaProtocol>("protocol", byDefault.Protocol),
            Mechanism = Mechanisms.GetValueOrDefault(mechanism, byDefault.Mechanism),
            Username = settings.OptionalString("username"),
            Password = settings.OptionalSecret("password"),
            CaFile = settings.OptionalString("ca-file"),
            CaPem = settings.OptionalSecret("ca-pem"),
            CertificateFile = settings.OptionalString("certificate-file"),
            CertificatePem = settings.OptionalSecret("certificate-pem"),
            KeyFile = settings.OptionalString("key-file"),
            KeyPem = settings.OptionalSecret("key-pem"),
            KeyPassword = settings.OptionalSecret("key-password"),
            VerifyHostname = settings.Bool("verify-hostname", byDefault.VerifyHostname),
        };

        if (!options.HasTls && !settings.Has("protocol") && bootstrap.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).FirstOrDefault(broker => !TlsRule.IsLoopback(HostOf(broker))) is { } remote)
            settings.Report("protocol", $"is required: {remote} would be read in plain text, which whoever is on the way reads and changes. Write sasl-ssl or ssl, or plaintext where the network is nobody else's");
        if (options.HasSasl)
        {
            if (options.Username is null) settings.Report("username", "is required with a SASL protocol");
            if (options.Password is null) settings.Report("password", "is required with a SASL protocol: ${?VARIABLE}, secret:file:PATH, secret:aws:NAME or secret:ssm:NAME");
        }

        if (options is { CaFile: not null, CaPem: not null }) settings.Report("ca-pem", "stands beside ca-file. Write one of them");
        if ((options.CertificateFile ?? options.CertificatePem?.Reference) is null != ((options.KeyFile ?? options.KeyPem?.Reference) is null))
            settings.Report("certificate-file", "and key-file (or certificate-pem and key-pem) belong together");
        settings.Complete();
        return options;
    }

    private static string HostOf(string broker) => Uri.TryCreate(broker.Contains("://", StringComparison.Ordinal) ? broker : $"kafka://{broker}", UriKind.Absolute, out var address) ? address.Host : broker;
}
