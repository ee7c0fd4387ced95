using System.Collections.Immutable;
using Pipeline.Delta;

namespace Pipeline.Transform.Jobs.Remote;

/// <summary>The engines elsewhere that a pipeline's runs may be executed by, and where its documents and answers lie.</summary>
/// <param name="pipeline">Its name: executions are found by it and the lake's id.</param>
public sealed class RemoteRuns(string pipeline, Lake lake, JobArtifacts artifacts, IEnumerable<IRemoteEngine> engines)
{
    private readonly ImmutableArray<IRemoteEngine> _engines = [.. engines];

    public JobArtifacts Artifacts => artifacts;

    /// <summary>The engine of this name; null: it is none of these.</summary>
    public IRemoteEngine? Find(string? name) => _engines.FirstOrDefault(engine => engine.Name == name);

    /// <summary>
    /// The pins of the same run that is being executed: whoever has planned it anew, without knowing of that, takes part in it instead
    /// of replacing it. Null: it is not, or was planned on something else.
    /// </summary>
    public async ValueTask<JobPins?> UnderWayAsync(JobPins planned, CancellationToken cancellationToken)
    {
        if (Find(planned.Engine) is null) return null;
        await RequireOwnAsync(cancellationToken);
        var claims = await artifacts.ClaimsOf(planned.Table, planned.Run).ReadAsync(cancellationToken);
        return claims.LastOrDefault(claim => claim.Fate is ClaimFate.Open or ClaimFate.Sent)?.Pins is { } pins && pins.Engine == planned.Engine && pins.Targets.SequenceEqual(planned.Targets) ? pins : null;
    }

    internal async ValueTask<RemoteExecution> ExecutionAsync(IRemoteEngine engine, JobPins pins, JobSubmission submission, TimeProvider time, CancellationToken cancellationToken) =>
        new(engine, artifacts, pipeline, await RequireOwnAsync(cancellationToken), pins, submission, time);

    private async ValueTask<string> RequireOwnAsync(CancellationToken cancellationToken)
    {
        var id = await lake.IdAsync(cancellationToken);
        await artifacts.RequireOwnAsync(id, isOnlyAsked: false, cancellationToken);
        return id;
    }
}
