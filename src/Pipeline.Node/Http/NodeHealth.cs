using Akka.Actor;
using Akka.Cluster;
using Akka.Hosting;
using Pipeline.Core;
using Pipeline.Ingest;
using Pipeline.Operations.Options;
using Pipeline.Remoting;
using Pipeline.Transform.Coordination;

namespace Pipeline.Node.Http;

/// <summary>Asks the node's own actors how it is; every answer comes in bounded time, whatever they do.</summary>
/// <param name="only">No other tables are read; null: there are none.</param>
/// <param name="witness">An actor of the node: as long as it answers, the process makes progress.</param>
internal sealed class NodeHealth(ActorSystem system, IReadOnlyActorRegistry actors, IActorRef witness, OutageWatch outages, StandingTables standing, PipelineOptions options, TimeSpan patience, IReadOnlySet<TableId>? only = null)
{
    /// <summary>How long an actor may take to answer.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly IReadOnlyList<TableId> _tables = [.. options.BronzeTables.Where(table => only?.Contains(table) != false)];

    /// <summary>Whether the process makes progress. One that does not is best started again.</summary>
    public async Task<HealthReport> LiveAsync(CancellationToken cancellationToken)
    {
        var fault = await AskAsync<ActorIdentity>(witness, new Identify(messageId: null), "its actors have", cancellationToken) is Knowledge<ActorIdentity>.Unknown { Why: var why } ? why : null;
        return new HealthReport([new HealthCheck("actors", fault is null ? [] : [new HealthReason(fault)])]);
    }

    /// <summary>Whether it does its work.</summary>
    public async Task<HealthReport> ReadyAsync(CancellationToken cancellationToken)
    {
        var cluster = Cluster.Get(system);
        var state = cluster.State;
        var isIngesting = actors.TryGet<IngestMonitorActor>(out var monitor);
        var ingest = isIngesting ? await AskAsync<IngestStatus>(monitor, new GetIngestStatus(), "the watch over its tables has", cancellationToken) : null;
        var isAlone = !state.Members.Any(member => member.HasRole(IngestRegistration.Role) && !member.Address.Equals(cluster.SelfAddress));
        var status = system.WhenTerminated.IsCompleted ? MemberStatus.Exiting : cluster.IsTerminated ? MemberStatus.Down : cluster.SelfMember.Status;
        return Readiness.Of(new NodeState(status, state.Members.Count, state.Unreachable.Count, outages.Away, ingest, isIngesting && isAlone ? _tables : [], [.. standing.All.Select(table => new HealthReason(table.Fault, table.Lasts))]));
    }

    private async Task<Knowledge<T>> AskAsync<T>(IActorRef actor, object question, string who, CancellationToken cancellationToken)
        where T : class => await actor.TryAskAsync<T>(question, patience, cancellationToken) is { } answer ? new Knowledge<T>.Known(answer)
        : new Knowledge<T>.Unknown(new Fault(FaultKind.Unreachable, "This node", $"{who} not answered within {patience.TotalSeconds:0.#} s", "If it lasts, look at the machine's CPU and memory, and start the node again."));
}
