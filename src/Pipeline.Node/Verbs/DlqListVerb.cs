using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.DeadLetters;

namespace Pipeline.Node.Verbs;

internal sealed class DlqListVerb : Verb
{
    private readonly Option<string?> _source;
    private readonly Option<TableId?> _table;

    public DlqListVerb() : base("list", "Count dead letters by table, code and epoch: how many, since when, how many were re-driven.")
    {
        _source = Add(new Option<string?>("--source") { Description = "Only this source's.", HelpName = "NAME" });
        _table = Add(TableArgument.CreateOption("--table", "Only those of this table: bronze/SOURCE/TABLE."));
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var request = new ListDeadLettersRequest(parsed.GetValue(_source), parsed.GetValue(_table));
        var found = await ListDeadLetters.RunAsync(request, invocation.OpenLake(), cancellationToken);

        var listing = new Listing("table", "code", "letters", Column.Id("epoch"), "oldest", "newest", "redriven");
        foreach (var count in found.Counts) listing.Add(count.Table.ToString(), count.Code, count.Letters, count.Epoch, count.Oldest, count.Newest, count.Redriven);
        if (listing.Count == 0 && found.Failed.Count == 0) invocation.Context.Messages.WriteLine("There are no dead letters.");
        invocation.Print(listing);
        return invocation.Report(found.Failed);
    }
}
