using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Access;

namespace Pipeline.Node.Verbs;

internal sealed class TokenRotateVerb : Verb
{
    private readonly Argument<string> _name;
    private readonly Option<bool> _atOnce;

    public TokenRotateVerb() : base("rotate", $"Make a token in the place of one, which is good for {AccessTokens.Overlap.TotalMinutes:0} minutes still.")
    {
        _name = Add(TokenArgument.Create());
        _atOnce = Add(new Option<bool>("--at-once") { Description = "The one before is good no more, as when somebody else has it." });
    }

    protected override bool HasTargets => false;

    protected override Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var access = invocation.Load().Http.Access;
        TokenArgument.Print(invocation, new AccessTokens(access, invocation.Context.Time).Rotate(parsed.GetRequiredValue(_name), access.TokenLifetime, parsed.GetValue(_atOnce) ? TimeSpan.Zero : AccessTokens.Overlap));
        return Task.FromResult(ExitCode.Done);
    }
}
