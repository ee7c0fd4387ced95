using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Pipeline.Emulation.Postgres;

/// <summary>A certificate authority for one server's life, the server's certificate, and client certificates on demand.</summary>
public sealed class ScratchCertificates
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    private readonly X509Certificate2 _authority;
    private readonly DateTimeOffset _from;
    private readonly DateTimeOffset _to;

    private ScratchCertificates(X509Certificate2 authority, DateTimeOffset from, DateTimeOffset to)
    {
        _authority = authority;
        _from = from;
        _to = to;
        AuthorityPem = authority.ExportCertificatePem();

        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        (ServerPem, ServerKeyPem) = Issue("localhost", ServerAuthentication, names);
    }

    public string AuthorityPem { get; }

    public string ServerPem { get; }

    public string ServerKeyPem { get; }

    public static ScratchCertificates Create(TimeProvider time)
    {
        var now = time.GetUtcNow();
        var (from, to) = (now.AddDays(-1), now.AddDays(30));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=pipeline scratch authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        return new ScratchCertificates(request.CreateSelfSigned(from, to), from, to);
    }

    /// <summary>A certificate and its key (PEM) for a client that authenticates as <paramref name="user"/>.</summary>
    public (string Certificate, string Key) IssueClient(string user) => Issue(user, ClientAuthentication, names: null);

    private (string Certificate, string Key) Issue(string commonName, string usage, SubjectAlternativeNameBuilder? names)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={commonName}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], critical: false));
        if (names is not null) request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(_authority, _from, _to, RandomNumberGenerator.GetBytes(12));
        return (certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }
}
