using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Remoting.Tls;

/// <summary>What a node shows who asks it over the network: the section <c>http.tls</c>. Files are PEM; the cluster's may be used here too.</summary>
/// <param name="CertificateFile">Its certificate, with those between it and its authority behind it.</param>
/// <param name="KeyFile">Its key.</param>
/// <param name="KeyPassword">For an encrypted key.</param>
public sealed record ServerTlsOptions(string CertificateFile, string KeyFile, Secret? KeyPassword)
{
    /// <summary>Null when there is no such section, or an empty one.</summary>
    public static ServerTlsOptions? Bind(SettingsReader settings)
    {
        var (certificate, key) = (settings.String("certificate-file", ""), settings.String("key-file", ""));
        var password = settings.OptionalSecret("key-password");
        settings.Complete();
        if (certificate.Length + key.Length == 0) return null;
        foreach (var (name, file) in (ReadOnlySpan<(string, string)>)[("certificate-file", certificate), ("key-file", key)])
            if (file.Length == 0) settings.Report(name, "is required: certificate-file and key-file belong together");
        return new ServerTlsOptions(certificate, key, password);
    }
}
