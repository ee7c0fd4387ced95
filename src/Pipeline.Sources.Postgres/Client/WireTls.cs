using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Pipeline.Sources.Postgres.Client;

/// <summary>TLS as <see cref="PostgresSecurityOptions"/> asks for it.</summary>
internal static class WireTls
{
    public static SslClientAuthenticationOptions OptionsFor(PostgresSourceOptions options)
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
            ssl.ClientCertificateContext = SslStreamCertificateContext.Create(X509Certificate2.CreateFromPemFile(certificateFile, security.KeyFile), additionalCertificates: null);

        ssl.RemoteCertificateValidationCallback = security.Tls switch
        {
            TlsMode.Require => (_, _, _, _) => true,
            TlsMode.VerifyCa => (_, _, _, errors) => (errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == SslPolicyErrors.None,
            _ => null,
        };
        return ssl;
    }
}
