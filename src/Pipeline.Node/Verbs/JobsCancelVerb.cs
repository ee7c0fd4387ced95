using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Control;

namespace Pipeline.Node.Verbs;

internal sealed class JobsCancelVerb : ChangeVerb
{
    private readonly Argument<ControlTarget> _target;

    public JobsCancelVerb() : base("cancel", "Interrupt the run of a Silver or Gold table that goes on; it is planned anew. Pause the table first to have none.") =>
        _target = Add(TargetArgument.Create("A Silver or Gold table."));

    protected override ControlCommand CommandOf(ParseResult parsed) => new(ControlVerb.Cancel, parsed.GetRequiredValue(_target));
}
