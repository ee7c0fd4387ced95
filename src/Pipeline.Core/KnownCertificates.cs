using System.Collections.Concurrent;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Pipeline.Core;

/// <summary>
/// When certificates expire that are met on the way to servers: those that they show us, and our own that we show them.
/// Thread-safe.
/// </summary>
public sealed class KnownCertificates
{
    /// <summary>Of clients that belong to no source: of the lake, of AWS, of who receives what is measured.</summary>
    public static KnownCertificates OfProcess { get; } = new();

    private readonly ConcurrentDictionary<string, DateTimeOffset> _expires = new(StringComparer.Ordinal);

    /// <summary>Whose they are, and when they expire.</summary>
    public IReadOnlyCollection<(string Name, DateTimeOffset Expires)> All => [.. _expires.Select(known => (known.Key, known.Value)).OrderBy(known => known.Key, StringComparer.Ordinal)];

    /// <param name="name">Whose it is, such as <c>source/app/server</c>. What is seen last counts: certificates are renewed.</param>
    public void Saw(string name, X509Certificate? certificate)
    {
        if (certificate is X509Certificate2 known) _expires[name] = new DateTimeOffset(known.NotAfter.ToUniversalTime());
    }

    /// <summary>Those of a PEM text: of several the first to expire counts. What is no certificate is left to whoever uses it.</summary>
    /// <param name="name">As in <see cref="Saw"/>.</param>
    public void SawPem(string name, string pem)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(pem);
        }
        catch (CryptographicException)
        {
            return;
        }

        Saw(name, certificates.MinBy(certificate => certificate.NotAfter));
        foreach (var certificate in certificates) certificate.Dispose();
    }

    /// <inheritdoc cref="SawPem"/>
    public void SawFile(string name, string path)
    {
        string pem;
        try
        {
            pem = File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return;
        }

        SawPem(name, pem);
    }

    /// <summary>A check of a server's certificate that also remembers it, one that is refused too.</summary>
    /// <param name="name">As in <see cref="Saw"/>.</param>
    /// <param name="check">What is believed; null: what has no flaw.</param>
    public RemoteCertificateValidationCallback Seeing(string name, RemoteCertificateValidationCallback? check = null) => (sender, certificate, chain, errors) =>
    {
        Saw(name, certificate);
        return check?.Invoke(sender, certificate, chain, errors) ?? errors == SslPolicyErrors.None;
    };
}
