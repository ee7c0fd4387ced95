using System.Runtime.ExceptionServices;

namespace Pipeline.Core;

/// <summary>How work beside the main path ended. Whoever started it handles each of the three.</summary>
public abstract record Outcome<T>
{
    private Outcome()
    {
    }

    public sealed record Done(T Value) : Outcome<T>;

    /// <summary>Whatever was thrown, a time-out's cancellation among it.</summary>
    public sealed record Failed(Exception Cause) : Outcome<T>;

    /// <summary>It was told to stop by the one who started it.</summary>
    public sealed record Cancelled : Outcome<T>;
}

/// <summary>
/// Runs work beside the main path: a task that nobody awaits, a step of a clean-up, a thread. It ends in a value whatever is
/// thrown, so that what follows it always follows.
/// </summary>
public static class Background
{
    /// <summary>Never fails. Cancelled is only what <paramref name="stopping"/> has cancelled.</summary>
    public static async Task<Outcome<T>> RunAsync<T>(Func<CancellationToken, ValueTask<T>> work, CancellationToken stopping)
    {
        try
        {
            return new Outcome<T>.Done(await work(stopping).ConfigureAwait(false));
        }
        catch (Exception cause) when (IsCancelled(cause, stopping))
        {
            return new Outcome<T>.Cancelled();
        }
        catch (Exception cause)
        {
            return new Outcome<T>.Failed(cause);
        }
    }

    /// <summary>Never fails: null, or what the work ended with other than being cancelled by <paramref name="stopping"/>.</summary>
    public static async Task<Exception?> FailureAsync(Func<CancellationToken, ValueTask> work, CancellationToken stopping)
    {
        var outcome = await RunAsync(async cancellationToken =>
        {
            await work(cancellationToken).ConfigureAwait(false);
            return true;
        }, stopping).ConfigureAwait(false);
        return (outcome as Outcome<bool>.Failed)?.Cause;
    }

    /// <summary>
    /// Starts work that nobody awaits. <paramref name="ended"/> is told how it ended, in whatever thread: null, or what it
    /// ended with other than being cancelled by <paramref name="stopping"/>.
    /// </summary>
    public static void Start(Func<CancellationToken, ValueTask> work, Action<Exception?> ended, CancellationToken stopping)
    {
        _ = RunAsync();

        async Task RunAsync() => ended(await FailureAsync(work, stopping).ConfigureAwait(false));
    }

    /// <summary>Never fails: null, or what was thrown.</summary>
    public static Exception? Failure(Action work)
    {
        try
        {
            work();
            return null;
        }
        catch (Exception cause)
        {
            return cause;
        }
    }

    /// <summary>What a task that has ended threw, a cancellation with its cause; null: nothing.</summary>
    public static Exception? FailureOf(Task ended) => Failure(() => ended.GetAwaiter().GetResult());

    /// <summary>Whether an exception only says that <paramref name="stopping"/> was cancelled: others' tokens have their own reasons.</summary>
    public static bool IsCancelled(Exception cause, CancellationToken stopping) => cause is OperationCanceledException && stopping.IsCancellationRequested;

    /// <summary>Throws the first failure, if there is one, as it was.</summary>
    public static void ThrowIfAny(params ReadOnlySpan<Exception?> failures)
    {
        foreach (var failure in failures)
            if (failure is not null) ExceptionDispatchInfo.Throw(failure);
    }
}
