using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Control;

namespace Pipeline.Node.Verbs;

internal sealed class DrainVerb : ChangeVerb
{
    private readonly Argument<ControlTarget> _target;

    public DrainVerb() : base("drain", "As pause: commit what is open and rest, for work on a source or a machine. Tables that share a split rest together.") =>
        _target = Add(TargetArgument.Create("A table (silver/users), a source (app) or a node (host:port)."));

    protected override ControlCommand CommandOf(ParseResult parsed) => new(ControlVerb.Drain, parsed.GetRequiredValue(_target));
}
