using Microsoft.Extensions.Time.Testing;

namespace Pipeline.Core.Tests.Faults;

public sealed class RetrySpec
{
    private static readonly RetryPolicy Steady = new() { BackoffMin = TimeSpan.FromSeconds(1), BackoffMax = TimeSpan.FromSeconds(1), Jitter = 0, AttemptsMax = 4 };

    private readonly FakeTimeProvider _time = new() { AutoAdvanceAmount = TimeSpan.Zero };
    private readonly List<FailedAttempt> _told = [];
    private int _attempts;

    [Fact]
    public async Task What_passes_is_tried_until_it_works_and_each_failure_is_told()
    {
        var running = RunAsync(attempt => attempt < 3 ? throw Away() : attempt);

        Assert.Equal(3, await FinishAsync(running));
        Assert.Equal([1, 2], _told.Select(failed => failed.Failures));
        Assert.All(_told, failed => Assert.Equal(TimeSpan.FromSeconds(1), failed.Pause));
    }

    [Fact]
    public async Task The_last_error_comes_out_when_there_have_been_enough()
    {
        var running = RunAsync(_ => throw Away());

        await Assert.ThrowsAsync<PipelineException>(() => FinishAsync(running));
        Assert.Equal(4, _attempts);
    }

    [Fact]
    public async Task What_does_not_pass_comes_out_at_once()
    {
        await Assert.ThrowsAsync<PipelineException>(() => RunAsync(_ => throw new PipelineException(FaultKind.NotAuthorised, "t", "c", "n.")));
        await Assert.ThrowsAsync<InvalidOperationException>(() => RunAsync(_ => throw new InvalidOperationException()));

        Assert.Equal(2, _attempts);
    }

    [Fact]
    public async Task A_result_that_does_not_settle_it_is_tried_again_and_returned_at_the_end()
    {
        var running = Steady.RunAsync(_time, _ => new ValueTask<int>(++_attempts), CancellationToken.None, isAgain: _ => true);

        Assert.Equal(4, await FinishAsync(running));
    }

    [Fact]
    public async Task Cancelling_ends_the_wait()
    {
        using var stop = new CancellationTokenSource();
        var running = Steady.RunAsync<int>(_time, _ => throw Away(), stop.Token);

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    private Task<int> RunAsync(Func<int, int> attempt) =>
        Steady.RunAsync(_time, _ => new ValueTask<int>(attempt(++_attempts)), CancellationToken.None, onFailure: _told.Add);

    /// <summary>Moves time until the operation has ended: it waits for nothing else.</summary>
    private async Task<int> FinishAsync(Task<int> running)
    {
        while (!running.IsCompleted)
        {
            _time.Advance(TimeSpan.FromMilliseconds(250));
            await Task.Yield();
        }

        return await running;
    }

    private static PipelineException Away() => new(FaultKind.Unreachable, "Object o", "no answer", "Check the store.");
}
