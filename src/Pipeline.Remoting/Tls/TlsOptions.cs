using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Remoting.Tls;

/// <summary>Who this node is and whom it believes: the section <c>cluster.tls</c>. Files are PEM.</summary>
/// <param name="CaFile">The authorities that sign the certificates of this pipeline's nodes; no others count.</param>
/// <param name="CertificateFile">This node's certificate, with those between it and the authority behind it.</param>
/// <param name="KeyFile">Its key.</param>
/// <param name="KeyPassword">For an encrypted key.</param>
public sealed record TlsOptions(string CaFile, string CertificateFile, string KeyFile, Secret? KeyPassword)
{
    /// <summary>Null when there is no such section, or an empty one.</summary>
    public static TlsOptions? Bind(SettingsReader settings)
    {
        var (ca, certificate, key) = (settings.String("ca-file", ""), settings.String("certificate-file", ""), settings.String("key-file", ""));
        var password = settings.OptionalSecret("key-password");
        settings.Complete();
        if (ca.Length + certificate.Length + key.Length == 0) return null;
        foreach (var (name, file) in (ReadOnlySpan<(string, string)>)[("ca-file", ca), ("certificate-file", certificate), ("key-file", key)])
            if (file.Length == 0) settings.Report(name, "is required: ca-file, certificate-file and key-file belong together");
        return new TlsOptions(ca, certificate, key, password);
    }
}
