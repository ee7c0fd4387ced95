using Akka.Actor;

namespace Pipeline.Remoting;

/// <summary>Questions to actors that may not be there: on their way to another node, busy, or started anew and without memory of the question.</summary>
public static class Asking
{
    /// <returns>Null: no answer has come within <paramref name="patience"/>.</returns>
    /// <exception cref="OperationCanceledException">Who asks has gone before.</exception>
    public static async Task<T?> TryAskAsync<T>(this ICanTell actor, object question, TimeSpan patience, CancellationToken cancellationToken)
        where T : class
    {
        try
        {
            return await actor.Ask<T>(question, patience, cancellationToken);
        }
        // Akka says in either way that the time is up.
        catch (Exception e) when (e is AskTimeoutException or TaskCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }
}
