using System.Collections.Concurrent;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Pipeline.Core;

/// <summary>
/// When certificates expire that are met on the way to servers: those that they show us, and our own that we show them.
/// Thread-safe.
/// </summary>
/// <param name="time">By which servers that are met no more are forgotten; null: the system's.</param>
public sealed class KnownCertificates(TimeProvider? time = null)
{
    /// <summary>A server that was not met for so long while others of its name were is not used any more.</summary>
    private static readonly TimeSpan ForgottenAfter = TimeSpan.FromDays(1);

    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private readonly ConcurrentDictionary<(string Name, string Server), (DateTimeOffset Expires, long Met)> _known = [];

    /// <summary>Of clients that belong to no source: of the lake, of AWS, of who receives what is measured.</summary>
    public static KnownCertificates OfProcess { get; } = new();

    /// <summary>Whose they are, and when they expire: of several servers behind one name the first to expire.</summary>
    public IReadOnlyCollection<(string Name, DateTimeOffset Expires)> All =>
        [.. _known.GroupBy(known => known.Key.Name, StringComparer.Ordinal).Select(servers => (servers.Key, ExpiresOf([.. servers.Select(server => server.Value)]))).OrderBy(known => known.Key, StringComparer.Ordinal)];

    /// <param name="name">Whose it is, such as <c>source/app/server</c>.</param>
    /// <param name="server">Which of several that have the name. Of each what is seen last counts: certificates are renewed.</param>
    public void Saw(string name, X509Certificate? certificate, string server = "")
    {
        if (certificate is X509Certificate2 known) _known[(name, server)] = (new DateTimeOffset(known.NotAfter.ToUniversalTime()), _time.GetTimestamp());
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

    /// <summary>A check of a server's certificate that also remembers it, one that is refused too, and says why with <see cref="CertificateRefusedException"/>.</summary>
    /// <param name="name">As in <see cref="Saw"/>.</param>
    /// <param name="check">What is believed; null: what has no flaw.</param>
    /// <param name="server">As in <see cref="Saw"/>; null: the host that is asked for.</param>
    public RemoteCertificateValidationCallback Seeing(string name, RemoteCertificateValidationCallback? check = null, string? server = null) => (sender, certificate, chain, errors) =>
    {
        Saw(name, certificate, server ?? (sender as SslStream)?.TargetHostName ?? "");
        if (check?.Invoke(sender, certificate, chain, errors) ?? errors == SslPolicyErrors.None) return true;
        throw new CertificateRefusedException(CertificateFlaw.Of(certificate, chain, errors, (sender as SslStream)?.TargetHostName ?? ""));
    };

    private DateTimeOffset ExpiresOf(IReadOnlyCollection<(DateTimeOffset Expires, long Met)> servers)
    {
        var last = servers.Max(server => server.Met);
        return servers.Where(server => _time.GetElapsedTime(server.Met, last) < ForgottenAfter).Min(server => server.Expires);
    }
}
