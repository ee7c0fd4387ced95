using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Ingest.DeadLetters;
using Pipeline.Node.Cli;
using Pipeline.Operations.DeadLetters;

namespace Pipeline.Node.Verbs;

internal sealed class DlqRedriveVerb : Verb
{
    private readonly Argument<TableId> _table;
    private readonly LetterOptions _selection;
    private readonly Option<bool> _dryRun;

    public DlqRedriveVerb() : base("redrive",
        "Decode dead letters again, as the source is configured now. What can be decoded enters the table once, marked; the rest stays. Safe beside a running pipeline; exit code 1 when something stays undecodable.")
    {
        _table = Add(TableArgument.Create());
        _selection = new LetterOptions(Add, Add, Add);
        _dryRun = Add(new Option<bool>("--dry-run") { Description = "Only say what would become of each." });
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var request = new RedriveDeadLettersRequest(parsed.GetRequiredValue(_table), _selection.Read(parsed), parsed.GetValue(_dryRun));
        using var logs = invocation.CreateLogs(LogLevel.Warning);
        var report = await RedriveDeadLetters.RunAsync(request, invocation.Load(), invocation.Services(logs), invocation.OpenLake(), cancellationToken);

        var listing = new Listing("outcome", "code", "letters", Column.Id("epoch"), "first split", Column.Id("first position"), Column.ForPrograms("rejected_as"), Column.ForPeople("reason"));
        foreach (var line in report.Lines)
            listing.Add(Cell.Code(Word(line.Outcome, request.IsDryRun)), line.Code, line.Letters, line.Epoch, line.FirstSplit.ToString(), line.FirstPosition, line.Rejection?.Code, Reason(line));
        if (listing.Count == 0) invocation.Context.Messages.WriteLine($"There is nothing to re-drive: {request.Table} has no such dead letters.");
        invocation.Print(listing);
        return report.Letters(RedriveOutcome.Undecodable) == 0 ? ExitCode.Done : ExitCode.Failed;
    }

    private static string Word(RedriveOutcome outcome, bool isDryRun) => outcome switch
    {
        RedriveOutcome.Redriven => isDryRun ? "would enter" : "entered",
        RedriveOutcome.InTable => "already there",
        RedriveOutcome.NotReached => "not reached",
        _ => "stays",
    };

    private static string? Reason(RedriveLine line) => line.Outcome switch
    {
        RedriveOutcome.NotReached => "the table has not been read up to there; run this again when it has",
        RedriveOutcome.Undecodable => $"{line.Rejection!.Code}: {line.Rejection.Reason}",
        _ => null,
    };
}
