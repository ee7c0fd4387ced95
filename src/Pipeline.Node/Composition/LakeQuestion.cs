using Pipeline.Core;
using Pipeline.Delta;

namespace Pipeline.Node.Composition;

/// <summary>
/// Asks a lake until it has answered, whatever it says meanwhile. That it is away is told with all else that is; why it refuses
/// is told by who asks, once for each reason and with its end: a right that was missing comes.
/// </summary>
internal sealed class LakeQuestion(Lake lake, OutageWatch outages, TimeProvider time)
{
    /// <param name="ask">May be called more than once.</param>
    /// <param name="refused">Told of a refusal that people have to mend.</param>
    /// <param name="over">Told of the last one, when there was any and the lake has answered.</param>
    public async ValueTask<T> AskAsync<T>(Func<CancellationToken, ValueTask<T>> ask, Action<Fault> refused, Action<Fault> over, CancellationToken cancellationToken)
    {
        using var waiter = outages.Waiter();
        Fault? told = null;
        waiter.Asks();
        var answer = await new RetryPolicy().RunAsync(time, ask, cancellationToken, isTransient: failure => failure is PipelineException, onFailure: attempt =>
        {
            var fault = Fault.Of($"Lake {lake.Store.Location}", attempt.Error!);
            if (fault.IsTransient)
            {
                waiter.Failed(fault);
                return;
            }

            waiter.Answered();
            if (fault.Cause != told?.Cause) refused(fault);
            told = fault;
        });
        waiter.Answered();
        if (told is not null) over(told);
        return answer;
    }
}
