using System.Security.Cryptography.X509Certificates;
using Pipeline.Core;

namespace Pipeline.Remoting.Tls;

/// <summary>A node's certificate for who asks it over the network.</summary>
public sealed class ServerCertificate : IDisposable
{
    private const string Section = "http.tls";

    private ServerCertificate(X509Certificate2 own, X509Certificate2Collection between)
    {
        Own = own;
        Between = between;
    }

    /// <summary>With its key.</summary>
    public X509Certificate2 Own { get; }

    /// <summary>Those between it and its authority.</summary>
    public X509Certificate2Collection Between { get; }

    /// <exception cref="PipelineException">A file cannot be read, or the certificate is not valid now.</exception>
    public static async ValueTask<ServerCertificate> LoadAsync(ServerTlsOptions options, ISecretStore secrets, TimeProvider time, CancellationToken cancellationToken)
    {
        var password = options.KeyPassword is { } secret ? await secrets.RevealAsync(secret, cancellationToken) : null;
        var own = PemFiles.ReadOwn(options.CertificateFile, options.KeyFile, password, Section);
        var between = new X509Certificate2Collection();
        PemFiles.Read(options.CertificateFile, Section, between.ImportFromPemFile);
        foreach (var same in between.Where(certificate => certificate.Thumbprint == own.Thumbprint).ToList()) between.Remove(same);
        var certificate = new ServerCertificate(own, between);
        var (now, from, to) = (time.GetUtcNow().UtcDateTime, own.NotBefore.ToUniversalTime(), own.NotAfter.ToUniversalTime());
        if (now >= from && now <= to) return certificate;
        certificate.Dispose();
        throw new PipelineException(FaultKind.Invalid, $"Certificate {options.CertificateFile}", now > to ? $"it expired on {new DateTimeOffset(to).InWords()}" : $"it is valid from {new DateTimeOffset(from).InWords()} on",
            $"Put one that is valid now where {Section} says.");
    }

    public void Dispose()
    {
        Own.Dispose();
        foreach (var certificate in Between) certificate.Dispose();
    }
}
