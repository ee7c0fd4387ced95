namespace Pipeline.Ingest.Tests.Simulation;

/// <summary>Runs what is scheduled in the order of its time; what is due at once in the order in which it was scheduled.</summary>
internal sealed class VirtualTime
{
    private readonly PriorityQueue<Action, (TimeSpan At, long Order)> _agenda = new();
    private long _scheduled;

    public TimeSpan Now { get; private set; }

    public void After(TimeSpan delay, Action action) => _agenda.Enqueue(action, (Now + delay, _scheduled++));

    /// <summary>Runs the next action; false when nothing is left before <paramref name="end"/>.</summary>
    public bool Step(TimeSpan end)
    {
        if (!_agenda.TryPeek(out var action, out var due) || due.At > end) return false;
        _agenda.Dequeue();
        Now = due.At;
        action();
        return true;
    }
}
