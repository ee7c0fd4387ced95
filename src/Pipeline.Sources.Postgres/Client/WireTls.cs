using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Pipeline.Sources.Postgres.Client;

/// <summary>TLS as <see cref="PostgresTls"/> asks for it.</summary>
internal static class WireTls
{
    public static SslClientAuthenticationOptions OptionsFor(PostgresSourceOptions options)
    {
        var tls = options.Tls;
        var ssl = new SslClientAuthenticationOptions { TargetHost = options.Host };
        if (tls.CaFile is { } caFile)
        {
            var trust = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            trust.CustomTrustStore.ImportFromPemFile(caFile);
            ssl.CertificateChainPolicy = trust;
        }

        if (tls.CertificateFile is { } certificateFile)
            ssl.ClientCertificateContext = SslStreamCertificateContext.Create(X509Certificate2.CreateFromPemFile(certificateFile, tls.KeyFile), additionalCertificates: null);

        ssl.RemoteCertificateValidationCallback = tls.Mode switch
        {
            TlsMode.Require => (_, _, _, _) => true,
            TlsMode.VerifyCa => (_, _, _, errors) => (errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == SslPolicyErrors.None,
            _ => null,
        };
        return ssl;
    }
}
