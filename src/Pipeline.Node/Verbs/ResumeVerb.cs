using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Ingest;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;

namespace Pipeline.Node.Verbs;

internal sealed class ResumeVerb : Verb
{
    private readonly Argument<TableId> _table;
    private readonly Option<bool> _acceptGap;

    public ResumeVerb() : base("resume", "Show records that a halted table has lost at its source; with --accept-gap, go on behind them.")
    {
        _table = Add(TableArgument.Create());
        _acceptGap = Add(new Option<bool>("--accept-gap") { Description = "Give the lost records up. The table's history keeps the decision; start the node again afterwards." });
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var table = parsed.GetRequiredValue(_table);
        var isAccepted = parsed.GetValue(_acceptGap);
        using var logs = invocation.CreateLogs(LogLevel.Warning);
        await using var sources = OpenSources.Open(invocation.Load().Sources.Where(source => source.Name == table.Source),
            new SourceServices(invocation.Context.Time, logs, new LocalSecretStore()));
        if (sources.OfType<IGapSource>().FirstOrDefault(source => source.Tables.Any(known => known.Name == table.Name)) is not { } source)
            throw new PipelineException(FaultKind.Missing, $"Table {table}", "no configured source that can lose records feeds it", "Name a table of Kafka or of PostgreSQL: bronze/SOURCE/TABLE.");

        var lake = invocation.OpenLake();
        var gaps = await GapAcceptance.FindAsync(lake, source, table.Name, cancellationToken);
        if (isAccepted) await GapAcceptance.AcceptAsync(lake, source, table.Name, gaps, cancellationToken);

        var listing = new Listing("split", "from", "to", "records lost", "accepted");
        foreach (var gap in gaps) listing.Add(gap.Split.ToString(), gap.Range.From, gap.Range.To, gap.Range.To - gap.Range.From, isAccepted);
        invocation.Print(listing);
        return gaps.Count == 0 || isAccepted ? ExitCode.Done : ExitCode.Failed;
    }
}
