using Pipeline.Aws.Emr;
using Pipeline.Core;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>
/// Adds steps to a cluster with one role: those that come while others are being added go together, 256 a call. Each is sent once; what
/// became of it is told to who has brought it, in the thread that has sent it. Thread-safe.
/// </summary>
internal sealed class StepAdditions(EmrClient client, string clusterId, string? executionRole, StepBoard board, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Queue<Addition> _waiting = new();
    private bool _isSending;

    /// <summary>What became of a step; its id when it was added.</summary>
    /// <param name="askedAt">A timestamp: see <see cref="SparkSubmission.SendMax"/>.</param>
    /// <param name="cancellationToken">Ends the wait. What was not sent by then is not sent.</param>
    /// <exception cref="PipelineException">It was refused.</exception>
    public async Task<(string? StepId, AddStepsOutcome Outcome)> AddAsync(NewEmrStep step, long askedAt, CancellationToken cancellationToken)
    {
        var addition = new Addition(step, askedAt, cancellationToken);
        bool isFirst;
        lock (_gate)
        {
            _waiting.Enqueue(addition);
            (isFirst, _isSending) = (!_isSending, true);
        }

        if (isFirst) Background.Start(_ => SendAllAsync(), cause => Broken(cause), CancellationToken.None);
        return await addition.Became.Task.WaitAsync(cancellationToken) switch
        {
            Outcome<(string?, AddStepsOutcome)>.Done done => done.Value,
            Outcome<(string?, AddStepsOutcome)>.Failed { Cause: PipelineException cause } =>
                throw new PipelineException(cause.Kind, cause.Thing, cause.Cause, cause.NextStep, cause) { Dependency = cause.Dependency, RetryAfter = cause.RetryAfter },
            var other => throw new InvalidOperationException($"Steps cannot be added to {clusterId}.", (other as Outcome<(string?, AddStepsOutcome)>.Failed)?.Cause),
        };
    }

    private async ValueTask SendAllAsync()
    {
        while (Take() is { Count: > 0 } steps) await SendAsync(steps);
    }

    /// <summary>As many as one call adds; none, and whoever comes next begins anew.</summary>
    private List<Addition> Take()
    {
        lock (_gate)
        {
            var taken = new List<Addition>();
            while (taken.Count < EmrClient.StepsMax && _waiting.TryDequeue(out var addition))
                if (!addition.Given.IsCancellationRequested) taken.Add(addition);
            if (taken.Count == 0) _isSending = false;
            return taken;
        }
    }

    private async ValueTask SendAsync(List<Addition> steps)
    {
        var late = steps.Where(addition => time.GetElapsedTime(addition.AskedAt) > SparkSubmission.SendMax).ToList();
        Tell(late, NoRoom("it could not be sent at once", "Nothing to do."));
        var rest = steps.Except(late).ToList();
        var room = Math.Min(board.Room, rest.Count);
        Tell(rest[room..], NoRoom($"the cluster has {EmrClient.StepsMax} active steps, as many as it may have", "Wait until some have ended."));
        for (rest = rest[..room]; rest.Count > 0;)
        {
            var sent = rest[..room];
            switch (await Background.RunAsync(async none => await client.AddStepsAsync(clusterId, [.. sent.Select(addition => addition.Step)], executionRole, none), CancellationToken.None))
            {
                // Others have added some meanwhile.
                case Outcome<AddStepsOutcome>.Done { Value: AddStepsOutcome.NoRoom } when room > 1:
                    room /= 2;
                    continue;
                case Outcome<AddStepsOutcome>.Done { Value: AddStepsOutcome.NoRoom none }:
                    Tell(rest, none);
                    return;
                case Outcome<AddStepsOutcome>.Done { Value: AddStepsOutcome.Added { StepIds: var ids } added }:
                    foreach (var id in ids) board.Added(id);
                    foreach (var (addition, id) in sent.Zip(ids)) addition.Became.TrySetResult(new Outcome<(string?, AddStepsOutcome)>.Done((id, added)));
                    break;
                case Outcome<AddStepsOutcome>.Done { Value: var other }:
                    Tell(sent, other);
                    break;
                // One of them is wrong, and nothing was added: each is told its own.
                case Outcome<AddStepsOutcome>.Failed { Cause: PipelineException { Kind: FaultKind.Invalid } } when room > 1:
                    room = 1;
                    continue;
                case Outcome<AddStepsOutcome>.Failed { Cause: var cause }:
                    foreach (var addition in sent) addition.Became.TrySetResult(new Outcome<(string?, AddStepsOutcome)>.Failed(cause));
                    break;
                case var ended:
                    throw new InvalidOperationException($"There is no end {ended}.");
            }

            rest = rest[room..];
            room = Math.Min(room, rest.Count);
        }
    }

    private AddStepsOutcome.NoRoom NoRoom(string cause, string next) => new(new PipelineException(FaultKind.Unreachable, $"EMR cluster {clusterId}", cause, next));

    private static void Tell(IEnumerable<Addition> steps, AddStepsOutcome outcome)
    {
        foreach (var addition in steps) addition.Became.TrySetResult(new Outcome<(string?, AddStepsOutcome)>.Done((null, outcome)));
    }

    private void Broken(Exception? cause)
    {
        if (cause is null) return;
        List<Addition> left;
        lock (_gate)
        {
            left = [.. _waiting];
            _waiting.Clear();
            _isSending = false;
        }

        foreach (var addition in left) addition.Became.TrySetResult(new Outcome<(string?, AddStepsOutcome)>.Failed(cause));
    }

    /// <param name="Given">Whoever has brought it waits.</param>
    private sealed record Addition(NewEmrStep Step, long AskedAt, CancellationToken Given)
    {
        public TaskCompletionSource<Outcome<(string?, AddStepsOutcome)>> Became { get; } = new();
    }
}
