using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Jobs;

/// <summary>
/// What interprets documents: in this process, or a cluster elsewhere. It writes files below the tables' directories, in those
/// of its execution, and answers; it opens no table and commits nothing.
/// </summary>
public interface IJobEngine
{
    string Name { get; }

    /// <summary>Whose SQL the documents hold that it takes.</summary>
    SqlDialect Dialect { get; }

    /// <summary>Begins an execution; it goes on when whoever submitted it is gone.</summary>
    /// <param name="document">UTF-8 of a <see cref="JobDocument"/>.</param>
    /// <param name="execution">Letters and digits, of this execution alone.</param>
    ValueTask<JobHandle> SubmitAsync(ReadOnlyMemory<byte> document, string execution, CancellationToken cancellationToken);

    /// <summary>How an execution stands. Waits for news as long as suits the engine.</summary>
    ValueTask<JobState> ObserveAsync(JobHandle handle, CancellationToken cancellationToken);

    /// <summary>Ends an execution; nothing happens when it has ended.</summary>
    ValueTask CancelAsync(JobHandle handle);
}

/// <summary>An execution as its engine knows it: what is kept to find it again.</summary>
/// <param name="Id">The engine's own name for it.</param>
public sealed record JobHandle(string Engine, string Execution, string Id);

/// <summary>How an execution stands.</summary>
public abstract record JobState
{
    private JobState()
    {
    }

    public sealed record Running : JobState;

    /// <summary>It has ended and says what it did, or why it could not.</summary>
    public sealed record Answered(JobAnswer Answer) : JobState;

    /// <summary>It has ended without an answer.</summary>
    public sealed record Failed(Exception Cause) : JobState;

    /// <summary>The engine has no such execution (any more).</summary>
    public sealed record Unknown : JobState;
}
