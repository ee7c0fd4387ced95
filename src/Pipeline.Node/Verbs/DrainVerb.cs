using System.CommandLine;
using Pipeline.Core;
using Pipeline.Ingest;
using Pipeline.Node.Cli;
using Pipeline.Node.Http.Api;
using Pipeline.Node.Http.Api.Documents;
using Pipeline.Node.Http.Client;
using Pipeline.Operations.Control;

namespace Pipeline.Node.Verbs;

/// <summary>A pause that is waited for until nothing is open any more; of a node, until others have its work.</summary>
internal sealed class DrainVerb : ChangeVerb
{
    private static readonly string ByConfiguration = ApiCodes.Of(WaitCause.Configuration);

    private static readonly TimeSpan WaitByDefault = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(500);

    private readonly Argument<ControlTarget> _target;
    private readonly Option<TimeSpan?> _wait;
    private readonly NodeOptions _node;

    public DrainVerb() : base("drain", "As pause, and wait until nothing is open any more: what was read is committed, runs are over. For work on a source or a machine: what a node has read, others read on until it is resumed. A node of this machine is asked, or the one that is named.")
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
        var time = invocation.Context.Time;
        using var over = new CancellationTokenSource(wait, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, over.Token);
        var (isNamed, said) = (_node.IsNamed(parsed), (PipelineException?)null);
        IReadOnlyList<string>? open = null;
        var areLeft = false;
        var isAnyThere = isNamed || NodeClient.OfThisMachine(invocation).Any();
        try
        {
            using var pulse = new PeriodicTimer(LookEvery, time);
            for (var isFirst = true; isAnyThere && (isFirst || open is not { Count: 0 }) && (isFirst || await pulse.WaitForNextTickAsync(limit.Token)); isFirst = false)
            {
                var (now, cannot) = await LookAsync(invocation, parsed, mayBeAway: !(isFirst && isNamed), limit.Token);
                (open, said) = (now is null ? open : OpenOf(now, target), cannot);
                if (now is not null && open is { Count: > 0 } && OlderThatKeeps(now, target) is { } older)
                {
                    invocation.Answer.Take("open", open);
                    throw older;
                }

                areLeft = now is null ? areLeft : target.Kind == ControlTargetKind.Node && now.Nodes.Any(node => node.Node == target.Name && node.Roles.Contains(IngestRegistration.Role)) && !AreOthers(now, target);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // What is still open is told below.
        }

        Tell(invocation, target, wait, isAnyThere, open, said, areLeft);
        return isAnyThere && open is not { Count: 0 } ? ExitCode.Failed : ExitCode.Done;
    }

    /// <param name="open">Null: nobody has said yet.</param>
    /// <param name="areLeft">It is a node that has read, and there is no other.</param>
    private static void Tell(Invocation invocation, ControlTarget target, TimeSpan wait, bool isAnyThere, IReadOnlyList<string>? open, PipelineException? said, bool areLeft)
    {
        invocation.Answer.Take("open", open is null && isAnyThere ? [target.Name] : open);
        invocation.Answer.Take("taken_over", target.Kind == ControlTargetKind.Node && open is { Count: 0 } ? !areLeft : null);
        if (!isAnyThere) invocation.Context.Messages.WriteLine("No node of the pipeline answers here, so nobody says when nothing is open any more: see './pipeline status --running'.");
        else if (open is { Count: 0 }) invocation.Context.Messages.WriteLine($"{target} is drained: nothing of it is open.{(areLeft ? $" No other node with the role ingest takes over what it read: that rests until one starts, or until './pipeline resume {target} --reason WHY'." : "")}");
        else if (open is not null) invocation.Context.Messages.WriteLine($"After {Listing.Format(wait)} there is still open: {string.Join(", ", open)}. It goes on draining; './pipeline why TABLE' says what it waits for.");
        else invocation.Context.Messages.WriteLine($"After {Listing.Format(wait)} no node has said what is open of {target}: it is ordered, and goes on draining.");
        if (open is { Count: 0 } || said is null) return;
        invocation.Context.Messages.WriteLine(said.Message);
        invocation.Answer.Take(ToldError.Of(Fault.Of("pipeline", said)));
    }

