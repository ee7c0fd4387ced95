using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pipeline.Node.Cli;
using Pipeline.Operations.Sources;

namespace Pipeline.Node.Verbs;

internal sealed class SourceRemoveVerb : Verb
{
    private readonly Argument<string> _name;
    private readonly Option<bool> _yes;

    public SourceRemoveVerb() : base("remove", "Show what a source has made on its server; with --yes, drop it. The lake keeps its tables.")
    {
        _name = Add(new Argument<string>("NAME") { Description = "The source's name in the configuration." });
        _yes = Add(new Option<bool>("--yes") { Description = "Drop it. Changes from then on are not captured; nobody may be reading." });
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var request = new RemoveSourceRequest(parsed.GetRequiredValue(_name), parsed.GetValue(_yes));
        using var logs = invocation.CreateLogs(LogLevel.Warning);
        var removed = await RemoveSource.RunAsync(request, invocation.Load(), invocation.Services(logs), cancellationToken);

        var listing = new Listing("thing", Column.ForPeople("detail"), "sql", "dropped");
        foreach (var trace in removed.Traces) listing.Add(trace.Thing, trace.Detail, trace.Removal, removed.IsRemoved && trace.Removal is not null);
        invocation.Print(listing);

        invocation.Context.Messages.WriteLine((removed.Removable, removed.IsRemoved) switch
        {
            (0, _) => $"Source {request.Name} has nothing on its server that is to be dropped.",
            (_, true) => $"Source {request.Name} has given its server back. Delete it from the configuration: a start would make everything again.",
            _ => $"Nothing is dropped yet: run it again with --yes, when no node reads {request.Name} any more.",
        });
        return removed.Removable == 0 || removed.IsRemoved ? ExitCode.Done : ExitCode.PlanHasChanges;
    }
}
