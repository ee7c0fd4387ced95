using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Inspection;

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
        var table = await LakeInventory.OpenAsync(invocation.OpenLake(), parsed.GetRequiredValue(_table), cancellationToken);
        var snapshot = parsed.GetValue(_version) is { } version ? await table.AtVersionAsync(version, cancellationToken) : table.Current;

        var listing = new Listing([.. snapshot.Schema.FieldsList.Select(field => field.Name)]);
        await foreach (var row in TableRows.ReadAsync(table, snapshot, parsed.GetValue(_limit), cancellationToken)) listing.Add(row);
        invocation.Print(listing);
        return ExitCode.Done;
    }
}
