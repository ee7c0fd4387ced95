using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Tables;

namespace Pipeline.Node.Verbs;

internal sealed class ShowVerb : Verb
{
    private readonly Argument<TableId> _table;
    private readonly Option<int> _limit;
    private readonly Option<long?> _version;

    public ShowVerb() : base("show", "Print rows of a table.")
    {
        _table = Add(TableArgument.Create());
        _limit = Add(new Option<int>("--limit") { Description = "At most so many rows.", HelpName = "N", DefaultValueFactory = _ => 20 });
        _version = Add(new Option<long?>("--version") { Description = "The table as of this version, instead of the newest.", HelpName = "VERSION" });
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var request = new ShowTableRequest(parsed.GetRequiredValue(_table), parsed.GetValue(_limit), parsed.GetValue(_version));
        var shown = await ShowTable.RunAsync(request, invocation.OpenLake(), cancellationToken);

        var listing = new Listing([.. shown.Schema.FieldsList.Select(field => Column.Of(field.Name))]);
        foreach (var row in shown.Rows) listing.Add([.. row.Select(CellText.Of)]);
        invocation.Print(listing);
        return ExitCode.Done;
    }
}
