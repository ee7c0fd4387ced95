using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Sources;

namespace Pipeline.Node.Verbs;

internal sealed class ResumeVerb : Verb
{
    private readonly Argument<TableId> _table;
    private readonly Option<bool> _acceptGap;

    public ResumeVerb() : base("resume", "Show what a halted table and its source do not have in common; with --accept-gap, go on all the same.")
    {
        _table = Add(TableArgument.Create());
        _acceptGap = Add(new Option<bool>("--accept-gap") { Description = "Give records up that are lost at the source. Where the source is behind the table, read what it has now again, in a new epoch. The table's history keeps the decision." });
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        using var logs = invocation.CreateLogs(LogLevel.Warning);
        var request = new ResumeTableRequest(parsed.GetRequiredValue(_table), parsed.GetValue(_acceptGap));
        var resumed = await ResumeTable.RunAsync(request, invocation.Load(), invocation.Services(logs), invocation.OpenLake(), cancellationToken);

        var listing = new Listing("split", "from", "to", "records lost", "source is behind", "accepted");
        foreach (var gap in resumed.Gaps) listing.Add(gap.Split.ToString(), gap.Range.From, gap.Range.To, gap.Range.To - gap.Range.From, gap.IsBehind, resumed.AreAccepted);
        invocation.Print(listing);
        return resumed.Gaps.Count == 0 || resumed.AreAccepted ? ExitCode.Done : ExitCode.Failed;
    }
}
