using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Pipeline.Aws.Emr;
using Pipeline.Core;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>One search that ends with a cluster that takes steps.</summary>
internal sealed class ClusterSearch(string name, Func<string, NewEmrCluster> plan, EmrClient client, Claims claims, Func<DateTimeOffset, CancellationToken, ValueTask<ImmutableArray<(string Drawn, EmrClusterSummary Cluster)>>> list, TimeProvider time, ILogger log)
{
    /// <summary>Between two looks at what others have to do, beside the pause between two lists.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(2);

    /// <summary>How far the clocks of who starts a cluster and of EMR may differ.</summary>
    private static readonly TimeSpan Skew = TimeSpan.FromMinutes(15);

    /// <remarks>As of steps: a call is tried for 1 min, a signature is good for 5, clocks may be 4 apart, and a list is some seconds late.</remarks>
    private static readonly RemoteBounds Bounds = new(ArriveMax: TimeSpan.FromMinutes(11), RunMax: TimeSpan.MaxValue);

    private readonly long _startedAt = time.GetTimestamp();
    private RunKnowledge _known = new(ClusterChoice.Document, Bounds);
    private ImmutableArray<(string Drawn, EmrClusterSummary Cluster)> _listed = [];
    private string _drawn = "";

    private volatile string _why = $"a cluster of {name} is looked for";

    /// <summary>Why there is none yet. Without a full stop.</summary>
    public string Why => _why;

    private TimeSpan Now => time.GetElapsedTime(_startedAt);

    /// <exception cref="PipelineException">No cluster can be had, or EMR or the artifacts are away.</exception>
    public async ValueTask<string> RunAsync(CancellationToken cancellationToken)
    {
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
                        await ClaimAsync(claim.Number, cancellationToken);
                        break;
                    case RunStep.TakeAway taken:
                        await claims.DecideAsync(taken.Number, ClaimFate.Dropped, _drawn, cancellationToken);
                        _known = _known with { Found = null };
                        break;
                    case RunStep.Close closed:
                        await CloseAsync(closed.Number, cancellationToken);
                        break;
                    case RunStep.Wait wait:
                        _why = $"a cluster of {name} is not to be had yet: {wait.Why}";
                        await Task.Delay(LookAgain, time, cancellationToken);
                        _known = _known with { Found = null };
                        break;
                    case RunStep.Submit submit:
                        if (await StartAsync(submit.Number, cancellationToken) is { } started) return started;
                        break;
                    case RunStep.Adopt adopt:
                        log.Uses(adopt.Execution.Handle.Id, name, adopt.Execution.Stage.ToString().ToLowerInvariant());
                        return adopt.Execution.Handle.Id;
                    case var other:
                        throw new InvalidOperationException($"Unknown step {other}.");
                }
            }
        }
        finally
        {
            // Nobody has to wait for a cluster that is not started here any more; should that fail, he waits.
            if (_known.Held is { } held) await Background.FailureAsync(async none => await claims.DecideAsync(held, ClaimFate.Dropped, "", none), CancellationToken.None);
        }
    }

    /// <summary>Claims first: whatever is started later has a claim that is seen the next time.</summary>
    private async ValueTask LookAsync(CancellationToken cancellationToken)
    {
        var all = await claims.ReadAsync(cancellationToken);
        var seen = all.Select(claim => new SeenClaim(claim.Number, claim.Execution, claim.Document, claim.Fate,
            _known.Claims.FirstOrDefault(known => known.Execution == claim.Execution && known.Fate == claim.Fate)?.SeenAt ?? Now));
        var since = all.Where(claim => claim.Fate is ClaimFate.Open or ClaimFate.Sent).Select(claim => claim.At).Append(time.GetUtcNow() - ClusterChoice.FailuresMax).Min() - Skew;
        var lookedAt = Now;
        _listed = await list(since, cancellationToken);
        _known = _known with { Claims = [.. seen], Found = ClusterChoice.Found(_listed), FoundAt = lookedAt };
    }

    private async ValueTask ClaimAsync(int number, CancellationToken cancellationToken)
    {
        if (ClusterChoice.AfterFailure(_listed.Select(pair => pair.Cluster), time.GetUtcNow()) is { } failure) throw NotUp(failure.Failed, failure.Again);
        var drawn = Guid.NewGuid().ToString("N");
        if (await claims.TryPutAsync(new RunClaim(number, drawn, ClusterChoice.Document, Pins: null, time.GetUtcNow(), ClaimFate.Open), cancellationToken))
        {
            _drawn = drawn;
            _known = _known with { Held = number, Claims = _known.Claims.Add(new SeenClaim(number, drawn, ClusterChoice.Document, ClaimFate.Open, Now)) };
        }
        else
        {
            _known = _known with { Found = null };
        }
    }

    private async ValueTask CloseAsync(int number, CancellationToken cancellationToken)
    {
        await claims.CloseAsync(number, cancellationToken);
        _known = _known with { Claims = [.. _known.Claims.Select(claim => claim.Number == number ? claim with { Fate = ClaimFate.Over } : claim)] };
    }

    /// <summary>Starts our claim's cluster; null: it was not, or nobody knows, and it is looked for.</summary>
    private async ValueTask<string?> StartAsync(int number, CancellationToken cancellationToken)
    {
        // From before it is written: others count from when they see it.
        var sentAt = Now;
        var fate = await claims.DecideAsync(number, ClaimFate.Sent, _drawn, cancellationToken);
        _known = _known with { Held = null, Found = null };
        if (fate != ClaimFate.Sent) return null;
        if (Now - sentAt > RunKnowledge.SendMax)
        {
            // Whoever waits for it gives it up some time later: what is started now could come beside another.
            await CloseAsync(number, cancellationToken);
            return null;
        }

        var cluster = plan(_drawn);
        StartClusterOutcome started;
        try
        {
            started = await client.StartClusterAsync(cluster, cancellationToken);
        }
        catch (PipelineException)
        {
            // It is not there and will not be.
            await CloseAsync(number, cancellationToken);
            throw;
        }

        if (started is not StartClusterOutcome.Started { ClusterId: var id }) return null;
        log.Started(id, cluster.Name, cluster.Instances, cluster.InstanceType, cluster.ReleaseLabel, cluster.IdleTimeout?.TotalMinutes ?? 0);
        return id;
    }

    private PipelineException NotUp(EmrClusterSummary failed, DateTimeOffset again) => new(FaultKind.Invalid, $"EMR cluster {failed.Id} ({name})",
        $"it has not come up: {failed.StateReason?.TrimEnd('.') ?? "EMR does not say why"}",
        $"Correct transform.emr.cluster, its roles and its network, or the account's quotas. Another one is not started before {again.InWords()}.");
}
