using System.Security.Authentication;

namespace Pipeline.Core;

/// <summary>A server's certificate is not believed.</summary>
public sealed class CertificateRefusedException(CertificateFlaw flaw) : AuthenticationException(flaw?.Words)
{
    public CertificateFlaw Flaw { get; } = flaw;

    /// <summary>What an error comes from; null: from something else.</summary>
    public static CertificateFlaw? FlawIn(Exception? error)
    {
        for (var cause = error; cause is not null; cause = cause.InnerException)
            if (cause is CertificateRefusedException refused) return refused.Flaw;
        return null;
    }
}
