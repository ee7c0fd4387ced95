using System.CommandLine;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Node.Http.Access;
using Pipeline.Operations.Planning;

namespace Pipeline.Node.Verbs;

internal sealed class CheckVerb() : Verb("check", "Validate the configuration, type-check the table graph, reach every source, write to the lake.")
{
    /// <summary>Blanks before what is said further of a thing.</summary>
    private const int Hanging = 6;

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = invocation.Load();
        using var logs = invocation.CreateLogs(LogLevel.Warning);
        var check = await CheckPipeline.RunAsync(new CheckPipelineRequest(SocketPlace.Find(options).Any(SocketPlace.Answers)), options, invocation.Services(logs), invocation.OpenLake(), cancellationToken);

        var listing = new Listing(Column.ForPrograms("check"), "thing", "ok", Column.ForPeople("detail"), Column.ForPeople("next step"), Column.ForPrograms("told"));
        void Add(string of, string thing, bool ok, string detail, string? nextStep = null) => listing.Add(of, thing, ok, detail, nextStep, new JsonObject { ["cause"] = detail, ["next_step"] = nextStep });
        Add("configuration", "configuration", true, $"{invocation.ConfigPath}: {Plural.Of(options.Sources.Count, "source")}, {Plural.Of(options.Sources.Sum(source => source.Tables.Count), "table")}");
        foreach (var notice in options.Notes.Notices) Add("configuration", "configuration", true, notice.ToString());
        foreach (var problem in check.RunProblems) Add("node", $"configuration of a node: {problem.Path}", false, problem.Message, $"Correct {problem.Location}: no node starts with it.");
        if (check.CertificateFault is { } certificate) Add("certificate", certificate.Thing, false, certificate.Cause, certificate.NextStep);
        foreach (var notice in options.Notes.LeftOut.Concat(options.Notes.Unset)) Add("configuration", "configuration", true, notice.ToString());
        Add("table_graph", "table graph", true, $"{options.Graph.Silver.Count} Silver and {options.Graph.Gold.Count} Gold tables fit together");
        foreach (var problem in options.Graph.Unportable) Add("portable_sql", "portable SQL", false, problem.ToString(), "Write it as told, or Spark gives another answer.");
        Add("lake", $"lake {check.Lake}", check.LakeFault is null, check.LakeFault?.Cause ?? "can be written", check.LakeFault?.NextStep);
        foreach (var finding in check.Node) Add("node", finding.Thing, finding.Ok, finding.Detail, finding.NextStep);
        foreach (var finding in check.Findings) Add("source", finding.Thing, finding.Ok, finding.Detail, finding.NextStep);
        if (invocation.Format == OutputFormat.Table) Print(listing, invocation.Context);
        else invocation.Print(listing);
        invocation.Answer.Take("sources", options.Sources.Count);
        invocation.Answer.Take("tables", new { Bronze = options.Sources.Sum(source => source.Tables.Count), Silver = options.Graph.Silver.Count, Gold = options.Graph.Gold.Count });
        return check.IsSound && options.Graph.Unportable.Count == 0 ? ExitCode.Done : ExitCode.Failed;
    }

    /// <summary>A line for each thing, and one for what to do: sentences are too long for columns. What is wrong comes last, where it is seen.</summary>
    private static void Print(Listing listing, NodeContext context)
    {
        var ink = Ink.Of(context);
        foreach (var row in listing.Rows.OrderBy(row => row[2] is false))
        {
            var (word, tone) = row[2] is true ? ("ok  ", Tone.Good) : ("FAIL", Tone.Bad);
            context.Say($"{word}  {row[1]}: {row[3]}", Hanging, line => line.StartsWith(word, StringComparison.Ordinal) ? ink.Paint(word, tone) + line[word.Length..] : line);
            if (row[4] is string next) context.Say($"{new string(' ', Hanging)}{next}", Hanging);
        }
    }
}
