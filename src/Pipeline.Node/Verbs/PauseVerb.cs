using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Control;

namespace Pipeline.Node.Verbs;

internal sealed class PauseVerb : ChangeVerb
{
    private readonly Argument<ControlTarget> _target;

    public PauseVerb() : base("pause", "Commit what is open of a table, a source or a node, and begin nothing more until resume. Holds over restarts.") =>
        _target = Add(TargetArgument.Create("A table (silver/users), a source (app) or a node (host:port)."));

    protected override ControlCommand CommandOf(ParseResult parsed) => new(ControlVerb.Pause, parsed.GetRequiredValue(_target));
}
