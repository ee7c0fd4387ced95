using Akka.Actor;
using Pipeline.Core;
using Pipeline.Remoting;

namespace Pipeline.Operations.Control;

/// <summary>The door of a running pipeline: as that of the lake, and what can act without the lake does.</summary>
/// <param name="singleton">Wherever it is.</param>
/// <param name="voice">An actor of this node that speaks for it: only who is of the cluster is obeyed.</param>
public sealed class RunningControl(LakeControl lake, IActorRef singleton, IActorRef voice, TimeProvider time) : IPipelineControl
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public Task<ControlState> StateAsync(CancellationToken cancellationToken) => lake.StateAsync(cancellationToken);

    public Task<Planned> PlanAsync(ControlCommand command, CancellationToken cancellationToken) => lake.PlanAsync(command, cancellationToken);

    public async Task<Applied> ApplyAsync(string planId, string who, string why, CancellationToken cancellationToken)
    {
        var applied = await lake.ApplyAsync(planId, who, why, cancellationToken);
        if (applied is Applied.Recorded) singleton.Tell(new ControlRecorded(), voice);
        if (applied is not Applied.Refused { Reason: ControlRefusal.LakeAway } || ControlPlan.TryRead(planId) is not { } plan) return applied;
        var at = LakeControl.Whole(time.GetUtcNow());
        object word = LakeControl.WishOf(plan, who, why, at) is { } wish ? new TakeUnrecorded(wish)
            : new RestartUnrecorded(new Order(plan.Id, Number: 0, OrderKind.Restart, plan.Command.Target, Aim: null, plan.Command.Value, who, at, why));
        return await AskAsync<UnrecordedTaken>(word, cancellationToken) is { } taken ? new Applied.NotRecordedYet(taken.Id) : applied;
    }

    /// <summary>How the pipeline is, as its nodes last said: nothing is read from the lake.</summary>
    /// <returns>Null: the singleton does not answer; it may be on its way from one node to another.</returns>
    public async Task<PipelineStatus?> StatusAsync(CancellationToken cancellationToken)
    {
        var tables = new List<TableLine>();
        for (TableId? after = null; ;)
        {
            if (await AskAsync<PipelinePage>(new GetPipeline(after), cancellationToken) is not { } page) return null;
            tables.AddRange(page.Tables);
            if (page.Next is null) return new PipelineStatus(page.At, page.Nodes, tables, page.LakeAway, page.Unrecorded) { Wishes = page.Wishes, Unlike = page.Unlike, Silent = page.Silent };
            after = page.Next;
        }
    }

    /// <summary>
    /// The node that has to do what operators want, as the oldest of the cluster, and has not answered for long though it is there, as one of a release that cannot.
    /// </summary>
    /// <returns>Null: there is none such, or it is too early to say.</returns>
    public async Task<string?> SilentLeaderAsync(CancellationToken cancellationToken) => (await voice.TryAskAsync<SilentLeader>(new GetSilentLeader(), Patience, cancellationToken))?.Node;

    private Task<T?> AskAsync<T>(object question, CancellationToken cancellationToken)
        where T : class => singleton.TryAskAsync<T>(question, Patience, cancellationToken);
}

/// <summary>A running pipeline.</summary>
/// <param name="Tables">By their names.</param>
/// <param name="LakeAway">Since when the record of what operators want cannot be read; null: it can.</param>
/// <param name="Unrecorded">Ids of wishes that act and are not recorded yet.</param>
public sealed record PipelineStatus(DateTimeOffset At, IReadOnlyList<NodeLine> Nodes, IReadOnlyList<TableLine> Tables, DateTimeOffset? LakeAway, IReadOnlyList<string> Unrecorded)
{
    /// <summary>What operators want held.</summary>
    public IReadOnlyList<Wish> Wishes { get; init; } = [];

    /// <summary>Tables of which not all nodes' configurations say the same.</summary>
    public IReadOnlyList<UnlikeTable> Unlike { get; init; } = [];

    /// <summary>Nodes that report to nobody, as those of a release before.</summary>
    public IReadOnlyList<SilentNode> Silent { get; init; } = [];
}
