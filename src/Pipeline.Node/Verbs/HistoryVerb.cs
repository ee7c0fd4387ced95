using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Tables;

namespace Pipeline.Node.Verbs;

internal sealed class HistoryVerb : Verb
{
    private readonly Argument<TableId> _table;
    private readonly Option<int> _limit;

    public HistoryVerb() : base("history", "List a table's commits, newest first.")
    {
        _table = Add(TableArgument.Create());
        _limit = Add(new Option<int>("--limit") { Description = "At most so many commits.", HelpName = "N", DefaultValueFactory = _ => 20 });
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var request = new TableHistoryRequest(parsed.GetRequiredValue(_table), parsed.GetValue(_limit));
        var history = await TableHistory.RunAsync(request, invocation.OpenLake(), cancellationToken);

        var listing = new Listing(Column.Id("version"), "committed at", "operation", "engine", "why", "parameters", "metrics");
        foreach (var commit in history.Commits) listing.Add(commit.Version, commit.CommittedAt, commit.Operation, commit.Engine, commit.EngineWhy, Cell.Pairs(commit.Parameters), Cell.Pairs(commit.Metrics));
        invocation.Print(listing);
        return ExitCode.Done;
    }
}
