using System.CommandLine;
using Pipeline.Node.Cli;

namespace Pipeline.Node.Verbs;

internal sealed class ClusterShowVerb : Verb
{
    private readonly NodeOptions _node;

    public ClusterShowVerb() : base("show", "The nodes of a running pipeline: since when, with which roles, release and configuration, what is buffered and what does not answer them.") => _node = new NodeOptions(Add, Add);

    protected override bool HasTargets => false;

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        using var node = _node.Connect(invocation, parsed);
        var pipeline = await RunningPipeline.AskAsync(node, cancellationToken);
        var listing = new Listing("node", "roles", "release", Column.Named("up since", "started_at"), "configuration", Column.Named("rests", "is_held"), "buffer bytes", "away");
        foreach (var one in pipeline.Nodes)
            listing.Add(one.Node, Cell.List(one.Roles), one.Release, one.StartedAt, one.Configuration, one.IsHeld, one.BufferBytes, Cell.List(one.Away));
        invocation.Print(listing);
        return ExitCode.Done;
    }
}
