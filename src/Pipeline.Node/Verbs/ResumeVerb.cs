using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Control;
using Pipeline.Operations.Sources;

namespace Pipeline.Node.Verbs;

internal sealed class ResumeVerb : ChangeVerb
{
    private readonly Argument<ControlTarget> _target;
    private readonly Option<bool> _acceptGap;

    public ResumeVerb() : base("resume", "Let go on what was paused or drained. Of a halted table: show what it and its source do not have in common; with --accept-gap, go on all the same.")
    {
        _target = Add(TargetArgument.Create("A table (silver/users), a source (app) or a node (host:port)."));
        _acceptGap = Add(new Option<bool>("--accept-gap") { Description = "Give records up that are lost at the source. Where the source is behind the table, read what it has now again, in a new epoch. The table's history keeps the decision." });
    }

    protected override ControlCommand CommandOf(ParseResult parsed) => new(ControlVerb.Resume, parsed.GetRequiredValue(_target));

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var target = parsed.GetRequiredValue(_target);
        using var control = invocation.OpenControl();
        if (target.Table is not { Layer: Layer.Bronze } table) return await base.RunAsync(invocation, parsed, cancellationToken);
        if (!parsed.GetValue(_acceptGap) && (await control.StateAsync(cancellationToken)).LastWordOn(WishKind.Paused, target) is { Holds: true }) return await ChangeAsync(invocation, control, CommandOf(parsed), parsed, cancellationToken);
        using var logs = invocation.CreateLogs(LogLevel.Warning);
        var request = new ResumeTableRequest(table, parsed.GetValue(_acceptGap)) { Who = Invocation.Operator, Why = ReasonOf(parsed) };
        var resumed = await ResumeTable.RunAsync(request, invocation.Load(), invocation.Services(logs), invocation.OpenLake(), cancellationToken);

        var listing = new Listing("split", Column.Id("from"), Column.Id("to"), "records lost", "source is behind", "accepted");
        foreach (var gap in resumed.Gaps) listing.Add(gap.Split.ToString(), gap.Range.From, gap.Range.To, gap.Range.To - gap.Range.From, gap.IsBehind, resumed.AreAccepted);
        invocation.Print(listing);
        return resumed.Gaps.Count == 0 || resumed.AreAccepted ? ExitCode.Done : ExitCode.Failed;
    }
}
