using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Pipeline.Core;

/// <summary>What a certificate is looked at for.</summary>
public enum CertificateCheck
{
    /// <summary>That there is one.</summary>
    Shown,

    /// <summary>That it is valid now.</summary>
    Time,

    /// <summary>That somebody has signed it who is trusted.</summary>
    Authority,

    /// <summary>That it is for the host that was asked for.</summary>
    Name,
}

/// <summary>Why a server's certificate is not believed.</summary>
/// <param name="Check">The first that it has not passed.</param>
/// <param name="Words">All of them and the names of the certificate, as a cause without a full stop.</param>
public sealed record CertificateFlaw(CertificateCheck Check, string Words)
{
    /// <param name="host">As it was asked for.</param>
    public static CertificateFlaw Of(X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors, string host)
    {
        if (certificate is null || errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable)) return new CertificateFlaw(CertificateCheck.Shown, "it shows no certificate");
        using var own = new X509Certificate2(certificate);
        var flaws = new List<(CertificateCheck Check, string Words)>();
        var links = chain?.ChainElements.ToList() ?? [];
        foreach (var late in links.Where(link => link.ChainElementStatus.Any(status => status.Status == X509ChainStatusFlags.NotTimeValid)).Select(link => link.Certificate))
            flaws.Add((CertificateCheck.Time, $"{(late.Thumbprint == own.Thumbprint ? "" : $"is signed by {late.Subject}, which ")}{(late.NotBefore.ToUniversalTime() > TimeProvider.System.GetUtcNow().UtcDateTime ? $"is not valid before {Text(late.NotBefore)}" : $"expired at {Text(late.NotAfter)}")}"));
        var status = links.SelectMany(link => link.ChainElementStatus).Concat(chain?.ChainStatus ?? []).ToList();
        if (status.Exists(one => one.Status is X509ChainStatusFlags.UntrustedRoot or X509ChainStatusFlags.PartialChain or X509ChainStatusFlags.NotSignatureValid) || (chain is null && errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors)))
            flaws.Add((CertificateCheck.Authority, own.Issuer == own.Subject ? "is signed by itself alone, and not trusted here" : "is of an authority that is not trusted here"));
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch)) flaws.Add((CertificateCheck.Name, $"is not for {host}"));
        var told = status.Select(one => one.StatusInformation.Trim().TrimEnd('.')).Distinct(StringComparer.Ordinal).ToList();
        if (flaws.Count == 0) flaws.Add((CertificateCheck.Authority, told.Count > 0 ? $"is refused: {string.Join(", ", told)}" : "is refused"));
        return new CertificateFlaw(flaws[0].Check, $"its certificate, for {NamesOf(own)} by {own.Issuer}, {string.Join(" and ", flaws.Select(flaw => flaw.Words))}");
    }

    /// <summary>What mends it.</summary>
    /// <param name="authority">The setting that names who is trusted.</param>
    /// <param name="host">The setting that names the host.</param>
    public string NextStep(string authority, string host) => Check switch
    {
        CertificateCheck.Authority => $"Name a PEM file with the authority that signed it: {authority}.",
        CertificateCheck.Name => $"Write one of the certificate's names: {host}. Or have the server show a certificate for this one.",
        CertificateCheck.Time => "Renew the server's certificate, or set this machine's clock right.",
        _ => "Have the server show one.",
    };

    private static string NamesOf(X509Certificate2 certificate)
    {
        var names = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(extension => extension.EnumerateDnsNames().Concat(extension.EnumerateIPAddresses().Select(address => $"{address}"))).ToList();
        return names.Count > 0 ? string.Join(", ", names) : certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
    }

    private static string Text(DateTime moment) => new DateTimeOffset(moment).InWords();
}
