using Pipeline.Core;

namespace Pipeline.Transform.Jobs.Remote;

/// <summary>
/// Has a document executed by an engine elsewhere, once, whoever else has the same intent: does what <see cref="RemoteRun"/> decides.
/// When it is told to stop it leaves the execution as it is, and the next runner takes it over; only a limit of time, and an execution
/// that is in the way of another, is ended.
/// </summary>
internal sealed class RemoteExecution(IRemoteEngine engine, JobArtifacts artifacts, string pipeline, string lakeId, JobPins pins, JobSubmission submission, TimeProvider time)
{
    /// <summary>Between two looks at what others have to do.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(2);

    /// <summary>How far the clocks of who submits and of the engine may differ: more, and its signatures are refused.</summary>
    private static readonly TimeSpan Skew = TimeSpan.FromMinutes(15);

    /// <summary>Between two submissions to an engine that is full.</summary>
    private static readonly TimeSpan RoomAgain = TimeSpan.FromSeconds(20);

    private readonly Claims _claims = artifacts.ClaimsOf(pins.Table, pins.Run);
    private readonly long _startedAt = time.GetTimestamp();
    private RunKnowledge _known = null!;
    private JobName? _ours;
    private TimeSpan? _sentAt;
    private DateTimeOffset _since;

    private TimeSpan Now => time.GetElapsedTime(_startedAt);

    /// <param name="require">Asked before an execution is drawn, and where an answer is not as it was: throws where the run is not wanted any more.</param>
    /// <param name="accept">Looks whether an answer is so.</param>
    /// <exception cref="PipelineException">The run has failed, or its answer is wrong.</exception>
    public async Task<T> RunAsync<T>(JobDocument document, byte[] utf8, Func<CancellationToken, ValueTask> require, Func<JobAnswer, FoundExecution, Task<T>> accept, CancellationToken cancellationToken) where T : class
    {
        var sha256 = JobDocument.Sha256Of(utf8);
        var path = await artifacts.PutDocumentAsync(pins.Table, pins.Run, utf8, cancellationToken);
        _known = new RunKnowledge(sha256, engine.Bounds);
        if (submission.Before is { } before && before.Engine == engine.Name) _known = _known with { Claims = [new SeenClaim(0, before.Execution, "", ClaimFate.Sent, Now)] };
        try
        {
            while (true)
            {
                switch (RemoteRun.Decide(_known, Now))
                {
                    case RunStep.Look:
                        await LookAsync(cancellationToken);
                        break;
                    case RunStep.Claim claim:
                        await require(cancellationToken);
                        await ClaimAsync(claim.Number, cancellationToken);
                        break;
                    case RunStep.TakeAway taken:
                        await _claims.DecideAsync(taken.Number, ClaimFate.Dropped, _ours?.Execution ?? "", cancellationToken);
                        _known = _known with { Found = null };
                        break;
                    case RunStep.Close closed:
                        await CloseAsync(closed.Number, cancellationToken);
                        break;
                    case RunStep.Cancel cancel:
                        foreach (var handle in cancel.Executions) await engine.CancelAsync(handle, cancellationToken);
                        _known = _known with { Cancelled = _known.Cancelled.SetItems(cancel.Executions.Select(handle => KeyValuePair.Create(handle.Execution, Now))) };
                        break;
                    case RunStep.Wait:
                        await WaitAsync(LookAgain, cancellationToken);
                        break;
                    case RunStep.Submit submit:
                        if (await SubmitAsync(submit.Number, document, path, sha256, cancellationToken) is { } submitted && await EndAsync(new FoundExecution(submitted, ExecutionStage.Pending, sha256, time.GetUtcNow()), isOurs: true, require, accept, cancellationToken) is { } answered)
                            return answered;
                        break;
                    case RunStep.Adopt adopt:
                        if (await EndAsync(adopt.Execution, isOurs: false, require, accept, cancellationToken) is { } adopted) return adopted;
                        break;
                    case var other:
                        throw new InvalidOperationException($"Unknown step {other}.");
                }
            }
        }
        finally
        {
            // Nobody has to wait for what this node does not submit any more; should that fail, he waits.
            if (_known.Held is { } held && cancellationToken.IsCancellationRequested)
                await Background.FailureAsync(async none => await _claims.DecideAsync(held, ClaimFate.Dropped, "", none), CancellationToken.None);
        }
    }

    /// <summary>Claims first: whatever is submitted later has a claim that is seen the next time.</summary>
    private async ValueTask LookAsync(CancellationToken cancellationToken)
    {
        var claims = await _claims.ReadAsync(cancellationToken);
        var seen = claims.Select(claim => new SeenClaim(claim.Number, claim.Execution, claim.Document, claim.Fate,
            _known.Claims.FirstOrDefault(known => known.Execution == claim.Execution && known.Fate == claim.Fate)?.SeenAt ?? Now));
        // An execution that only the journal knows.
        var remembered = _known.Claims.Where(known => known.Number == 0 && claims.All(claim => claim.Execution != known.Execution));
        _since = claims.Where(claim => claim.Fate is ClaimFate.Sent or ClaimFate.Over).Select(claim => claim.At).Append(pins.RequestedAt).Min() - Skew;
        var lookedAt = Now;
        _known = _known with { Claims = [.. remembered, .. seen] };
        _known = _known with { Found = await engine.FindAsync(NameOf(""), _since, cancellationToken), FoundAt = lookedAt };
    }

