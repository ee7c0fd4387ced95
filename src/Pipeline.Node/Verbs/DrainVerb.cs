using System.CommandLine;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Node.Http.Api.Documents;
using Pipeline.Operations.Control;

namespace Pipeline.Node.Verbs;

/// <summary>A pause that is waited for until nothing is open any more.</summary>
internal sealed class DrainVerb : ChangeVerb
{
    private static readonly TimeSpan WaitByDefault = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(500);

    private readonly Argument<ControlTarget> _target;
    private readonly Option<TimeSpan?> _wait;
    private readonly NodeOptions _node;

    public DrainVerb() : base("drain", "As pause, and wait until nothing is open any more: what was read is committed, runs are over. For work on a source or a machine. A node of this machine is asked, or the one that is named.")
    {
        _target = Add(TargetArgument.Create("A table (silver/users), a source (app) or a node (host:port)."));
        _wait = Add(DurationOption.Create("--wait", "How long it is waited for: 5m where nothing is said. What was ordered stays ordered."));
        _node = new NodeOptions(Add, Add);
    }

    protected override ControlCommand CommandOf(ParseResult parsed) => new(ControlVerb.Drain, parsed.GetRequiredValue(_target));

    protected override async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellationToken)
    {
        var code = await base.RunAsync(invocation, parsed, cancellationToken);
        if (code != ExitCode.Done) return code;
        var target = parsed.GetRequiredValue(_target);
        var wait = parsed.GetValue(_wait) ?? WaitByDefault;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(wait);
        // Until a node has said so.
        IReadOnlyList<string>? open = [target.Name];
        try
        {
            open = await NodeOrLake.AskAsync(_node, invocation, parsed, async (node, cancel) => OpenOf(await RunningPipeline.AskAsync(node, cancel), target), limit.Token);
            using var pulse = new PeriodicTimer(LookEvery);
            while (open is { Count: > 0 } && await pulse.WaitForNextTickAsync(limit.Token)) open = await TryLookAsync(invocation, parsed, target, limit.Token) ?? open;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // What is still open is told below.
        }

        invocation.Answer.Take("open", open);
        if (open is null) invocation.Context.Messages.WriteLine("No node of the pipeline answers here, so nobody says when nothing is open any more: see './pipeline status --running'.");
        else if (open.Count == 0) invocation.Context.Messages.WriteLine($"{target} is drained: nothing of it is open.");
        else invocation.Context.Messages.WriteLine($"After {Listing.Format(wait)} there is still open: {string.Join(", ", open)}. It goes on draining; './pipeline why TABLE' says what it waits for.");
        return open is { Count: > 0 } ? ExitCode.Failed : ExitCode.Done;
    }

    /// <returns>Null: no node says anything now, as one that is busy, starts again or has left.</returns>
    private async Task<IReadOnlyList<string>?> TryLookAsync(Invocation invocation, ParseResult parsed, ControlTarget target, CancellationToken cancellationToken)
    {
        try
        {
            using var node = _node.Connect(invocation, parsed);
            return OpenOf(await RunningPipeline.AskAsync(node, cancellationToken), target);
        }
        catch (Exception e) when (e is PipelineException { Kind: FaultKind.Unreachable } or IOException)
        {
            return null;
        }
    }

    /// <summary>Of a table whether it rests, of a source all its tables, of a node whether it rests with nothing buffered and no run.</summary>
    private static IReadOnlyList<string> OpenOf(RunningPipeline pipeline, ControlTarget target)
    {
        if (target.Kind == ControlTargetKind.Node)
        {
            // One that nobody has heard of yet, or whose tables nobody has, says nothing.
            if (pipeline.Nodes.All(node => node.Node != target.Name)) return [target.Name];
            return [.. pipeline.Nodes.Where(node => node.Node == target.Name && (!node.IsHeld || node.BufferBytes > 0)).Select(node => node.Node),
                .. pipeline.Tables.Where(table => table.Nodes.Contains(target.Name) && IsOpenOn(table, target.Name)).Select(table => table.Table.ToString())];
        }

        var meant = pipeline.Tables.Where(table => target.Table is { } one ? table.Table == one : table.Table.Source == target.Name).ToList();
        return meant.Count == 0 ? [target.Name] : [.. meant.Where(table => table.State != "paused" || table.Runner is not null).Select(table => table.Table.ToString())];
    }

    /// <summary>A Bronze table may rest here and be read elsewhere; a run is open where it goes on.</summary>
    private static bool IsOpenOn(WorkItem table, string node) => table.Table.Layer == Layer.Bronze ? table.State is "draining" or "reading" or "starting" && table.Nodes.Count == 1 : table.Runner == node;
}
