using Pipeline.Testing;

namespace Pipeline.Core.Tests;

public sealed class BackgroundSpec
{
    public static TheoryData<Exception> Thrown =>
    [
        new PipelineException(FaultKind.Unreachable, "Store", "is away", "Wait."), new InvalidOperationException("a defect"),
        new TaskCanceledException("a time-out"), new OperationCanceledException("somebody else's"),
    ];

    [Theory, MemberData(nameof(Thrown))]
    public async Task Whatever_is_thrown_comes_back_as_a_value(Exception thrown)
    {
        var later = await Background.RunAsync<int>(async _ =>
        {
            await Task.Yield();
            throw thrown;
        }, CancellationToken.None);
        var atOnce = await Background.RunAsync<int>(_ => throw thrown, CancellationToken.None);

        Assert.Same(thrown, Assert.IsType<Outcome<int>.Failed>(later).Cause);
        Assert.Same(thrown, Assert.IsType<Outcome<int>.Failed>(atOnce).Cause);
        Assert.Same(thrown, await Background.FailureAsync(_ => throw thrown, CancellationToken.None));
        Assert.Same(thrown, Background.Failure(() => throw thrown));
    }

    [Fact]
    public async Task What_went_well_comes_back_too()
    {
        Assert.Equal(new Outcome<int>.Done(3), await Background.RunAsync(_ => ValueTask.FromResult(3), CancellationToken.None));
        Assert.Null(await Background.FailureAsync(_ => ValueTask.CompletedTask, CancellationToken.None));
        Assert.Null(Background.Failure(() => { }));
    }

    [Fact]
    public async Task Only_the_token_of_the_one_who_started_it_cancels()
    {
        using var ours = new CancellationTokenSource();
        using var theirs = new CancellationTokenSource();
        await theirs.CancelAsync();

        var timedOut = await Background.RunAsync(Work(theirs.Token), ours.Token);
        await ours.CancelAsync();
        var stopped = await Background.RunAsync(Work(ours.Token), ours.Token);
        var failed = await Background.RunAsync<int>(_ => throw new InvalidOperationException("a defect"), ours.Token);

        Assert.IsType<Outcome<int>.Failed>(timedOut);
        Assert.IsType<Outcome<int>.Cancelled>(stopped);
        Assert.IsType<Outcome<int>.Failed>(failed);

        static Func<CancellationToken, ValueTask<int>> Work(CancellationToken token) => async _ =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, token);
            return 0;
        };
    }

    [Theory, MemberData(nameof(Thrown))]
    public async Task Work_that_nobody_awaits_tells_how_it_ended(Exception thrown)
    {
        var told = new TaskCompletionSource<Exception?>();

        Background.Start(async _ =>
        {
            await Task.Yield();
            throw thrown;
        }, told.SetResult, CancellationToken.None);

        Assert.Same(thrown, await told.Task.WaitAsync(Deadlines.Test, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void The_first_failure_is_thrown_as_it_was()
    {
        var first = new InvalidOperationException("first");

        Background.ThrowIfAny(null, null);

        Assert.Same(first, Assert.Throws<InvalidOperationException>(() => Background.ThrowIfAny(null, first, new IOException("second"))));
    }
}
