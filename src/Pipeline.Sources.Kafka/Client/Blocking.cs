namespace Pipeline.Sources.Kafka.Client;

/// <summary>Runs questions that block until brokers answer.</summary>
internal static class Blocking
{
    /// <summary>
    /// On a thread of its own: as many tables ask at a time as a source has, and each would hold a thread of the pool for seconds,
    /// which nothing else in the process could then have.
    /// </summary>
    public static Task<T> RunAsync<T>(Func<T> question, CancellationToken cancellationToken) =>
        Task.Factory.StartNew(question, cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