    private async ValueTask ClaimAsync(int number, CancellationToken cancellationToken)
    {
        var name = NameOf(Guid.NewGuid().ToString("N"));
        await submission.Intended(new JobHandle(engine.Name, name.Execution, name.ToString()), cancellationToken);
        var claim = new RunClaim(number, name.Execution, _known.Document, pins, time.GetUtcNow(), ClaimFate.Open);
        if (await _claims.TryPutAsync(claim, cancellationToken))
        {
            (_ours, _sentAt) = (name, null);
            _known = _known with { Held = number, Claims = _known.Claims.Add(new SeenClaim(number, name.Execution, _known.Document, ClaimFate.Open, Now)) };
        }
        else
        {
            _known = _known with { Found = null };
        }
    }

    private async ValueTask CloseAsync(int number, CancellationToken cancellationToken)
    {
        if (number > 0) await _claims.CloseAsync(number, cancellationToken);
        _known = _known with { Claims = [.. _known.Claims.Select(claim => claim.Number == number ? claim with { Fate = ClaimFate.Over } : claim)] };
    }

    private async ValueTask WaitAsync(TimeSpan pause, CancellationToken cancellationToken)
    {
        await Task.Delay(pause, time, cancellationToken);
        _known = _known with { Found = null };
    }

    /// <summary>Submits our claim's execution; null: it was not, or nobody knows, and it is looked for.</summary>
    private async ValueTask<JobHandle?> SubmitAsync(int number, JobDocument document, string path, string sha256, CancellationToken cancellationToken)
    {
        var name = _ours!;
        // From before it is written: others count from when they see it.
        var sentAt = _sentAt ??= Now;
        if (await _claims.DecideAsync(number, ClaimFate.Sent, name.Execution, cancellationToken) != ClaimFate.Sent)
        {
            _known = _known with { Held = null, Found = null };
            return null;
        }

        if (Now - sentAt > RunKnowledge.SendMax)
        {
            // Whoever waits for it gives it up some time later: what is sent now could arrive beside a replacement.
            await CloseAsync(number, cancellationToken);
            _known = _known with { Held = null, Found = null };
            return null;
        }

        Submission submitted;
        try
        {
            submitted = await engine.SubmitAsync(new RemoteJob(name, document, artifacts.UriOf(path), sha256, artifacts.UriOf(JobArtifacts.AnswerOf(name))), cancellationToken);
        }
        catch (PipelineException)
        {
            // It is not there and will not be.
            await CloseAsync(number, cancellationToken);
            throw;
        }

        switch (submitted)
        {
            case Submission.Accepted accepted:
                _known = _known with { Held = null };
                return accepted.Handle;
            case Submission.NoRoom:
                await WaitAsync(RoomAgain, cancellationToken);
                return null;
            default:
                _known = _known with { Held = null, Found = null };
                return null;
        }
    }

    /// <summary>Waits for the end of an execution and takes its answer; null: it is of no use, and another has to be submitted.</summary>
    private async Task<T?> EndAsync<T>(FoundExecution execution, bool isOurs, Func<CancellationToken, ValueTask> require, Func<JobAnswer, FoundExecution, Task<T>> accept, CancellationToken cancellationToken) where T : class
    {
        TimeSpan? cancelledAt = null;
        var isTooLong = false;
        while (execution.IsActive)
        {
            if (time.GetUtcNow() - execution.Since > engine.Bounds.RunMax) isTooLong = true;
            if (isTooLong && !(Now < cancelledAt + RunKnowledge.CancelAgain))
            {
                await engine.CancelAsync(execution.Handle, cancellationToken);
                cancelledAt = Now;
            }

            execution = await engine.ObserveAsync(execution.Handle, cancellationToken);
        }

        var name = NameOf(execution.Handle.Execution);
        if (_known.Claims.FirstOrDefault(claim => claim.Execution == name.Execution) is { } claim) await CloseAsync(claim.Number, cancellationToken);
        var answer = await artifacts.AnswerAsync(name, cancellationToken);
        if (execution.Stage == ExecutionStage.Succeeded && answer is { Failure: null })
        {
            try
            {
                return await accept(answer, execution);
            }
            catch (PipelineException e) when (e.Kind == FaultKind.Damaged)
            {
                // Not all of it is there any more: another may have taken it over and used it.
                await require(cancellationToken);
                if (isOurs) throw;
                Spoil(name.Execution);
                return null;
            }
        }

        if (isTooLong)
            throw new PipelineException(FaultKind.TooLarge, $"Run {pins.Id}", $"its execution on {engine.Name} has taken more than {engine.Bounds.RunMax.TotalMinutes:#,0} min and was cancelled",
                "If it needs longer, raise job-time-max of the engine; if it has no end, correct the SQL.");
        if (execution.Stage == ExecutionStage.Succeeded && answer is null && !isOurs)
        {
            Spoil(name.Execution);
            return null;
        }

        throw await engine.ExplainAsync(execution, answer?.Failure, cancellationToken);
    }

    private void Spoil(string execution) => _known = _known with { Spoilt = _known.Spoilt.Add(execution), Found = null };

    private JobName NameOf(string execution) => new(pipeline, lakeId, pins.Table, pins.Run, execution);
}
