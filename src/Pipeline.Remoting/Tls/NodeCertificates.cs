using System.Formats.Asn1;
using System.Security.Cryptography.X509Certificates;
using Pipeline.Core;

namespace Pipeline.Remoting.Tls;

/// <summary>
/// The certificates of a pipeline's nodes: signed by its authority, valid, and made out to the pipeline by the name
/// <c>pipeline://NAME</c> among their alternative names (a URI). Hosts are not compared: nodes move.
/// </summary>
public sealed class NodeCertificates
{
    private const string AlternativeNames = "2.5.29.17";
    private const string Section = "cluster.tls";

    // GeneralName: uniformResourceIdentifier [6] IA5String.
    private static readonly Asn1Tag UriTag = new(TagClass.ContextSpecific, 6);

    private readonly X509Certificate2Collection _authorities;
    private readonly string _uri;
    private readonly TimeProvider _time;

    internal NodeCertificates(X509Certificate2 own, X509Certificate2Collection authorities, string pipeline, TimeProvider time)
    {
        Own = own;
        _authorities = authorities;
        _uri = UriOf(pipeline);
        _time = time;
    }

    /// <summary>This node's, with its key.</summary>
    internal X509Certificate2 Own { get; }

    /// <summary>When this node's certificate expires.</summary>
    public DateTimeOffset Expires => new(Own.NotAfter.ToUniversalTime());

    /// <summary>When the first of its authorities expires.</summary>
    public DateTimeOffset AuthorityExpires => new(_authorities.Min(authority => authority.NotAfter).ToUniversalTime());

    /// <summary>What a certificate of the pipeline's nodes must say.</summary>
    public static string UriOf(string pipeline) => $"pipeline://{Uri.EscapeDataString(pipeline)}";

    /// <exception cref="PipelineException">A file cannot be read, or the node's own certificate would be refused by the others.</exception>
    public static async ValueTask<NodeCertificates> LoadAsync(TlsOptions options, string pipeline, ISecretStore secrets, TimeProvider time, CancellationToken cancellationToken)
    {
        var password = options.KeyPassword is { } secret ? await secrets.RevealAsync(secret, cancellationToken) : null;
        var authorities = new X509Certificate2Collection();
        PemFiles.Read(options.CaFile, Section, authorities.ImportFromPemFile);
        if (authorities.Count == 0) throw PemFiles.Unreadable(options.CaFile, Section, "it holds no certificate", null);
        var own = PemFiles.ReadOwn(options.CertificateFile, options.KeyFile, password, Section);
        var certificates = new NodeCertificates(own, authorities, pipeline, time);
        return certificates.Refusal(own, between: null) is not { } refusal ? certificates
            : throw new PipelineException(FaultKind.Invalid, $"Certificate {options.CertificateFile}", $"the other nodes would refuse it: {refusal}",
                $"Have {options.CaFile} sign one that is valid and has the alternative name URI:{certificates._uri}.");
    }

    /// <summary>Why a certificate is not one of this pipeline's nodes; null: it is.</summary>
    /// <param name="between">Certificates that came with it.</param>
    internal string? Refusal(X509Certificate2? certificate, X509Certificate2Collection? between)
    {
        if (certificate is null) return "it showed no certificate";
        var now = _time.GetUtcNow().UtcDateTime;
        var (from, to) = (certificate.NotBefore.ToUniversalTime(), certificate.NotAfter.ToUniversalTime());
        if (now > to) return $"its certificate expired on {new DateTimeOffset(to).InWords()}";
        if (now < from) return $"its certificate is valid from {new DateTimeOffset(from).InWords()} on";

        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(_authorities);
        if (between is not null) chain.ChainPolicy.ExtraStore.AddRange(between);
        // Authorities of a company's own have no place to ask: a certificate that is not to count any more is replaced with its authority.
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.VerificationTime = now;
        if (!chain.Build(certificate)) return $"its certificate was not signed by this pipeline's authority ({string.Join(", ", chain.ChainStatus.Select(status => status.Status).Distinct())})";
        var uris = UrisOf(certificate);
        // A URI's host has no case, and tools write it with a slash behind it.
        return uris.Select(uri => uri.TrimEnd('/')).Contains(_uri, StringComparer.OrdinalIgnoreCase) ? null
            : $"its certificate is made out to {(uris.Count == 0 ? "no pipeline" : Wire.MessageRefusedException.Shown(string.Join(", ", uris)))} and not to {_uri}";
    }

    private static List<string> UrisOf(X509Certificate2 certificate)
    {
        var uris = new List<string>();
        foreach (var extension in certificate.Extensions.Where(extension => extension.Oid?.Value == AlternativeNames))
        {
            try
            {
                var names = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence();
                while (names.HasData)
                    if (names.PeekTag().HasSameClassAndValue(UriTag)) uris.Add(names.ReadCharacterString(UniversalTagNumber.IA5String, UriTag));
                    else names.ReadEncodedValue();
            }
            catch (AsnContentException)
            {
                // Names that cannot be read name nobody.
                return [];
            }
        }

        return uris;
    }
}
