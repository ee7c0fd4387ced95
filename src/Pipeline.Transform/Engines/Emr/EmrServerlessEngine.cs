using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using Pipeline.Aws.EmrServerless;
using Pipeline.Core;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>Has documents executed by Spark, as jobs of an application of EMR Serverless: each started once by its execution's name.</summary>
/// <param name="submission">The program, and the settings of Spark.</param>
/// <param name="logs">The jobs' logs; null: they are not where we can read them.</param>
internal sealed class EmrServerlessEngine(EmrServerlessOptions options, EmrServerlessClient client, SparkSubmission submission, JobLogs? logs, TimeProvider time, ILogger log) : IRemoteEngine
{
    public const string Named = "emr-serverless";

    /// <summary>What a job that is cancelled has for cleaning up.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(30);

    /// <summary>From here on waiting is worth a line, and each time so much later.</summary>
    private static readonly TimeSpan WaitingMax = TimeSpan.FromMinutes(15);

    /// <summary>Looks at a job that has ended until what it was billed is there.</summary>
    private const int BilledLooks = 3;

    private readonly JobRunBoard _board = new(client, options.ApplicationId, options.PollInterval, time);
    private readonly ConcurrentDictionary<string, EmrJobRun> _seen = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(TableId, PolicyScope), bool> _scopes = [];
    private readonly ConcurrentDictionary<string, DateTimeOffset> _toldAt = new(StringComparer.Ordinal);

    public string Name => Named;

    public SqlDialect Dialect => options.Dialect == EngineDialect.Spark ? SqlDialect.Spark : SqlDialect.DuckDb;

    /// <remarks>
    /// AWS takes what was signed at most 5 minutes ago, by a clock that may be 4 minutes away from ours. What is sent to an emulation on this machine
    /// arrives at once or never.
    /// </remarks>
    public RemoteBounds Bounds { get; } = new(ArriveMax: options.Dialect == EngineDialect.Spark ? TimeSpan.FromMinutes(10) : TimeSpan.FromSeconds(10), options.JobTimeMax);

    public async ValueTask<ImmutableArray<FoundExecution>> FindAsync(JobName run, DateTimeOffset since, CancellationToken cancellationToken)
    {
        var active = await _board.RoundAsync(cancellationToken);
        var found = active.Values.Where(job => run.ExecutionOf(job.Name) is not null).ToDictionary(job => job.Id, job => run.ExecutionOf(job.Name)!, StringComparer.Ordinal);
        await foreach (var job in client.ListAsync(options.ApplicationId, state: null, since, cancellationToken))
            if (run.ExecutionOf(job.Name) is { } execution) found[job.Id] = execution;
        var executions = ImmutableArray.CreateBuilder<FoundExecution>(found.Count);
        foreach (var (id, execution) in found)
            executions.Add(Found(new JobHandle(Name, execution, id), await client.GetAsync(options.ApplicationId, id, cancellationToken)));
        return executions.ToImmutable();
    }

    public async ValueTask<Submission> SubmitAsync(RemoteJob job, CancellationToken cancellationToken)
    {
        var askedAt = time.GetTimestamp();
        var program = await submission.ProgramUriAsync(cancellationToken);
        if (time.GetElapsedTime(askedAt) > SparkSubmission.SendMax) return new Submission.NoRoom("it could not be sent at once");
        var name = job.Name.ToString();
        var (policy, scope) = ExecutionPolicy.Of(job, options.ExecutionRole, program, options.LogUri);
        TellScope(job.Name.Table, scope);
        var started = await client.StartAsync(options.ApplicationId, new NewEmrJobRun(name, TokenOf(job.Name), options.ExecutionRole, program, SparkSubmission.ArgumentsOf(job), submission.ParametersOf(job))
        {
            Policy = policy, Timeout = options.JobTimeMax, LogUri = options.LogUri,
        }, cancellationToken);
        return started switch
        {
            StartJobOutcome.Started { JobRunId: var id } => new Submission.Accepted(new JobHandle(Name, job.Name.Execution, id)),
            StartJobOutcome.NoRoom { Refusal: var refusal } => new Submission.NoRoom(refusal.Cause),
            StartJobOutcome.Unknown { Cause: var cause } => new Submission.Lost(cause),
            var other => throw new InvalidOperationException($"There is no outcome {other}."),
        };
    }