    /// <param name="mayBeAway">It was there: one that is not now starts again, or has left, and is asked again.</param>
    /// <returns>How it is, or why the node does not say so now, as one that is busy.</returns>
    private async Task<(RunningPipeline? Now, PipelineException? Cannot)> LookAsync(Invocation invocation, ParseResult parsed, bool mayBeAway, CancellationToken cancellationToken)
    {
        NodeClient? node = null;
        try
        {
            node = _node.Connect(invocation, parsed);
            return (await RunningPipeline.AskAsync(node, cancellationToken), null);
        }
        catch (PipelineException e) when (e.Kind == FaultKind.Unreachable && (mayBeAway || node?.HasAnswered == true))
        {
            return (null, e);
        }
        catch (IOException e)
        {
            return (null, new PipelineException(FaultKind.Unreachable, node?.Name ?? "The node", $"it has broken off: {e.Message.TrimEnd('.')}", "Its log says why.", e));
        }
        finally
        {
            node?.Dispose();
        }
    }

    /// <summary>Of a table whether it rests, of a source all its tables, of a node whether it rests with nothing buffered and no run, and others have what it read.</summary>
    private static IReadOnlyList<string> OpenOf(RunningPipeline pipeline, ControlTarget target)
    {
        if (target.Kind == ControlTargetKind.Node)
        {
            // One that nobody has heard of yet, or whose tables nobody has, says nothing.
            if (pipeline.Nodes.All(node => node.Node != target.Name)) return [target.Name];
            return [.. pipeline.Nodes.Where(node => node.Node == target.Name && (!node.IsHeld || node.BufferBytes > 0)).Select(node => node.Node),
                .. pipeline.Tables.Where(table => table.Nodes.Contains(target.Name) && IsOpenOn(table, target.Name, AreOthers(pipeline, target))).Select(table => table.Table.ToString())];
        }

        var meant = pipeline.Tables.Where(table => target.Table is { } one ? table.Table == one : table.Table.Source == target.Name).ToList();
        return meant.Count == 0 ? [target.Name] : [.. meant.Where(table => table.State != "paused" || table.Runner is not null).Select(table => table.Table.ToString())];
    }

    /// <summary>What waiting would not end: a node of a release that does not do what operators want; null: there is none, as far as is known.</summary>
    private static PipelineException? OlderThatKeeps(RunningPipeline pipeline, ControlTarget target)
    {
        var isNode = target.Kind == ControlTargetKind.Node;
        if (pipeline.Silent.FirstOrDefault(node => isNode ? node.Node == target.Name : AreReadElsewhere(pipeline, target)) is { } silent)
            return new PipelineException(FaultKind.Invalid, $"Node {silent.Node}", $"it reports nothing, as nodes do of a release that does not know what operators want: {(isNode ? "it reads on" : $"it may read on what is meant by {target}")}, and nobody can say what is open there",
                "Stop it with SIGTERM: it commits what is open, and others read on. Start it again with the program of this release.");
        if (isNode && AreOthers(pipeline, target) && pipeline.Silent.FirstOrDefault(node => node.PlacesWork) is { } placing)
            return new PipelineException(FaultKind.Invalid, $"Node {placing.Node}", $"it says which node reads what, and reports nothing, as nodes do of a release that takes nothing from a drained one: what {target} has read rests",
                $"Stop it with SIGTERM, and what {target} has read moves; start it again with the program of this release. Or let {target} go on: './pipeline resume {target} --reason WHY'.");
        return null;
    }

    /// <summary>No node that reports reads any of it.</summary>
    private static bool AreReadElsewhere(RunningPipeline pipeline, ControlTarget target) =>
        !pipeline.Tables.Any(table => (target.Table is { } one ? table.Table == one : table.Table.Source == target.Name) && table.Nodes.Count > 0);

    /// <summary>A run is open where it goes on; a Bronze table until others have it, or, where there are none or they leave it alone, until it rests.</summary>
    private static bool IsOpenOn(WorkItem table, string node, bool areOthers) =>
        table.Table.Layer != Layer.Bronze ? table.Runner == node : (areOthers && table.Wait?.Cause != ByConfiguration) || table.State is "draining" or "reading" or "starting";

    /// <summary>Whether another node is to take over what a node has read.</summary>
    private static bool AreOthers(RunningPipeline pipeline, ControlTarget target) => pipeline.Nodes.Any(node => node.Node != target.Name && !node.IsHeld && node.Roles.Contains(IngestRegistration.Role));
}
