using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Pipeline.Remoting.Tls;

namespace Pipeline.Node.Tests.Remoting;

/// <summary>An authority that signs certificates of nodes, good ones and wrong ones.</summary>
internal sealed class NodeAuthority : IDisposable
{
    private static readonly DateTimeOffset Now = TimeProvider.System.GetUtcNow();
    private readonly X509Certificate2 _authority;

    public NodeAuthority(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        _authority = request.CreateSelfSigned(Now.AddDays(-30), Now.AddDays(30));
    }

    public string Pem => _authority.ExportCertificatePem();

    public void Dispose() => _authority.Dispose();

    /// <summary>A certificate with its key.</summary>
    /// <param name="uris">Its alternative names.</param>
    /// <param name="validFor">Days from now on; negative: it has expired by so many.</param>
    /// <param name="validFrom">Days from now until it begins to be valid.</param>
    public X509Certificate2 Issue(IReadOnlyList<string> uris, int validFor = 10, int validFrom = -20, string? dns = null, bool isSelfSigned = false)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=node", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        foreach (var uri in uris) names.AddUri(new Uri(uri));
        if (dns is not null) names.AddDnsName(dns);
        if (uris.Count > 0 || dns is not null) request.CertificateExtensions.Add(names.Build());
        if (isSelfSigned) return WithExportableKey(request.CreateSelfSigned(Now.AddDays(validFrom), Now.AddDays(validFor)));
        using var signed = request.Create(_authority, Now.AddDays(validFrom), Now.AddDays(validFor), RandomNumberGenerator.GetBytes(12));
        using var whole = signed.CopyWithPrivateKey(key);
        return WithExportableKey(whole);
    }

    /// <summary>The section <c>tls</c> of a node of the pipeline, with its files.</summary>
    public string Section(string directory, string pipeline, X509Certificate2? own = null)
    {
        using var certificate = own ?? Issue([NodeCertificates.UriOf(pipeline)]);
        File.WriteAllText(Path.Combine(directory, "ca.pem"), Pem);
        File.WriteAllText(Path.Combine(directory, "node.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(directory, "node.key"), certificate.GetECDsaPrivateKey()!.ExportEncryptedPkcs8PrivateKeyPem("of the node", new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1_000)));
        File.WriteAllText(Path.Combine(directory, "password"), "of the node\n");
        return $$"""
            tls {
              ca-file = "{{Path.Combine(directory, "ca.pem")}}"
              certificate-file = "{{Path.Combine(directory, "node.pem")}}"
              key-file = "{{Path.Combine(directory, "node.key")}}"
              key-password = "secret:file:{{Path.Combine(directory, "password")}}"
            }
            """;
    }

    private static X509Certificate2 WithExportableKey(X509Certificate2 certificate) =>
        X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pfx), password: null, X509KeyStorageFlags.Exportable);
}