    /// <remarks>Whoever starts an execution twice has started it once. A digest, since a name has signs that a token may not have.</remarks>
    internal static string TokenOf(JobName name) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name.ToString())));

    public async ValueTask<FoundExecution> ObserveAsync(JobHandle handle, CancellationToken cancellationToken)
    {
        var active = await _board.RoundAsync(cancellationToken);
        // What others have waited for and nobody waits for any more.
        foreach (var id in _seen.Keys)
            if (id != handle.Id && !active.ContainsKey(id)) _seen.TryRemove(id, out _);
        if (_seen.TryGetValue(handle.Id, out var seen) && active.TryGetValue(handle.Id, out var now) && now.State == seen.State)
        {
            if (seen.State.IsWaiting()) await TellWaitingAsync(seen, cancellationToken);
            return Found(handle, seen);
        }

        var job = await client.GetAsync(options.ApplicationId, handle.Id, cancellationToken);
        if (!job.State.IsTerminal())
        {
            _seen[handle.Id] = job;
            return Found(handle, job);
        }

        _seen.TryRemove(handle.Id, out _);
        _toldAt.TryRemove(handle.Id, out _);
        // Only what is committed is told with its costs.
        for (var look = 0; look < BilledLooks && job is { Billed: null, State: EmrJobRunState.Success } && options.Prices is not null; look++)
        {
            await _board.RoundAsync(cancellationToken);
            job = await client.GetAsync(options.ApplicationId, handle.Id, cancellationToken);
        }

        return Found(handle, job);
    }

    public async ValueTask CancelAsync(JobHandle handle, CancellationToken cancellationToken)
    {
        try
        {
            await client.CancelAsync(options.ApplicationId, handle.Id, Grace, cancellationToken);
        }
        catch (PipelineException e) when (e.Kind == FaultKind.Invalid)
        {
            if (!(await client.GetAsync(options.ApplicationId, handle.Id, cancellationToken)).State.IsTerminal()) throw;
        }
    }

    public async ValueTask<PipelineException> ExplainAsync(FoundExecution failed, AnsweredFailure? said, CancellationToken cancellationToken)
    {
        var id = failed.Handle.Id;
        var thing = $"Job run {id} of EMR Serverless application {options.ApplicationId}";
        // A job that was given a word has said it; the log has nothing better.
        if (said is not null) return said.ToException();
        var reason = failed.Reason ?? $"it is {failed.Stage.ToString().ToLowerInvariant()}";
        if (failed.Stage == ExecutionStage.Cancelled)
            return new PipelineException(FaultKind.Unreachable, thing, $"it was cancelled: {reason.TrimEnd('.')}", $"Look who cancels jobs of this application. {Dashboard(id)}");
        if (IsOutOfCapacity(reason))
            return new PipelineException(FaultKind.Unreachable, thing, $"it has not had the capacity that it needs: {reason.TrimEnd('.')}",
                $"Raise the maximum capacity of the application or the vCPU quota of the account, or give Spark fewer and smaller executors. {Dashboard(id)}");
        var remains = logs is null ? new SparkRemains { Reason = reason } : await logs.OfJobAsync(options.ApplicationId, id, reason, cancellationToken);
        var fault = SparkFailure.Of(thing, remains);
        return new PipelineException(fault.Kind, fault.Thing, fault.Cause, $"{fault.NextStep} {Dashboard(id)}", fault.InnerException);
    }

    /// <summary>The address itself lets in whoever has it, and is given to whoever has the right to ask for it.</summary>
    private string Dashboard(string id) =>
        $"Its Spark UI: aws emr-serverless get-dashboard-for-job-run --region {options.Aws.Region} --application-id {options.ApplicationId} --job-run-id {id}.";

    private static bool IsOutOfCapacity(string reason) =>
        reason.Contains("MaxCapacityExceeded", StringComparison.OrdinalIgnoreCase) || reason.Contains("maximum capacity", StringComparison.OrdinalIgnoreCase)
        || reason.Contains("maxCPU", StringComparison.OrdinalIgnoreCase) || reason.Contains("vCPU limit", StringComparison.OrdinalIgnoreCase);

    /// <summary>Of each table once: its runs have the same rights. An emulation gives none and takes none.</summary>
    private void TellScope(TableId table, PolicyScope scope)
    {
        if (options.Dialect != EngineDialect.Spark || scope == PolicyScope.Tables || !_scopes.TryAdd((table, scope), true)) return;
        if (scope == PolicyScope.Lake) log.PolicyOfLake(table, NewEmrJobRun.PolicyLengthMax);
        else log.NoPolicy(table, NewEmrJobRun.PolicyLengthMax);
    }

    /// <summary>A job that waits says so from time to time, with what the application may use.</summary>
    private async ValueTask TellWaitingAsync(EmrJobRun job, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (now - _toldAt.GetOrAdd(job.Id, job.CreatedAt) < WaitingMax) return;
        _toldAt[job.Id] = now;
        var application = await client.ApplicationAsync(options.ApplicationId, cancellationToken);
        log.Waiting(job.Id, job.Name, now.Since(job.CreatedAt).TotalMinutes, job.State.ToString().ToUpperInvariant(), job.StateDetails ?? "no details", application.Id, application.State, application.CpuMax ?? "any vCPU", application.MemoryMax ?? "any memory");
    }

    private FoundExecution Found(JobHandle handle, EmrJobRun job)
    {
        var stage = job.State switch
        {
            EmrJobRunState.Success => ExecutionStage.Succeeded,
            EmrJobRunState.Failed => ExecutionStage.Failed,
            EmrJobRunState.Cancelled => ExecutionStage.Cancelled,
            EmrJobRunState.Cancelling => ExecutionStage.Cancelling,
            var state when state.IsWaiting() => ExecutionStage.Pending,
            // Also one that is not known: it may write.
            _ => ExecutionStage.Running,
        };
        return new FoundExecution(handle, stage, SparkSubmission.Sha256Of(job.Arguments), job.StartedAt ?? job.CreatedAt)
        {
            Reason = job.StateDetails, Metrics = EmrServerlessPrices.Metrics(job, options.Prices),
        };
    }
}
