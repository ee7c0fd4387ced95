using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Operations.Tables;

namespace Pipeline.Node.Verbs;

internal sealed class RebuildVerb : Verb
{
    private readonly Argument<TableId> _table;
    private readonly Option<bool> _withDependents;

    public RebuildVerb() : base("rebuild", "Make a Silver or Gold table anew from what its inputs hold now, beside the live one, which it replaces in one commit. Safe beside a running pipeline; cut off, it goes on when it is called again.")
    {
        _table = Add(TableArgument.Create());
        _withDependents = Add(new Option<bool>("--with-dependents") { Description = "Then also the Silver tables that refer to it, and the Gold tables that are made of these." });
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = invocation.Load();
        var request = new RebuildTableRequest(parsed.GetRequiredValue(_table), parsed.GetValue(_withDependents));
        var result = await RebuildTable.RunAsync(request, options.Graph, options.Transform, invocation.OpenLake(), invocation.Context.Time,
            table => invocation.Context.Messages.WriteLine($"{table.Table} is made anew, version {table.Version}"), cancellationToken);

        var listing = new Listing("table", "version", "rows");
        foreach (var table in result.Tables) listing.Add(table.Table.ToString(), table.Version, table.Rows);
        invocation.Print(listing);
        return ExitCode.Done;
    }
}
