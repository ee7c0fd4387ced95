using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pipeline.Node.Cli;
using Pipeline.Operations.Planning;

namespace Pipeline.Node.Verbs;

internal sealed class CheckVerb() : Verb("check", "Validate the configuration, type-check the table graph, reach every source, write to the lake.")
{
    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = invocation.Load();
        using var logs = invocation.CreateLogs(LogLevel.Warning);
        var check = await CheckPipeline.RunAsync(new CheckPipelineRequest(), options, invocation.Services(logs), invocation.OpenLake(), cancellationToken);

        var listing = new Listing("thing", "ok", "detail", "next step");
        listing.Add("configuration", true, $"{invocation.ConfigPath}: {options.Sources.Count} sources, {options.Sources.Sum(source => source.Tables.Count)} tables", null);
        foreach (var notice in options.Notes.Notices) listing.Add("configuration", true, notice.ToString(), null);
        foreach (var problem in check.RunProblems) listing.Add($"configuration of a node: {problem.Path}", false, problem.Message, $"Correct {problem.Location}: no node starts with it.");
        if (check.CertificateFault is { } certificate) listing.Add(certificate.Thing, false, certificate.Cause, certificate.NextStep);
        listing.Add("table graph", true, $"{options.Graph.Silver.Count} Silver and {options.Graph.Gold.Count} Gold tables fit together", null);
        foreach (var problem in options.Graph.Unportable) listing.Add("portable SQL", false, problem.ToString(), "Write it as told, or Spark gives another answer.");
        listing.Add($"lake {check.Lake}", check.LakeFault is null, check.LakeFault?.Cause ?? "can be written", check.LakeFault?.NextStep);
        foreach (var finding in check.Findings) listing.Add(finding.Thing, finding.Ok, finding.Detail, finding.NextStep);
        invocation.Print(listing);
        return check.IsSound && options.Graph.Unportable.Count == 0 ? ExitCode.Done : ExitCode.Failed;
    }
}
