using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Control;

namespace Pipeline.Node.Verbs;

/// <summary>A verb that changes what operators want: it is planned, and applied for a reason.</summary>
internal abstract class ChangeVerb : Verb
{
    private readonly Option<string?> _reason;
    private readonly Option<bool> _plan;

    protected ChangeVerb(string name, string description) : base(name, description)
    {
        _reason = Add(new Option<string?>("--reason", "-r") { Description = "Why, for those who read it later. Needed unless it is only planned.", HelpName = "TEXT" });
        _plan = Add(new Option<bool>("--plan") { Description = "Say what would change, and the id by which 'control apply' does it as long as nothing has moved." });
    }

    /// <summary>What it asks for.</summary>
    protected abstract ControlCommand CommandOf(ParseResult parsed);

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        using var control = invocation.OpenControl();
        return await ChangeAsync(invocation, control, CommandOf(parsed), parsed, cancellationToken);
    }

    protected async Task<int> ChangeAsync(Invocation invocation, LakeControl control, ControlCommand command, ParseResult parsed, CancellationToken cancellationToken)
    {
        if (parsed.GetValue(_reason) is not { } reason && !parsed.GetValue(_plan))
        {
            var told = new ToldError("usage", $"pipeline {VerbName.Of(parsed.CommandResult)}", "nobody has said why", "Say why with --reason, or see with --plan what would change.");
            invocation.Answer.Take(told);
            invocation.Context.Messages.WriteLine(told.NextStep);
            return ExitCode.Usage;
        }

        var planned = await control.PlanAsync(command, cancellationToken);
        if (parsed.GetValue(_plan)) return Print(invocation, planned, planned.Id, word: "planned", ExitCode.PlanHasChanges);
        var applied = await control.ApplyAsync(planned.Id, Invocation.Operator, parsed.GetValue(_reason)!, cancellationToken);
        return applied is Applied.Refused { Fault: var fault } ? throw new PipelineException(fault.Kind, fault.Thing, fault.Cause, fault.NextStep) : Print(invocation, planned, IdOf(applied), WordOf(applied), ExitCode.Done);
    }

    /// <summary>Why; null: nobody has said.</summary>
    protected string? ReasonOf(ParseResult parsed) => parsed.GetValue(_reason);

    /// <summary>Of the wish or order that it has become.</summary>
    internal static string IdOf(Applied applied) => applied switch
    {
        Applied.Recorded recorded => recorded.Id,
        Applied.Repeated repeated => repeated.Id,
        Applied.NotRecordedYet later => later.Id,
        _ => "",
    };

    internal static string WordOf(Applied applied) => applied switch
    {
        Applied.Recorded => "recorded",
        Applied.Repeated => "recorded before",
        _ => "not recorded yet",
    };

    private static int Print(Invocation invocation, Planned planned, string id, string word, int code)
    {
        var listing = new Listing("thing", "change", "by", "state", Column.Id("id"));
        foreach (var change in planned.Changes) listing.Add(change.Thing, change.Change, change.By, Cell.Code(word), id);
        invocation.Print(listing);
        if (code == ExitCode.Done) invocation.Context.Messages.WriteLine("It stands in the lake. A running pipeline does it within seconds.");
        return code;
    }
}
