using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Access;

namespace Pipeline.Node.Verbs;

internal sealed class TokenListVerb() : Verb("list", "The tokens by which operators ask the nodes of this machine: whose they are, what they may, until when.")
{
    protected override bool HasTargets => false;

    protected override Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var access = invocation.Load().Http.Access;
        var (tokens, now) = (new AccessTokens(access, invocation.Context.Time), invocation.Context.Time.GetUtcNow());

        var listing = new Listing(Column.Id("id"), "name", "role", "created at", "expires at", "good");
        foreach (var token in tokens.All)
            listing.Add(token.Id, token.Name, access.Roles.TryGetValue(token.Name, out var role) ? role.ToString().ToLowerInvariant() : null, token.CreatedAt, token.ExpiresAt, token.IsValidAt(now));
        if (listing.Count == 0) invocation.Context.Messages.WriteLine($"There are no tokens in {tokens.File}.");
        invocation.Print(listing);
        return Task.FromResult(ExitCode.Done);
    }
}
