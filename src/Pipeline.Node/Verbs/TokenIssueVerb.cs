using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Access;

namespace Pipeline.Node.Verbs;

internal sealed class TokenIssueVerb : Verb
{
    private readonly Argument<string> _name;

    public TokenIssueVerb() : base("issue", "Make a token, in a file that this user alone may read. Nodes of this machine take it at once.") => _name = Add(TokenArgument.Create());

    protected override bool HasTargets => false;

    protected override Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var access = invocation.Load().Http.Access;
        TokenArgument.Print(invocation, new AccessTokens(access, invocation.Context.Time).Issue(parsed.GetRequiredValue(_name), access.TokenLifetime));
        return Task.FromResult(ExitCode.Done);
    }
}
