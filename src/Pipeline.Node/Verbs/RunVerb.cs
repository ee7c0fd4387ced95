using System.CommandLine;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;
using Pipeline.Operations.Options;

namespace Pipeline.Node.Verbs;

internal sealed class RunVerb : Verb
{
    private readonly Option<string[]> _roles;

    public RunVerb() : base("run", "Run a node of the service until it is told to stop (Ctrl-C, SIGTERM); it commits what is open first.")
    {
        _roles = Add(new Option<string[]>("--role")
        {
            Description = "What this node does, instead of the configuration's roles; may be given twice.",
            AllowMultipleArgumentsPerToken = true,
        }.AcceptOnlyFromAmong([.. Enum.GetNames<NodeRole>().Select(name => name.ToLowerInvariant())]));
    }

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = invocation.Load();
        if (parsed.GetValue(_roles) is { Length: > 0 } roles)
            options = options with { Cluster = options.Cluster with { Roles = [.. roles.Select(role => Enum.Parse<NodeRole>(role, ignoreCase: true))] } };

        var level = new NodeLogLevel(invocation, options.Log.Level);
        using var logs = NodeLogs.Create(invocation.Context.Messages, level.Switch, invocation.LogFormat ?? options.Log.Format);
        var log = logs.CreateLogger<NodeHost>();
        log.TellStart(options, invocation.ConfigPath);
        await using var node = await NodeHost.StartAsync(options, invocation.OpenLake(), logs, invocation.Context.Time, cancellationToken);
        level.Follow(node.System);
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = cancellationToken.Register(stop.SetResult);
        // At a terminal it says that the terminal has gone, and ends the node as it ends everything there.
        using var hangup = invocation.Context.IsTerminal ? null : PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true;
            level.ReadAgain(log, node.System);
            log.LooksAgain();
            node.LookAgain();
        });
        var first = await Task.WhenAny(stop.Task, node.Refused, node.Terminated, node.EssentialGone);
        if (first == node.Refused) throw await node.Refused;
        if (first == node.EssentialGone)
            throw new PipelineException(FaultKind.Defect, "This node", $"its actor {await node.EssentialGone} has ended, and without it the node does not do its work",
                "The log says why; start it again and it continues where the lake says.");
        if (first == node.Terminated)
            throw new PipelineException(FaultKind.Invalid, "This node", "it was taken out of the cluster by the others, or its actor system failed",
                "The log says why; start it again and it continues where the lake says.");

        await node.StopAsync();
        // Stopping a service is not a failure; breaking off a command at a keyboard is.
        return invocation.Context.Interruption?.Signal == PosixSignal.SIGINT ? ExitCode.Interrupted : ExitCode.Done;
    }
}
