using Akka.Actor;
using Pipeline.Core;
using Pipeline.Ingest.Committer;

namespace Pipeline.Ingest.Tests.Simulation;

/// <summary>One incarnation of a table's committer: the real decisions, simulated effects.</summary>
internal sealed class SimulatedCommitter(Simulation simulation, SimulatedTable table)
{
    private static readonly Fault Outage = new(FaultKind.Unreachable, "Storage", "did not answer", "Wait.");

    private BronzeCommitterState _state = new(table.Id, new CommitterLimits(TimeSpan.FromMilliseconds(200), FilesMax: 20, StagesMax: 50,
        new RetryPolicy { BackoffMin = TimeSpan.FromMilliseconds(100), BackoffMax = TimeSpan.FromSeconds(5), AttemptsMax = 2 }));

    private readonly int _name = simulation.NextName();
    private bool _isDead;

    public void Die() => _isDead = true;

    public void Receive(object message, IActorRef sender) => Apply(CommitterEvent.Of(message, sender));

    private void Apply(CommitterEvent message)
    {
        if (_isDead) return;
        var before = _state.Phase;
        (_state, var effects) = BronzeCommitterState.Decide(_state, message, DateTimeOffset.UnixEpoch + simulation.Time.Now);
        simulation.Trace($"committer {_name} of {table.Id}: {message} {before} -> {_state.Phase}: {string.Join(", ", effects)}");
        foreach (var effect in effects) Perform(effect);
    }

    private void Perform(CommitterEffect effect)
    {
        switch (effect)
        {
            case CommitterEffect.Open:
                simulation.Soon(() =>
                {
                    var outcome = simulation.Happens(0.05) ? new CommitterEvent.Failed(Outage) : (CommitterEvent)new CommitterEvent.Opened(table.View);
                    simulation.Soon(() => Apply(outcome));
                });
                break;
            case CommitterEffect.Commit commit:
                Commit(commit);
                break;
            case CommitterEffect.Reply reply:
                simulation.Send(() => ((SimulatedRef)reply.To).Worker.Receive(reply.Message));
                break;
            case CommitterEffect.FlushAfter flush:
                simulation.Time.After(flush.Delay, () => Apply(new CommitterEvent.FlushDue()));
                break;
            case CommitterEffect.RetryAfter retry:
                simulation.Time.After(retry.Delay, () => Apply(new CommitterEvent.RetryDue()));
                break;
        }
    }

    /// <summary>A commit under way outlives its committer: it may still land.</summary>
    private void Commit(CommitterEffect.Commit commit) => simulation.Soon(() =>
    {
        var isLost = simulation.Happens(0.08);
        var isAmbiguous = !isLost && simulation.Happens(0.08);
        if (isLost)
        {
            simulation.Soon(() => Apply(new CommitterEvent.Failed(Outage)));
            return;
        }

        var isCommitted = table.TryCommit([.. commit.Batch.Select(pending => pending.Stage)]);
        var view = table.View;
        simulation.Soon(() =>
        {
            if (isAmbiguous) Apply(new CommitterEvent.Failed(Outage));
            else Apply(isCommitted ? new CommitterEvent.Committed(view) : new CommitterEvent.Superseded(view));
        });
    });
}

#pragma warning disable MA0097 // Comparison operators: references are compared for equality only.
/// <summary>The address of one incarnation of a worker.</summary>
internal sealed class SimulatedRef(SimulatedWorker worker) : MinimalActorRef
#pragma warning restore MA0097
{
    public SimulatedWorker Worker => worker;

    public override ActorPath Path { get; } = new RootActorPath(Address.AllSystems) / "worker";

    public override IActorRefProvider Provider => throw new NotSupportedException();
}
