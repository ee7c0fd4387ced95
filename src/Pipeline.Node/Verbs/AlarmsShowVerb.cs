using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Alerting;

namespace Pipeline.Node.Verbs;

internal sealed class AlarmsShowVerb : Verb
{
    private readonly Option<bool> _rules;

    public AlarmsShowVerb() : base("show", "Compare the alarms that the pipeline should have with those that CloudWatch has; exit code 2 when they differ.") =>
        _rules = Add(new Option<bool>("--rules") { Description = "Print the same as rules for Prometheus, and ask nobody." });

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        if (parsed.GetValue(_rules))
        {
            var rules = PrometheusRuleFile.Write(invocation.Load());
            invocation.Answer.Take("rules", rules);
            if (invocation.Format != OutputFormat.Json) await invocation.Context.Data.WriteAsync(rules);
            return ExitCode.Done;
        }

        var plan = await PlanAlarms.RunAsync(invocation.Load(), invocation.Context.Time, cancellationToken);
        AlarmText.Print(invocation, plan);
        return plan.HasChanges ? ExitCode.PlanHasChanges : ExitCode.Done;
    }
}
