using System.Collections.Immutable;
using System.Data.Common;
using Akka.Actor;
using Akka.Event;
using Akka.Persistence;
using Pipeline.Remoting.Joining;

namespace Pipeline.Transform.Coordination.Journal;

/// <summary>
/// Reads a coordinator's journal from its beginning, tells its parent, and writes what it is given. What cannot be done is
/// told, and this stops: its parent decides when it is tried again.
/// </summary>
internal sealed class JournalActor : ReceivePersistentActor
{
    private readonly ImmutableArray<MedallionEvent>.Builder _events = ImmutableArray.CreateBuilder<MedallionEvent>();
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly bool _isReading;
    private MedallionSnapshot? _snapshot;
    private int _deletesLeft;

    /// <param name="isReading">False: what is there is passed over, and replaced by the next snapshot.</param>
    public JournalActor(string persistenceId, JournalPlugins plugins, bool isReading)
    {
        PersistenceId = persistenceId;
        JournalPluginId = plugins.Journal;
        SnapshotPluginId = plugins.Snapshots;
        _isReading = isReading;

        Recover<SnapshotOffer>(offer => _snapshot = (MedallionSnapshot)offer.Snapshot);
        Recover<MedallionEvent>(_events.Add);
        Recover<RecoveryCompleted>(_ => Context.Parent.Tell(new JournalRead(new Recollection(_snapshot, _events.ToImmutable()))));

        Command<Remember>(Write);
        Command<MedallionSnapshot>(SaveSnapshot, _ => Context.IsFromCluster());
        Command<ForgetEverything>(_ => Forget());
        Command<SaveSnapshotSuccess>(saved => OnSnapshotSaved(saved.Metadata));
        Command<SaveSnapshotFailure>(failed => Fail(failed.Cause));
        Command<DeleteMessagesSuccess>(_ => OnDeleted());
        Command<DeleteMessagesFailure>(failed => _log.Debug("Events up to {SequenceNr} stay in the journal: {Cause}", failed.ToSequenceNr, failed.Cause.Message));
        Command<DeleteSnapshotsSuccess>(_ => OnDeleted());
        Command<DeleteSnapshotsFailure>(failed => _log.Debug("Older snapshots stay in the journal: {Cause}", failed.Cause.Message));
    }

    public override string PersistenceId { get; }

    public override Recovery Recovery => _isReading ? Recovery.Default : Recovery.None;

    public static Props Props(string persistenceId, JournalPlugins plugins, bool isReading = true) =>
        Akka.Actor.Props.Create(() => new JournalActor(persistenceId, plugins, isReading));

    /// <summary>The framework stops this actor afterwards; so for the next two.</summary>
    protected override void OnPersistFailure(Exception cause, object @event, long sequenceNr) => Tell(cause, isUnreadable: false);

    protected override void OnRecoveryFailure(Exception reason, object? message = null) => Tell(reason, isUnreadable: message is not null || !IsOfAccess(reason));

    /// <summary>The journal is there and does not take this event.</summary>
    protected override void OnPersistRejected(Exception cause, object @event, long sequenceNr) => Fail(cause);

    private void Write(Remember remember)
    {
        var left = remember.Events.Length;
        PersistAll(remember.Events, _ =>
        {
            if (--left == 0) Context.Parent.Tell(JournalWritten.Instance);
        });
    }

    private void OnSnapshotSaved(SnapshotMetadata saved)
    {
        DeleteMessages(saved.SequenceNr);
        DeleteSnapshots(new SnapshotSelectionCriteria(saved.SequenceNr - 1));
        Context.Parent.Tell(SnapshotWritten.Instance);
    }

    private void Forget()
    {
        _deletesLeft = 2;
        DeleteMessages(LastSequenceNr);
        DeleteSnapshots(SnapshotSelectionCriteria.Latest);
    }

    private void OnDeleted()
    {
        if (--_deletesLeft == 0) Context.Stop(Self);
    }

    private void Fail(Exception cause)
    {
        Tell(cause, isUnreadable: false);
        Context.Stop(Self);
    }

    private void Tell(Exception cause, bool isUnreadable) => Context.Parent.Tell(new JournalFailed(cause, isUnreadable));

    /// <summary>Whether it says that the journal could not be asked, and nothing of what it holds.</summary>
    private static bool IsOfAccess(Exception cause) =>
        cause is DbException or TimeoutException or RecoveryTimedOutException or OperationCanceledException || (cause.InnerException is { } inner && IsOfAccess(inner));
}
