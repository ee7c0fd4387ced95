using Pipeline.Core;

namespace Pipeline.Ingest.Worker;

/// <summary>
/// What a worker waits for, told from its events. An answer counts when it comes to the same question: that splits can be
/// listed says nothing of a store that takes no file.
/// </summary>
internal sealed class WorkerOutages(OutageWaiter waiter) : IDisposable
{
    private enum Question
    {
        Splits,
        Positions,
        Records,
        Acknowledgement,
    }

    /// <summary>What was missed last: whether it still is knows the waiter.</summary>
    private Question? _missed;

    public void On(WorkerEvent message, IngestWorkerState before, IngestWorkerState after)
    {
        switch (message)
        {
            case WorkerEvent.LocateFailed failed when failed.Epoch == before.Epoch:
                Miss(Question.Splits, failed.Fault, isOfLocating: before.Phase == WorkerPhase.Locating);
                break;
            case WorkerEvent.PositionsFailed failed when failed.Epoch == before.Epoch:
                Miss(Question.Positions, failed.Fault);
                break;
            case WorkerEvent.AcknowledgeFailed failed when failed.Epoch == before.Epoch:
                Miss(Question.Acknowledgement, failed.Fault);
                break;
            case WorkerEvent.StageLost lost:
                Miss(Question.Records, lost.Answer.Fault);
                break;
            case WorkerEvent.GraphEnded { Fault: { } fault } ended when ended.Epoch == before.Epoch:
                Miss(Question.Records, fault);
                break;
            case WorkerEvent.Located:
                Answer(Question.Splits);
                break;
            case WorkerEvent.PositionsKnown when after.Phase == WorkerPhase.Reading:
                Answer(Question.Positions);
                break;
            case WorkerEvent.Acknowledged:
                Answer(Question.Acknowledgement);
                break;
            case WorkerEvent.Committed:
                Answer(Question.Records);
                break;
            // A source that has nothing new shows only by going on that it is back.
            case WorkerEvent.ReadQuietly quiet when quiet.Epoch == before.Epoch && before is { Phase: WorkerPhase.Reading, InHand: null }:
                Answer(Question.Records);
                break;
        }

        if (after.Phase is WorkerPhase.Locating && before.Phase is not WorkerPhase.Locating) waiter.Asks();
    }

    /// <summary>What a worker has met; null: nothing, or something of a reading that is over.</summary>
    public static Fault? FaultOf(WorkerEvent message, IngestWorkerState before) => message switch
    {
        WorkerEvent.LocateFailed failed when failed.Epoch == before.Epoch => failed.Fault,
        WorkerEvent.PositionsFailed failed when failed.Epoch == before.Epoch => failed.Fault,
        WorkerEvent.AcknowledgeFailed failed when failed.Epoch == before.Epoch => failed.Fault,
        WorkerEvent.StageLost lost => lost.Answer.Fault,
        WorkerEvent.GraphEnded ended when ended.Epoch == before.Epoch => ended.Fault,
        _ => null,
    };

    public void Dispose() => waiter.Dispose();

    /// <param name="isOfLocating">Missed since the locating began; everything else worked until just now.</param>
    private void Miss(Question question, Fault fault, bool isOfLocating = false)
    {
        if (!fault.IsTransient)
        {
            // Who refuses is not away.
            if (fault.Kind != FaultKind.Defect && _missed is { } missed) Answer(missed);
            return;
        }

        if (!isOfLocating) waiter.Asks();
        _missed = question;
        waiter.Failed(fault);
    }

    private void Answer(Question question)
    {
        if (_missed == question) waiter.Answered();
    }
}
