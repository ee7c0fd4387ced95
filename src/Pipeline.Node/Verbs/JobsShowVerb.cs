using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Node.Http.Api.Documents;
using Pipeline.Operations.Tables;

namespace Pipeline.Node.Verbs;

internal sealed class JobsShowVerb : Verb
{
    private readonly Argument<ShowRunRequest> _run;
    private readonly NodeOptions _node;

    public JobsShowVerb() : base("show", "One run of a Silver or Gold table: what it reads and writes, what it computes, when, by what, how often it was tried, why it failed, and where its log is. As a running node says, where one of this machine answers; else by the lake.")
    {
        _run = Add(RunArgument.Create());
        _node = new NodeOptions(Add, Add);
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var run = parsed.GetRequiredValue(_run);
        var shown = await NodeOrLake.AskAsync(_node, invocation, parsed, (node, cancel) => node.ReadAsync<RunDocument>($"/v1/tables/{Uri.EscapeDataString(run.Table.ToString())}/runs/{run.Run}", cancel), cancellationToken)
            ?? RunDocument.Of(await ShowRun.RunAsync(run, invocation.TryLoad()?.Transform, invocation.OpenLake(), running: null, cancellationToken));

        if (invocation.Format == OutputFormat.Table) invocation.Print(FactsOf(shown));
        var tables = new Listing("as", "table", "after", "version");
        foreach (var input in shown.Inputs) tables.Add("reads", input.Table.ToString(), input.After, input.Version);
        foreach (var target in shown.Targets) tables.Add("writes", target.Table.ToString(), target.Version, shown.State == "done" && target.Table == shown.Table ? shown.Version : null);
        invocation.Print(tables);
        if (invocation.Format == OutputFormat.Table) Print(invocation.Context.Data, shown);
        Tell(invocation.Answer, shown);
        return shown.State == "halted" ? ExitCode.Failed : ExitCode.Done;
    }

    private static Listing FactsOf(RunDocument shown)
    {
        var facts = new Listing("run", "state", "engine", "requested at", "committed at", "attempts", "node");
        facts.Add(shown.Run, shown.State, shown.Engine, shown.RequestedAt, shown.CommittedAt, shown.Attempts, shown.Node);
        return facts;
    }

    private static void Print(TextWriter screen, RunDocument shown)
    {
        if (shown.EngineWhy is { } why) screen.WriteLine($"  By {shown.Engine}: {why}");
        if (shown.FailingSince is { } since) screen.WriteLine($"  Attempts have failed since {Listing.Format(since)}.");
        if (shown.Fault is { } fault) screen.WriteLine($"  {fault.Thing}: {fault.Cause.TrimEnd('.')}. {fault.NextStep}");
        screen.WriteLine(shown.Log is { } log ? $"  Its log: {log}" : $"  Its log is that of the node{(shown.Node is { } node ? $" {node}" : "")}.");
        if (shown.Statements is not { } statements) return;
        screen.WriteLine($"  What it computes: {statements.Place}");
        foreach (var (name, sql) in statements.Sql) screen.WriteLine($"\n-- {name}\n{sql}");
    }

    private static void Tell(Answer answer, RunDocument shown)
    {
        answer.Take("run", shown.Run);
        answer.Take("table", shown.Table.ToString());
        answer.Take("state", shown.State);
        answer.Take("requested_at", shown.RequestedAt);
        answer.Take("committed_at", shown.CommittedAt);
        answer.Take("engine", shown.Engine);
        answer.Take("engine_why", shown.EngineWhy);
        answer.Take("attempts", shown.Attempts);
        answer.Take("failing_since", shown.FailingSince);
        answer.Take("fault", shown.Fault);
        answer.Take("node", shown.Node);
        answer.Take("log", shown.Log);
        answer.Take("statements", shown.Statements);
        answer.Take("metrics", shown.Metrics);
    }
}
