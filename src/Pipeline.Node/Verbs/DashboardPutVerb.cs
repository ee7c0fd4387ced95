using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Alerting;

namespace Pipeline.Node.Verbs;

internal sealed class DashboardPutVerb() : Verb("put", "Make CloudWatch have the dashboard that the pipeline should have; one that somebody else made is not touched.")
{
    protected override bool HasRows => false;

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var plan = await PutDashboard.RunAsync(invocation.Load(), isPut: true, invocation.Context.Time, cancellationToken);
        invocation.Answer.Take("name", plan.Name);
        invocation.Answer.Take("change", plan.IsSame ? "stay" : plan.IsThere ? "change" : "create");
        invocation.Answer.Take("remarks", plan.Remarks);
        invocation.Context.Messages.WriteLine($"CloudWatch has the dashboard {plan.Name}{(plan.IsSame ? " as it should be" : plan.IsThere ? ", changed" : ", which is new")}.");
        foreach (var remark in plan.Remarks) invocation.Context.Messages.WriteLine($"CloudWatch says of it: {remark}");
        return ExitCode.Done;
    }
}
