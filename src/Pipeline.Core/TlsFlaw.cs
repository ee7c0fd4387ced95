using System.Security.Authentication;

namespace Pipeline.Core;

/// <summary>Why a client of HTTP and its server have come to no secure connection.</summary>
/// <param name="Cause">Without a full stop.</param>
/// <param name="NextStep">What mends it, as a sentence.</param>
public sealed record TlsFlaw(string Cause, string NextStep)
{
    private const string Authority = "in the system's store of certificates";
    private const string Host = "in the address";

    /// <summary>What an error comes from; null: from something else.</summary>
    public static TlsFlaw? In(Exception? error)
    {
        if (CertificateRefusedException.FlawIn(error) is { } flaw) return new TlsFlaw(flaw.Words, flaw.NextStep(Authority, Host));
        for (var cause = error; cause is not null; cause = cause.InnerException)
            if (cause is HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError, InnerException: AuthenticationException or IOException } refused) return Of(InnermostOf(refused));
        return null;
    }

    private static TlsFlaw Of(Exception cause)
    {
        var said = cause.Message.ReplaceLineEndings(" ").TrimEnd('.');
        // What .NET says of an answer that is no record of TLS.
        return said.Contains("frame", StringComparison.OrdinalIgnoreCase)
            ? new TlsFlaw("it speaks no TLS where TLS was asked for: what it answers is plain text, or another protocol", "Write the port that speaks TLS, or http:// where the server has none.")
            : new TlsFlaw($"no TLS comes about with it: {said}", "Look which versions of TLS the server takes, whether it wants a certificate of the client, and what stands in front of it.");
    }

    private static Exception InnermostOf(Exception error) => error.InnerException is { } inner ? InnermostOf(inner) : error;
}
