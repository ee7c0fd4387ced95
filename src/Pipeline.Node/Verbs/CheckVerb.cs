using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;

namespace Pipeline.Node.Verbs;

internal sealed class CheckVerb() : Verb("check", "Validate the configuration, type-check the table graph, reach every source, write to the lake.")
{
    private const string Probe = ".pipeline-check";

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = invocation.Load();
        // Loading has validated every setting and bound every rule and query; what is wrong there ends the verb before this.
        var findings = new List<Finding>
        {
            new("configuration", Ok: true, $"{invocation.ConfigPath}: {options.Sources.Count} sources, {options.Sources.Sum(source => source.Tables.Count)} tables"),
            new("table graph", Ok: true, $"{options.Graph.Silver.Count} Silver and {options.Graph.Gold.Count} Gold tables fit together"),
            await CheckLakeAsync(invocation, cancellationToken),
        };

        using var logs = invocation.CreateLogs(LogLevel.Warning);
        await using var sources = OpenSources.Open(options.Sources, new SourceServices(invocation.Context.Time, logs, new LocalSecretStore()));
        foreach (var found in await Task.WhenAll(sources.Select(source => source.CheckAsync(cancellationToken).AsTask()))) findings.AddRange(found);

        var listing = new Listing("thing", "ok", "detail", "next step");
        foreach (var finding in findings) listing.Add(finding.Thing, finding.Ok, finding.Detail, finding.NextStep);
        invocation.Print(listing);
        return findings.TrueForAll(finding => finding.Ok) ? ExitCode.Done : ExitCode.Failed;
    }

    private static async Task<Finding> CheckLakeAsync(Invocation invocation, CancellationToken cancellationToken)
    {
        var store = invocation.OpenLake().Store;
        try
        {
            await store.PutAsync(Probe, ReadOnlyMemory<byte>.Empty, cancellationToken);
            await store.DeleteAsync(Probe, cancellationToken);
            return new Finding($"lake {store.Location}", Ok: true, "can be written");
        }
        catch (PipelineException fault)
        {
            return new Finding($"lake {store.Location}", Ok: false, fault.Cause, fault.NextStep);
        }
    }
}
