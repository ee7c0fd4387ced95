using Pipeline.Core;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>
/// Asks a service in rounds, for all who want to know: a round begins an interval after the one before, and up to a third of it
/// later, and only while somebody waits for it. Who waits goes on where the round ends, in its thread. Thread-safe.
/// </summary>
/// <typeparam name="TWish">What those who wait for a round want of it.</typeparam>
/// <typeparam name="TRound">What a round tells all of them.</typeparam>
/// <param name="ask">Makes a round.</param>
/// <param name="random">Parts those who ask the same service.</param>
internal sealed class Rounds<TWish, TRound>(Func<TWish, ValueTask<TRound>> ask, TimeSpan interval, TimeProvider time, Random random) where TWish : new()
{
    private readonly RetryPolicy _pace = new() { BackoffMin = interval * 1.3, BackoffMax = interval * 1.3, Factor = 1, Jitter = 0.3 / 1.3 };

    private readonly Lock _gate = new();
    private Waiting? _next;
    private bool _isGoingOn;
    private long? _beganAt;

    /// <summary>A round that begins after the call: one that has begun may have passed by what the caller looks for.</summary>
    /// <param name="wish">Adds what the caller wants to know. Not called while the round is made.</param>
    /// <exception cref="PipelineException">The service cannot be asked.</exception>
    public async Task<TRound> NextAsync(Action<TWish> wish, CancellationToken cancellationToken)
    {
        // Each his own: those of several who wait for one task go on in other threads.
        var ended = new TaskCompletionSource<Outcome<TRound>>();
        bool isFirst;
        lock (_gate)
        {
            _next ??= new Waiting();
            _next.Ended.Add(ended);
            wish(_next.Wish);
            (isFirst, _isGoingOn) = (!_isGoingOn, true);
        }

        // It is everybody's: who stops waiting does not end it.
        if (isFirst) Background.Start(_ => GoOnAsync(), Broken, CancellationToken.None);
        switch (await ended.Task.WaitAsync(cancellationToken))
        {
            case Outcome<TRound>.Done done:
                return done.Value;
            case Outcome<TRound>.Failed { Cause: PipelineException cause }:
                // Each who waits throws one of his own.
                throw new PipelineException(cause.Kind, cause.Thing, cause.Cause, cause.NextStep, cause) { Dependency = cause.Dependency, RetryAfter = cause.RetryAfter };
            case var other:
                throw new InvalidOperationException("A round has failed.", (other as Outcome<TRound>.Failed)?.Cause);
        }
    }

    /// <summary>For a round that asks twice: waits until it may ask again.</summary>
    public async ValueTask AgainAsync()
    {
        await PauseAsync();
        _beganAt = time.GetTimestamp();
    }

    private async ValueTask GoOnAsync()
    {
        while (true)
        {
            await PauseAsync();
            Waiting next;
            lock (_gate)
            {
                if (_next is null)
                {
                    _isGoingOn = false;
                    return;
                }

                (next, _next, _beganAt) = (_next, null, time.GetTimestamp());
            }

            next.End(await Background.RunAsync(_ => ask(next.Wish), CancellationToken.None));
        }
    }

    private async ValueTask PauseAsync()
    {
        if (_beganAt is { } began && _pace.Delay(1, random.NextDouble()) - time.GetElapsedTime(began) is { Ticks: > 0 } pause) await Task.Delay(pause, time, CancellationToken.None);
    }

    private void Broken(Exception? cause)
    {
        if (cause is null) return;
        Waiting? next;
        lock (_gate) (next, _next, _isGoingOn) = (_next, null, false);
        next?.End(new Outcome<TRound>.Failed(cause));
    }

    private sealed class Waiting
    {
        public TWish Wish { get; } = new();

        public List<TaskCompletionSource<Outcome<TRound>>> Ended { get; } = [];

        public void End(Outcome<TRound> outcome) => Ended.ForEach(ended => ended.SetResult(outcome));
    }
}
