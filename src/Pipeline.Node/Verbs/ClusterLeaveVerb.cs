using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Control;

namespace Pipeline.Node.Verbs;

internal sealed class ClusterLeaveVerb : ChangeVerb
{
    private readonly Argument<ControlTarget> _target;

    public ClusterLeaveVerb() : base("leave", "Have a node commit what is open, leave the cluster and end; others go on with its work.") =>
        _target = Add(TargetArgument.Create("A node (host:port)."));

    protected override bool HasTargets => false;

    protected override ControlCommand CommandOf(ParseResult parsed) => new(ControlVerb.Leave, parsed.GetRequiredValue(_target));
}
