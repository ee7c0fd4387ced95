using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Control;

namespace Pipeline.Node.Verbs;

internal sealed class BackfillVerb : ChangeVerb
{
    private readonly Argument<ControlTarget> _target;

    public BackfillVerb() : base("backfill", "Read all of a Bronze table again, in a new epoch whose rows are newer: a captured table by a snapshot beside its stream, any other from the beginning of what its source has.")
    {
        _target = Add(TargetArgument.Create("A Bronze table."));
        Add(new Option<bool>("--full") { Description = "All that the source has.", Required = true });
    }

    protected override ControlCommand CommandOf(ParseResult parsed) => new(ControlVerb.Backfill, parsed.GetRequiredValue(_target));
}
