using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Ingest.DeadLetters;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;

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
        _selection = new LetterOptions(Add, Add);
        _dryRun = Add(new Option<bool>("--dry-run") { Description = "Only say what would become of each." });
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var table = parsed.GetRequiredValue(_table);
        var options = invocation.Load();
        using var logs = invocation.CreateLogs(LogLevel.Warning);
        await using var sources = OpenSources.Open(options.Sources.Where(source => source.Name == table.Source),
            new SourceServices(invocation.Context.Time, logs, new LocalSecretStore()));
        if (sources.OfType<IRedriveSource>().FirstOrDefault(source => source.Tables.Any(known => known.Name == table.Name)) is not { } source)
            throw new PipelineException(FaultKind.Missing, $"Table {table}", "no configured source that can decode dead letters feeds it", "Name a Kafka table: bronze/SOURCE/TABLE.");

        var isDryRun = parsed.GetValue(_dryRun);
        var report = await Redrive.RunAsync(invocation.OpenLake(), source, table.Name, _selection.Read(parsed), isDryRun, options.Ingest,
            invocation.Context.Time, cancellationToken);
        var listing = new Listing("outcome", "code", "letters", "first split", "first position", "reason");
        foreach (var line in report.Lines)
            listing.Add(Word(line.Outcome, isDryRun), line.Code, line.Letters, line.FirstSplit.ToString(), line.FirstPosition, Reason(line));
        if (listing.Count == 0) invocation.Context.Messages.WriteLine($"There is nothing to re-drive: {table} has no such dead letters.");
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
