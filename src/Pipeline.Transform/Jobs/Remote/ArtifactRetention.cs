using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Transform.Jobs.Remote;

/// <summary>What was deleted of the artifacts, or would be.</summary>
public sealed record ClearedArtifacts(long Runs, long Objects, long Bytes)
{
    public static readonly ClearedArtifacts None = new(0, 0, 0);
}

/// <summary>Executions that a run may still be committed of.</summary>
/// <param name="Executions">Those whose claims do not say that they are over, and those that have answered well.</param>
/// <param name="Unknown">Tables of which it cannot be told, and why.</param>
public sealed record OpenExecutions(ImmutableHashSet<string> Executions, ImmutableArray<(TableId Table, PipelineException Cause)> Unknown)
{
    /// <summary>What nobody can tell may be open.</summary>
    public bool Has(string execution) => !Unknown.IsEmpty || Executions.Contains(execution);
}

/// <summary>
/// Which artifacts are needed no more. Those of a run are all deleted, or none: when the last was written longer ago than the
/// retention, and the table's log has a run after it, so that nobody takes over an execution of it or finishes it.
/// Those of a table that is not there, or cannot be read, stay; so do programs, of which there is one a release.
/// </summary>
public static class ArtifactRetention
{
    /// <param name="lastRun">The last run that a table's log has; null: it is not there, or nobody can say.</param>
    /// <param name="isWanted">Whether a table was asked for.</param>
    public static async Task<ClearedArtifacts> ClearAsync(JobArtifacts artifacts, Func<TableId, long?> lastRun, Func<TableId, bool> isWanted, TimeSpan retention, bool isDryRun, TimeProvider time, CancellationToken cancellationToken)
    {
        var cutoff = time.GetUtcNow().Minus(retention);
        var cleared = ClearedArtifacts.None;
        // Listed to its end first: a store may skip what follows what is deleted meanwhile.
        List<RunArtifacts> over = [];
        await foreach (var run in artifacts.RunsAsync(cancellationToken))
            if (isWanted(run.Table) && run.Run < lastRun(run.Table) && run.Objects.TrueForAll(found => found.ModifiedAt < cutoff)) over.Add(run);
        foreach (var run in over)
        {
            if (!isDryRun)
                foreach (var found in run.Objects) await artifacts.Store.DeleteAsync(found.Path, cancellationToken);
            cleared = new ClearedArtifacts(cleared.Runs + 1, cleared.Objects + run.Objects.Count, cleared.Bytes + run.Objects.Sum(found => found.Size));
        }

        return cleared with { Objects = cleared.Objects + await ClearClustersAsync(artifacts, cutoff, isDryRun, cancellationToken) };
    }

    /// <summary>The oldest claims of clusters go, one after the other: they are read from the first on, and the last numbers the next.</summary>
    private static async Task<long> ClearClustersAsync(JobArtifacts artifacts, DateTimeOffset cutoff, bool isDryRun, CancellationToken cancellationToken)
    {
        List<(string Directory, int Number, ObjectInfo Part)> parts = [];
        await foreach (var found in artifacts.Store.ListAsync(JobArtifacts.ClusterClaims, startAt: null, cancellationToken))
            if (found.Path.LastIndexOf('/') + 1 is var name && Claims.NumberOf(found.Path[name..]) is { } number) parts.Add((found.Path[..name], number, found));
        var old = parts.GroupBy(part => part.Directory, StringComparer.Ordinal)
            .SelectMany(pipeline => pipeline.GroupBy(part => part.Number).OrderBy(claim => claim.Key).SkipLast(1).TakeWhile(claim => claim.All(part => part.Part.ModifiedAt < cutoff)))
            // As they are listed: the claim itself first.
            .SelectMany(claim => claim.Select(part => part.Part.Path)).ToList();
        if (!isDryRun)
            foreach (var path in old) await artifacts.Store.DeleteAsync(path, cancellationToken);
        return old.Count;
    }

    /// <param name="lastRun">As in <see cref="ClearAsync"/>.</param>
    public static async Task<OpenExecutions> OpenAsync(JobArtifacts artifacts, Func<TableId, long?> lastRun, CancellationToken cancellationToken)
    {
        var open = ImmutableHashSet.CreateBuilder<string>(StringComparer.Ordinal);
        var unknown = ImmutableArray.CreateBuilder<(TableId, PipelineException)>();
        await foreach (var run in artifacts.RunsAsync(cancellationToken))
        {
            // The last one may have been cut off between the commits of its tables.
            if (run.Run < lastRun(run.Table)) continue;
            try
            {
                foreach (var claim in await artifacts.ClaimsOf(run.Table, run.Run).ReadAsync(cancellationToken))
                    if (claim.Fate is ClaimFate.Open or ClaimFate.Sent || claim.Fate == ClaimFate.Over && await HasAnsweredWellAsync(artifacts, run, claim.Execution, cancellationToken)) open.Add(claim.Execution);
            }
            catch (PipelineException e) when (e.Kind == FaultKind.Damaged)
            {
                unknown.Add((run.Table, e));
            }
        }

        return new OpenExecutions(open.ToImmutable(), unknown.ToImmutable());
    }

    /// <summary>One that has ended well is taken over as long as its run is not committed.</summary>
    private static async ValueTask<bool> HasAnsweredWellAsync(JobArtifacts artifacts, RunArtifacts run, string execution, CancellationToken cancellationToken) =>
        await artifacts.AnswerAsync(new JobName("", "", run.Table, run.Run, execution), cancellationToken) is { Failure: null };
}
