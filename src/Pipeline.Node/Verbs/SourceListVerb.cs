using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Sources;

namespace Pipeline.Node.Verbs;

internal sealed class SourceListVerb() : Verb("list", "The configured sources and their tables.")
{
    protected override Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var found = ListSources.Run(new ListSourcesRequest(), invocation.Load());

        var listing = new Listing("source", "kind", "tables");
        foreach (var source in found.Sources) listing.Add(source.Name, source.Kind, Cell.List(source.Tables.Select(table => table.Name)));
        invocation.Print(listing);
        return Task.FromResult(ExitCode.Done);
    }
}
