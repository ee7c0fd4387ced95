using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Quarantines;

namespace Pipeline.Node.Verbs;

internal sealed class QuarantineShowVerb : Verb
{
    private readonly Argument<TableId> _table;
    private readonly Option<string?> _rule;
    private readonly Option<int> _limit;

    public QuarantineShowVerb() : base("show", "Print rows that break a rule, the oldest first, with what was received; what the contract masks is ***.")
    {
        _table = Add(TableArgument.Create());
        _rule = Add(new Option<string?>("--rule") { Description = "Only rows that break it.", HelpName = "NAME" });
        _limit = Add(new Option<int>("--limit") { Description = "At most so many.", HelpName = "N", DefaultValueFactory = _ => 20 });
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var request = new ShowQuarantineRequest(parsed.GetRequiredValue(_table), parsed.GetValue(_rule), parsed.GetValue(_limit));
        var options = invocation.Load();
        var shown = await ShowQuarantine.RunAsync(request, options.Graph, options.Transform, invocation.OpenLake(), cancellationToken);

        var listing = new Listing([.. shown.Key.Select(column => Column.Of(column).AsId()), "rules", "waiting", "op", Column.Id("position"), "since", Column.Id("older"), "row"]);
        foreach (var row in shown.Rows) listing.Add([.. row.Key, Cell.List(row.Rules.Split(',')), row.IsWaiting, row.Op, row.Position, CellText.Of(row.QuarantinedAt), row.OlderPosition, Cell.Json(row.Row)]);
        if (listing.Count == 0) invocation.Context.Messages.WriteLine("No such row is in quarantine.");
        invocation.Print(listing);
        return ExitCode.Done;
    }
}
