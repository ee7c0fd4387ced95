using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Configuration;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;

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
        var name = parsed.GetRequiredValue(_name);
        var isAgreed = parsed.GetValue(_yes);
        var configured = invocation.Load().Sources;
        if (configured.FirstOrDefault(candidate => candidate.Name == name) is not { } definition)
            throw new PipelineException(FaultKind.Missing, $"Source {name}", "it is not configured",
                $"Name one of the configuration{SettingsReader.Nearest(name, configured.Select(candidate => candidate.Name))}");

        using var logs = invocation.CreateLogs(LogLevel.Warning);
        await using var sources = OpenSources.Open([definition], new SourceServices(invocation.Context.Time, logs, new LocalSecretStore()));
        if (sources[0] is not IRemovableSource source)
            throw new PipelineException(FaultKind.Invalid, $"Source {name}", $"sources of kind {definition.Kind} make nothing on their server", "Delete it from the configuration.");

        var traces = await source.FindTracesAsync(cancellationToken);
        if (isAgreed) await source.RemoveTracesAsync(cancellationToken);

        var listing = new Listing("thing", "detail", "sql", "dropped");
        foreach (var trace in traces) listing.Add(trace.Thing, trace.Detail, trace.Removal, isAgreed && trace.Removal is not null);
        invocation.Print(listing);

        var removable = traces.Count(trace => trace.Removal is not null);
        invocation.Context.Messages.WriteLine((removable, isAgreed) switch
        {
            (0, _) => $"Source {name} has nothing on its server that is to be dropped.",
            (_, true) => $"Source {name} has given its server back. Delete it from the configuration: a start would make everything again.",
            _ => $"Nothing is dropped yet: run it again with --yes, when no node reads {name} any more.",
        });
        return removable == 0 || isAgreed ? ExitCode.Done : ExitCode.PlanHasChanges;
    }
}
