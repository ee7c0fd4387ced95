using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Pipeline.Core;

namespace Pipeline.Sources.Postgres.Client;

/// <summary>TLS as <see cref="PostgresSecurityOptions"/> asks for it.</summary>
internal static class WireTls
{
    public static SslClientAuthenticationOptions OptionsFor(PostgresSourceOptions options, KnownCertificates certificates)
    {
        var security = options.Security;
        var ssl = new SslClientAuthenticationOptions();
        Check(ssl, options, certificates);
        if (security.CertificateFile is { } certificateFile)
        {
            var own = X509Certificate2.CreateFromPemFile(certificateFile, security.KeyFile);
            certificates.Saw($"source/{options.Name}/client", own);
            ssl.ClientCertificateContext = SslStreamCertificateContext.Create(own, additionalCertificates: null);
        }

        return ssl;
    }

    /// <summary>How the server's certificate is judged, the same for all connections.</summary>
    public static void Check(SslClientAuthenticationOptions ssl, PostgresSourceOptions options, KnownCertificates certificates)
    {
        ssl.TargetHost = options.Host;
        if (options.Security.CaFile is { } caFile)
        {
            var trust = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            trust.CustomTrustStore.ImportFromPemFile(caFile);
            ssl.CertificateChainPolicy = trust;
        }

        ssl.RemoteCertificateValidationCallback = certificates.Seeing($"source/{options.Name}/server", options.Security.Tls switch
        {
            TlsMode.Require => (_, _, _, _) => true,
            TlsMode.VerifyCa => (_, _, _, errors) => (errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == SslPolicyErrors.None,
            _ => null,
        });
    }
}
