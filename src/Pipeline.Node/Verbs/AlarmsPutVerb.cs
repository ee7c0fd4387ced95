using System.CommandLine;
using Pipeline.Node.Cli;
using Pipeline.Operations.Alerting;

namespace Pipeline.Node.Verbs;

internal sealed class AlarmsPutVerb() : Verb("put", "Make CloudWatch have the alarms that the pipeline should have; what others have made is not touched.")
{
    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        AlarmText.Print(invocation, await PutAlarms.RunAsync(invocation.Load(), invocation.Context.Time, cancellationToken));
        return ExitCode.Done;
    }
}
