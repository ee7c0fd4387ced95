using System.CommandLine;
using Pipeline.Operations.Access;

namespace Pipeline.Node.Cli;

/// <summary>The name of a token, as verbs take it, and what they say of one that was made.</summary>
internal static class TokenArgument
{
    public static Argument<string> Create() => new("NAME") { Description = "Whose token it is; http.access.roles says what it may." };

    /// <summary>Where it stands, and never what it is.</summary>
    public static void Print(Invocation invocation, IssuedToken issued)
    {
        var listing = new Listing(Column.Id("id"), "name", "expires at", "file");
        listing.Add(issued.Token.Id, issued.Token.Name, issued.Token.ExpiresAt, issued.File);
        invocation.Print(listing);
        if (!invocation.Load().Http.Access.Roles.ContainsKey(issued.Token.Name))
            invocation.Context.Messages.WriteLine($"Token {issued.Token.Name}: it may nothing yet. Write http.access.roles {{ {issued.Token.Name} = viewer }} in the configuration, and start the nodes again.");
    }
}
