using Pipeline.Node.Http.Access;
using Pipeline.Operations.Access;

namespace Pipeline.Node.Http.Api;

/// <summary>The token that a node has made, since there was none.</summary>
internal sealed class FirstToken(IssuedToken issued, BrowserSessions sessions)
{
    public static readonly TimeSpan LinkLifetime = TimeSpan.FromMinutes(15);

    /// <summary>Where it stands.</summary>
    public string File => issued.File;

    /// <summary>A link that begins a browser's session, once. It does not hold the token.</summary>
    public Uri OfferLink(Uri node) => new(node, $"{SessionEndpoints.Path}?code={sessions.OfferOnce(issued.Token.Id, issued.Token.Name, LinkLifetime)}");
}
