using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;

namespace Pipeline.Testing;

/// <summary>A watch of waits at a clock that only the test moves, and what it has said.</summary>
public sealed class SaidWaits : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly List<WaitNotice> _said = [];
    private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public SaidWaits() => Watch = new WaitWatch(_time, Take);

    public WaitWatch Watch { get; }

    public IReadOnlyList<WaitNotice> Said
    {
        get
        {
            lock (_said) return [.. _said];
        }
    }

    /// <summary>
    /// Lets time pass until this is told, first or when it has become the reason. A question that was slow for a moment may be told
    /// before: it has waited for minutes by this clock.
    /// </summary>
    public async Task<WaitNotice> UntilToldAsync(string reason, CancellationToken cancellationToken)
    {
        while (Find(reason, isOver: false) is null)
        {
            // Whoever knows why is asked at this clock too: it stands still until he has answered.
            if (!Watch.IsAsking) _time.Advance(TimeSpan.FromSeconds(5));
            await Task.Delay(10, cancellationToken);
        }

        return Find(reason, isOver: false)!;
    }

    /// <summary>The end of what was told.</summary>
    public async Task<WaitNotice> UntilOverAsync(string reason, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task more;
            lock (_said) more = _more.Task;
            if (Find(reason, isOver: true) is { } over) return over;
            await more.WaitAsync(cancellationToken);
        }
    }

    public void Dispose() => Watch.Dispose();

    private WaitNotice? Find(string reason, bool isOver) => Said.FirstOrDefault(notice => notice.IsOver == isOver && notice.Reason.Contains(reason, StringComparison.Ordinal));

    private void Take(WaitNotice notice)
    {
        TaskCompletionSource more;
        lock (_said)
        {
            _said.Add(notice);
            (more, _more) = (_more, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        more.SetResult();
    }
}
