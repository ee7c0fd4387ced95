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
        var ssl = new SslClientAuthenticationOptions { TargetHost = options.Host };
        if (security.CaFile is { } caFile)
        {
            var trust = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            trust.CustomTrustStore.ImportFromPemFile(caFile);
            ssl.CertificateChainPolicy = trust;
        }

        if (security.CertificateFile is { } certificateFile)
        {
            var own = X509Certificate2.CreateFromPemFile(certificateFile, security.KeyFile);
            certificates.Saw($"source/{options.Name}/client", own);
            ssl.ClientCertificateContext = SslStreamCertificateContext.Create(own, additionalCertificates: null);
        }

        ssl.RemoteCertificateValidationCallback = certificates.Seeing($"source/{options.Name}/server", security.Tls switch
        {
            TlsMode.Require => (_, _, _, _) => true,
            TlsMode.VerifyCa => (_, _, _, errors) => (errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == SslPolicyErrors.None,
            _ => null,
        });
        return ssl;
    }
}
