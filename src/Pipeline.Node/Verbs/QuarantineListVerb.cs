using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Quarantines;

namespace Pipeline.Node.Verbs;

internal sealed class QuarantineListVerb : Verb
{
    private readonly Option<TableId?> _table;

    public QuarantineListVerb() : base("list", "Count rows that break a rule by table and rule: how many, how many only wait for a parent, of how many the table has an older version, since when.") =>
        _table = Add(TableArgument.CreateOption("--table", "Only those of this table: silver/TABLE."));

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var found = await ListQuarantine.RunAsync(new ListQuarantineRequest(parsed.GetValue(_table)), invocation.OpenLake(), cancellationToken);

        var listing = new Listing("table", "rule", "rows", "waiting", "newer", "oldest", "newest");
        foreach (var count in found.Counts) listing.Add(count.Table.ToString(), count.Rule, count.Rows, count.Waiting, count.Newer, count.Oldest, count.Newest);
        if (listing.Count == 0 && found.Failed.Count == 0) invocation.Context.Messages.WriteLine("No row is in quarantine.");
        invocation.Print(listing);
        return invocation.Report(found.Failed);
    }
}
