using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Access;

namespace Pipeline.Node.Verbs;

internal sealed class TokenRevokeVerb : Verb
{
    private readonly Argument<string> _name;

    public TokenRevokeVerb() : base("revoke", "End a token at once, and the sessions that began with it.") => _name = Add(TokenArgument.Create());

    protected override bool HasTargets => false;

    protected override bool HasRows => false;

    protected override Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        new AccessTokens(invocation.Load().Http.Access, invocation.Context.Time).Revoke(parsed.GetRequiredValue(_name));
        return Task.FromResult(ExitCode.Done);
    }
}
