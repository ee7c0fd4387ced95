namespace Pipeline.Ingest.Worker;

/// <summary>How long a worker takes to read: since it started, or since something kept it from reading.</summary>
/// <param name="tell">What it had to come back from, and how long that took.</param>
internal sealed class WorkerRecovery(TimeProvider time, Action<string, TimeSpan> tell)
{
    private (IngestState Worst, long Since)? _away;

    /// <summary>What the worker does now.</summary>
    public void Now(IngestState state)
    {
        switch (state)
        {
            case IngestState.Starting or IngestState.Retrying or IngestState.Halted:
                _away = _away is { } known ? (known.Worst > state ? known.Worst : state, known.Since) : (state, time.GetTimestamp());
                break;
            case IngestState.Running when _away is { } away:
                tell(away.Worst switch { IngestState.Starting => "start", IngestState.Retrying => "fault", _ => "halt" }, time.GetElapsedTime(away.Since));
                _away = null;
                break;
            case IngestState.Draining or IngestState.Paused:
                // Somebody wished it.
                _away = null;
                break;
        }
    }
}
