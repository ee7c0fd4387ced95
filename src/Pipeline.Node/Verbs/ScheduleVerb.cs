using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Control;

namespace Pipeline.Node.Verbs;

internal sealed class ScheduleVerb : ChangeVerb
{
    private readonly Argument<ControlTarget> _target;
    private readonly Argument<string?> _times;

    public ScheduleVerb() : base("schedule", "Run a Silver or Gold table at certain times only, instead of when its inputs advance. A time that was missed is made up for once.")
    {
        _target = Add(TargetArgument.Create("A Silver or Gold table."));
        _times = Add(new Argument<string?>("TIMES")
        {
            Description = "Five fields of cron and a time zone: '30 3 * * * Europe/Berlin'. Without any the table runs by its inputs again.", Arity = ArgumentArity.ZeroOrOne, DefaultValueFactory = _ => null,
        });
    }

    protected override ControlCommand CommandOf(ParseResult parsed) => parsed.GetValue(_times) is { } times
        ? new ControlCommand(ControlVerb.Schedule, parsed.GetRequiredValue(_target), times) : new ControlCommand(ControlVerb.Unschedule, parsed.GetRequiredValue(_target));
}
