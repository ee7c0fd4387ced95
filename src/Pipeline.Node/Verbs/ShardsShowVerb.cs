using System.CommandLine;
using Pipeline.Node.Cli;

namespace Pipeline.Node.Verbs;

internal sealed class ShardsShowVerb : Verb
{
    private readonly NodeOptions _node;

    public ShardsShowVerb() : base("show", "Which node works on which table of a running pipeline, and how that is.") => _node = new NodeOptions(Add, Add);

    protected override bool HasTargets => false;

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        using var node = _node.Connect(invocation, parsed);
        var pipeline = await RunningPipeline.AskAsync(node, cancellationToken);
        var listing = new Listing("table", "node", "state", "since", Column.Named("rows/s", "rows_per_second"));
        foreach (var table in pipeline.Tables)
            foreach (var one in table.Nodes) listing.Add(table.Table.ToString(), one, table.State, table.Since, table.RowsPerSecond);
        invocation.Print(listing);
        return ExitCode.Done;
    }
}
