using Confluent.Kafka;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Client;

/// <summary>Makes clients for one source: addresses, encryption and credentials as they are now.</summary>
internal sealed class KafkaClients(string source, KafkaSourceOptions options, ISecretStore secrets, KnownCertificates certificates)
{
    public string Thing { get; } = $"Source {source}, Kafka cluster {options.Bootstrap}";

    public async ValueTask<ClientConfig> ConfigureAsync(CancellationToken cancellationToken)
    {
        var security = options.Security;
        var config = new ClientConfig
        {
            BootstrapServers = options.Bootstrap,
            ClientId = $"pipeline-{source}",
            SecurityProtocol = Enum.Parse<SecurityProtocol>(security.Protocol.ToString()),
            SocketKeepaliveEnable = true,
            SocketTimeoutMs = (int)Math.Clamp(options.RequestTimeout.TotalMilliseconds, 10_000, 300_000),
            ReconnectBackoffMs = 100,
            ReconnectBackoffMaxMs = 5_000,
            // Brokers close idle connections; that is not worth a log line.
            LogConnectionClose = false,
            AllowAutoCreateTopics = false,
        };

        if (security.HasTls)
        {
            config.SslEndpointIdentificationAlgorithm = security.VerifyHostname ? SslEndpointIdentificationAlgorithm.Https : SslEndpointIdentificationAlgorithm.None;
            if (security.CaFile is not null) config.SslCaLocation = security.CaFile;
            if (security.CaPem is not null) config.SslCaPem = await secrets.RevealAsync(security.CaPem, cancellationToken);
            if (security.CertificateFile is not null) config.SslCertificateLocation = security.CertificateFile;
            if (security.CertificatePem is not null) config.SslCertificatePem = await secrets.RevealAsync(security.CertificatePem, cancellationToken);
            if (security.KeyFile is not null) config.SslKeyLocation = security.KeyFile;
            if (security.KeyPem is not null) config.SslKeyPem = await secrets.RevealAsync(security.KeyPem, cancellationToken);
            See("authority", config.SslCaLocation, config.SslCaPem);
            See("client", config.SslCertificateLocation, config.SslCertificatePem);
            if (security.KeyPassword is not null) config.SslKeyPassword = await secrets.RevealAsync(security.KeyPassword, cancellationToken);
        }

        if (security.HasSasl)
        {
            config.SaslMechanism = security.Mechanism;
            config.SaslUsername = security.Username;
            config.SaslPassword = await secrets.RevealAsync(security.Password!, cancellationToken);
        }

        return config;
    }

    /// <summary>Gives a client the password as it is now, for its next connection; returns whether it has changed.</summary>
    public async ValueTask<bool> RotateAsync(IClient client, ClientConfig config, CancellationToken cancellationToken)
    {
        if (!options.Security.HasSasl) return false;
        var password = await secrets.RevealAsync(options.Security.Password!, cancellationToken);
        if (password == config.SaslPassword) return false;
        client.SetSaslCredentials(options.Security.Username!, password);
        config.SaslPassword = password;
        return true;
    }

    /// <summary>Runs a client's builder, whose complaints are about files and settings.</summary>
    public T Build<T>(Func<T> build)
    {
        try
        {
            return build();
        }
        catch (Exception e) when (e is InvalidOperationException or KafkaException or ArgumentException)
        {
            throw new PipelineException(FaultKind.Invalid, Thing, $"the client refuses its settings: {KafkaFaults.InOurWords(e.Message).TrimEnd('.')}",
                $"Correct the setting; certificates and keys are PEM files that this process can read.", e);
        }
    }

    /// <summary>What the client library is given; what brokers show it, <see cref="BrokerCertificates"/> looks for.</summary>
    private void See(string whose, string? file, string? pem)
    {
        if (pem is not null) certificates.SawPem($"source/{source}/{whose}", pem);
        else if (file is not null) certificates.SawFile($"source/{source}/{whose}", file);
    }
}
