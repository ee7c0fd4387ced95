using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Control;

namespace Pipeline.Node.Verbs;

internal sealed class RestartVerb : ChangeVerb
{
    private readonly Argument<ControlTarget> _target;

    public RestartVerb() : base("restart", "Commit what is open and begin anew from what the tables say; a node also reads its configuration again.") =>
        _target = Add(TargetArgument.Create("A table of Bronze, a source (app) or a node (host:port)."));

    protected override ControlCommand CommandOf(ParseResult parsed) => new(ControlVerb.Restart, parsed.GetRequiredValue(_target));
}
