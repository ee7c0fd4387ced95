using System.CommandLine;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;
using Pipeline.Node.Http.Api;
using Pipeline.Operations.Models;
using Pipeline.Operations.Options;

namespace Pipeline.Node.Verbs;

internal sealed class RunVerb : Verb
{
    private readonly Argument<string[]> _selectors;
    private readonly Option<string[]> _roles;
    private readonly Option<bool> _once;

    public RunVerb() : base("run", "Run a node of the service until it is told to stop (Ctrl-C, SIGTERM); it commits what is open first.")
    {
        _selectors = Add(SelectorArgument.Create("With --once only; without any, all tables."));
        _once = Add(new Option<bool>("--once")
        {
            Description = "Land what the sources have now, make Silver and Gold of it, and end; exit code 1 when a table is halted or stopped.",
        });
        _roles = Add(new Option<string[]>("--role")
        {
            Description = "What this node does, instead of the configuration's roles; may be given twice.",
            AllowMultipleArgumentsPerToken = true,
        }.AcceptOnlyFromAmong([.. Enum.GetNames<NodeRole>().Select(name => name.ToLowerInvariant())]));
        _selectors.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && TypedValue.Is(() => result.GetValue(_once), once => !once)) result.AddError("Only a run that ends is told which tables: write --once.");
        });
        _once.Validators.Add(result =>
        {
            if (TypedValue.Is(() => result.GetValue(_once) && result.GetValue(_roles) is { Length: > 0 }, both => both)) result.AddError("A run that ends does all that there is to do: leave --role out.");
        });
    }

    protected override bool HasRows => false;

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = WithRoles(invocation.Load(), parsed);
        var isOnce = parsed.GetValue(_once);
        if (!isOnce && options.Target is { } target)
            throw new PipelineException(FaultKind.Invalid, $"Target {target.Name}", "its tables are made of a sample, to which nothing comes", $"Make them once: ./pipeline run --once --target {target.Name}");
        if (isOnce && options.Cluster.SeedNodes.Count > 0)
            throw new PipelineException(FaultKind.Invalid, "run --once", "cluster.seed-nodes names the nodes of a service, which keeps all tables up to date as long as it runs",
                "Leave cluster.seed-nodes out, or run the service without --once.");
        if (isOnce) options = options with { Cluster = options.Cluster with { Roles = options.Target is null ? Enum.GetValues<NodeRole>() : [NodeRole.Ingest, NodeRole.Transform] } };
        var selected = isOnce ? SelectedTables.Of(options, parsed.GetRequiredValue(_selectors)) : null;
        // Before anything is looked at.
        var landed = new LandedTables(invocation.Context.Time);

        var level = new NodeLogLevel(invocation, options.Log.Level);
        using var logs = NodeLogs.Create(invocation.Context.Messages, level.Levels, invocation.LogFormat ?? options.Log.Format);
        var log = logs.CreateLogger<NodeHost>();
        if (options.Target is not null) await SampleAsync(invocation, options, selected!, logs, cancellationToken);
        while (true)
        {
            if (await RunNodeAsync(invocation, options, level, logs, log, selected, landed, cancellationToken) is { } code) return code;
            options = LoadAgain(invocation, parsed, options, log);
            level.Reset(options.Log.Level);
        }
    }

    /// <summary>What the selected tables are made from, as far as it is not there.</summary>
    private static async Task SampleAsync(Invocation invocation, PipelineOptions options, SelectedTables selected, ILoggerFactory logs, CancellationToken cancellationToken)
    {
        var tables = selected.Wanted.SelectMany(options.Graph.InputsOf).Where(table => table.Layer == Layer.Bronze).Distinct().ToList();
        var sample = await SampleBronze.RunAsync(new SampleBronzeRequest(tables), options, invocation.Services(logs), Lakes.Open(options.Target!.Production, invocation.Context.Time), invocation.OpenLake(), cancellationToken);
        foreach (var table in sample.Tables)
            invocation.Context.Messages.WriteLine($"{table.Table}: {Plural.Of(table.Rows, "row")} {table.Origin switch { SampleOrigin.Target => table.Rows == 1 ? "is there already" : "are there already", SampleOrigin.Lake => "of the pipeline's lake", _ => "of its source" }}");
    }

    private PipelineOptions WithRoles(PipelineOptions options, ParseResult parsed) => parsed.GetValue(_roles) is { Length: > 0 } roles
        ? options with { Cluster = options.Cluster with { Roles = [.. roles.Select(role => Enum.Parse<NodeRole>(role, ignoreCase: true))] } } : options;

    /// <summary>Who wants a node started again does not want it gone: a configuration that is wrong now is not taken.</summary>
    private PipelineOptions LoadAgain(Invocation invocation, ParseResult parsed, PipelineOptions before, ILogger log)
    {
        try
        {
            return WithRoles(invocation.LoadAnew(), parsed);
        }
        catch (ConfigurationException e)
        {
            log.KeepsConfiguration(e.Message);
            return before;
        }
    }

    /// <returns>Null: it is to start again, which one that ends by itself is not told.</returns>
    private static async Task<int?> RunNodeAsync(Invocation invocation, PipelineOptions options, NodeLogLevel level, NodeLoggerFactory logs, ILogger<NodeHost> log, SelectedTables? selected, LandedTables landed,
        CancellationToken cancellationToken)
    {
        log.TellStart(options, invocation.ConfigPath);
        await using var node = await NodeHost.StartAsync(options, Lakes.Open(options.Lake, invocation.Context.Time), logs, invocation.Context.Time, cancellationToken, only: selected?.Run);
        if (node.FirstToken is { } token) Tell(token, node.HttpAddress, invocation.Context, log);
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = cancellationToken.Register(() => stop.TrySetResult());
        // At a terminal it says that the terminal has gone, and ends the node as it ends everything there.
        using var hangup = invocation.Context.IsTerminal ? null : PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true;
            level.ReadAgain(log);
            log.LooksAgain();
            node.LookAgain();
        });
        using var breakingOff = new CancellationTokenSource();
        var doing = selected is null ? null : Background.RunAsync(async cancel => await new OnceRun(node, selected.Wanted, landed, invocation.Context.Time).RunAsync(cancel), breakingOff.Token);
        var gone = node.GoneAsync();
        Task[] ends = [stop.Task, node.LeaveAsked, gone, doing ?? node.RestartAsked];
        var first = await Task.WhenAny(ends);
        await breakingOff.CancelAsync();
        var done = doing is null ? null : await doing;
        if (first == gone) throw await gone;

        await node.StopAsync();
        switch (done)
        {
            case Outcome<IReadOnlyList<string>>.Done { Value: var standing }:
                foreach (var why in standing)
                {
                    invocation.Context.Messages.WriteLine(why);
                    invocation.Answer.Take(new ToldError("standing", "run --once", why, NextStep: null));
                }

                return standing.Count == 0 ? ExitCode.Done : ExitCode.Failed;
            case Outcome<IReadOnlyList<string>>.Failed { Cause: var cause }:
                Background.ThrowIfAny(cause);
                break;
            case Outcome<IReadOnlyList<string>>.Cancelled:
                return ExitCode.Interrupted;
        }

        if (first == node.RestartAsked) return null;
        // Stopping a service is not a failure; breaking off a command at a keyboard is.
        return invocation.Context.Interruption?.Signal == PosixSignal.SIGINT ? ExitCode.Interrupted : ExitCode.Done;
    }

    /// <summary>Somebody who sits at a terminal gets a link, which no log keeps.</summary>
    private static void Tell(FirstToken token, Uri node, NodeContext context, ILogger log)
    {
        if (context.IsTerminal) context.Messages.WriteLine($"Open once, within {FirstToken.LinkLifetime.TotalMinutes:0} minutes, in a browser of this machine: {token.OfferLink(node)}");
        else log.FirstTokenMade(token.File);
    }
}
