using System.Collections.Immutable;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Ingest.Committer;

namespace Pipeline.Ingest.Tests.Simulation;

/// <summary>One incarnation of a table's committer: the real decisions, simulated effects.</summary>
internal sealed class SimulatedCommitter(Simulation simulation, SimulatedTable table)
{
    private static readonly Fault Outage = new(FaultKind.Unreachable, "Storage", "did not answer", "Wait.");

    private static readonly Fault Unfounded = new(FaultKind.Invalid, "A stage", "its file is gone", "Nothing of it was committed.");

    /// <summary>Files of what is sent late are not old enough to be removed.</summary>
    private static readonly TimeSpan LateAtMost = TimeSpan.FromSeconds(25);

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
        if (simulation.IsDecodingChanged && _isDead) return;
        if (simulation.Happens(0.08))
        {
            simulation.Soon(() => Apply(new CommitterEvent.Failed(Outage)));
            return;
        }

        var gone = commit.Batch.Where(pending => pending.Stage.Files.Any(file => !simulation.Exists(file.Path))).ToImmutableDictionary(pending => pending.Stage.Id, _ => Unfounded);
        if (!gone.IsEmpty)
        {
            simulation.Soon(() => Apply(new CommitterEvent.Unfounded(gone)));
            return;
        }

        var transaction = BronzeCommitterActor.TransactionOf([.. commit.Batch.Select(pending => pending.Stage)]);
        var start = ((SimulatedView)commit.Table).Snapshot;
        if (simulation.Happens(0.05) && !simulation.IsDecodingChanged && !commit.Batch.SelectMany(pending => pending.Stage.Files).Any(file => simulation.AgeOf(file.Path) > LateAtMost))
        {
            SendLate(transaction, start);
            return;
        }

        var isAmbiguous = simulation.Happens(0.08);
        var result = table.Commit(transaction, start, simulation.Time.Now);
        if (result is CommitResult.Committed && transaction.Schema is not null) simulation.Count(Kind.SchemaChange);
        var view = table.View;
        simulation.Soon(() =>
        {
            if (isAmbiguous) Apply(new CommitterEvent.Failed(Outage));
            else Apply(result is CommitResult.Committed ? new CommitterEvent.Committed(view) : new CommitterEvent.Superseded(view));
        });
    });

    /// <summary>What was given up arrives all the same, after whatever was done meanwhile.</summary>
    private void SendLate(Transaction transaction, Snapshot start)
    {
        var arrive = table.Send(transaction, start, simulation.Time.Now);
        simulation.Soon(() => Apply(new CommitterEvent.Failed(Outage)));
        if (arrive is not null)
            simulation.Time.After(TimeSpan.FromMilliseconds(simulation.Random.Next(1, 400)), () =>
            {
                if (arrive(simulation.Time.Now)) simulation.Count(Kind.LatePut);
            });
    }
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
