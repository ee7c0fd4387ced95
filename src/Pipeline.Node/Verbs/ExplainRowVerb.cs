using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Control;
using Pipeline.Operations.Tables;

namespace Pipeline.Node.Verbs;

internal sealed class ExplainRowVerb : Verb
{
    private readonly Argument<TableId> _table;
    private readonly Argument<string[]> _key;

    public ExplainRowVerb() : base("explain-row", "From where a row of a Silver table comes: its place at the source, the data file, the rules that it was judged by, and the Gold rows of its key, with the versions that brought them. Prints no value of a source's column.")
    {
        _table = Add(TableArgument.Create());
        _key = Add(new Argument<string[]>("KEY") { Description = "A value of each column of the table's key, in their order.", Arity = ArgumentArity.OneOrMore });
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var explained = await ExplainRow.RunAsync(new ExplainRowRequest(parsed.GetRequiredValue(_table), parsed.GetRequiredValue(_key)), invocation.Load().Graph, invocation.OpenLake(), cancellationToken);

        var listing = new Listing("step", "table", Column.Id("version"), "at", "file", Column.Id("row"), "detail");
        foreach (var station in explained.Stations)
            listing.Add(ControlWords.Of(station.Step), station.Table.ToString(), station.Version, station.At, station.File, station.Row, Cell.Pairs(station.Detail));
        if (listing.Count == 0) invocation.Context.Messages.WriteLine("The table has no row of this key, nor has its quarantine.");
        invocation.Print(listing);
        return listing.Count == 0 ? ExitCode.Failed : ExitCode.Done;
    }
}
