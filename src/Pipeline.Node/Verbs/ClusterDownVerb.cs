using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Control;

namespace Pipeline.Node.Verbs;

internal sealed class ClusterDownVerb : ChangeVerb
{
    private readonly Argument<ControlTarget> _target;

    public ClusterDownVerb() : base("down", "Give a node up that does not answer, so that others have its work at once. One that lives all the same is refused by the tables, and ends.") =>
        _target = Add(TargetArgument.Create("A node (host:port)."));

    protected override bool HasTargets => false;

    protected override ControlCommand CommandOf(ParseResult parsed) => new(ControlVerb.Down, parsed.GetRequiredValue(_target));
}
