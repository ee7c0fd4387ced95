using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Control;

namespace Pipeline.Node.Verbs;

internal sealed class ControlApplyVerb : Verb
{
    private readonly Argument<string> _plan;
    private readonly Option<string> _reason;

    public ControlApplyVerb() : base("apply", "Do what was planned with --plan; refused if what it was planned over has moved. Applied again it changes nothing.")
    {
        _plan = Add(new Argument<string>("ID") { Description = "Of the plan." });
        _reason = Add(new Option<string>("--reason", "-r") { Description = "Why, for those who read it later.", HelpName = "TEXT", Required = true });
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        using var control = invocation.OpenControl();
        var applied = await control.ApplyAsync(parsed.GetRequiredValue(_plan), Invocation.Operator, parsed.GetRequiredValue(_reason), cancellationToken);
        if (applied is Applied.Refused { Fault: var fault }) throw new PipelineException(fault.Kind, fault.Thing, fault.Cause, fault.NextStep);
        var listing = new Listing("state", Column.Id("id"));
        listing.Add(Cell.Code(ChangeVerb.WordOf(applied)), ChangeVerb.IdOf(applied));
        invocation.Print(listing);
        return ExitCode.Done;
    }
}
