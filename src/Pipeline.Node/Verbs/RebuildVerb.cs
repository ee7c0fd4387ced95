using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Tables;

namespace Pipeline.Node.Verbs;

internal sealed class RebuildVerb : Verb
{
    private readonly Argument<string[]> _selectors;
    private readonly Option<bool> _withDependents;

    public RebuildVerb() : base("rebuild", "Make a Silver or Gold table anew from what its inputs hold now, beside the live one, which it replaces in one commit. Safe beside a running pipeline; cut off, it goes on when it is called again.")
    {
        _selectors = Add(SelectorArgument.Create("At least one.", ArgumentArity.OneOrMore));
        _withDependents = Add(new Option<bool>("--with-dependents") { Description = "Then also the Silver tables that refer to them, and the Gold tables that are made of these: as + behind each selector." });
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = invocation.Load();
        var withDependents = parsed.GetValue(_withDependents);
        var selectors = parsed.GetRequiredValue(_selectors).Select(selector => withDependents && !selector.EndsWith('+') ? $"{selector}+" : selector).ToList();
        var result = await RebuildTable.RunAsync(new RebuildTableRequest(options.Selector.Select(selectors)), options.Graph, options.Transform, invocation.OpenLake(), invocation.Context.Time,
            table => invocation.Context.Messages.WriteLine($"{table.Table} is made anew, version {table.Version}"), cancellationToken);

        var listing = new Listing("table", Column.Id("version"), "rows");
        foreach (var table in result.Tables) listing.Add(table.Table.ToString(), table.Version, table.Rows);
        invocation.Print(listing);
        return ExitCode.Done;
    }
}
