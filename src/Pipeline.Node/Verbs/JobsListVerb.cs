using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Cli;

namespace Pipeline.Node.Verbs;

internal sealed class JobsListVerb : Verb
{
    private readonly NodeOptions _node;

    public JobsListVerb() : base("list", "The runs of Silver and Gold tables that go on, have failed or wait for their turn, in a running pipeline.") => _node = new NodeOptions(Add, Add);

    protected override bool HasTargets => false;

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        using var node = _node.Connect(invocation, parsed);
        var pipeline = await RunningPipeline.AskAsync(node, cancellationToken);
        var listing = new Listing("run", "table", "state", "since", "pending rows", "nodes");
        foreach (var table in pipeline.Tables.Where(table => table.Table.Layer != Layer.Bronze && (table.Run is not null || table.State is "waiting")))
            listing.Add(table.Run, table.Table.ToString(), table.State, table.Since, table.Pending, Cell.List(table.Nodes));
        invocation.Print(listing);
        return ExitCode.Done;
    }
}
