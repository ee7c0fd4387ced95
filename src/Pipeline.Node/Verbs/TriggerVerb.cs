using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Control;

namespace Pipeline.Node.Verbs;

internal sealed class TriggerVerb : ChangeVerb
{
    private readonly Argument<ControlTarget> _target;

    public TriggerVerb() : base("trigger", "Run a Silver or Gold table as soon as a job is free, also one that has stopped or waits after an error.") =>
        _target = Add(TargetArgument.Create("A Silver or Gold table."));

    protected override ControlCommand CommandOf(ParseResult parsed) => new(ControlVerb.Trigger, parsed.GetRequiredValue(_target));
}
