using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Alerting;

namespace Pipeline.Node.Verbs;

internal sealed class DashboardShowVerb : Verb
{
    private readonly Option<bool> _offline;

    public DashboardShowVerb() : base("show", "Print the dashboard that the pipeline should have, as CloudWatch takes it; exit code 2 when CloudWatch has another.") =>
        _offline = Add(new Option<bool>("--offline") { Description = "Do not ask CloudWatch." });

    protected override bool HasRows => false;

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = invocation.Load();
        if (parsed.GetValue(_offline))
        {
            Print(invocation, PutDashboard.Body(options));
            return ExitCode.Done;
        }

        var plan = await PutDashboard.RunAsync(options, isPut: false, invocation.Context.Time, cancellationToken);
        Print(invocation, plan.Body);
        invocation.Answer.Take("name", plan.Name);
        invocation.Answer.Take("is_there", plan.IsThere);
        invocation.Answer.Take("is_same", plan.IsSame);
        invocation.Context.Messages.WriteLine($"CloudWatch has {(plan.IsSame ? "this" : plan.IsThere ? "another" : "no")} dashboard {plan.Name}.");
        return plan.IsSame ? ExitCode.Done : ExitCode.PlanHasChanges;
    }

    private static void Print(Invocation invocation, string body)
    {
        invocation.Answer.Take("body", Cell.Json(body));
        if (invocation.Format == OutputFormat.Table) invocation.Context.Data.WriteLine(body);
    }
}
