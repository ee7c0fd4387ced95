using System.Text.Json;
using Pipeline.Emulation.Emr.Serverless;

namespace Pipeline.Emulation.Emr;

/// <summary>Clusters and steps, and each change of them in a file if there is one: the last line of an id holds.</summary>
internal sealed class EmrStore : IDisposable
{
    private readonly Dictionary<string, EmrCluster> _clusters = new(StringComparer.Ordinal);
    private readonly Dictionary<string, EmrStep> _steps = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ServerlessJob> _jobs = new(StringComparer.Ordinal);
    private readonly StreamWriter? _file;
    private readonly Lock _writing = new();

    public EmrStore(string? path)
    {
        if (path is null) return;
        foreach (var change in JsonLines.Read(path).Select(line => JsonSerializer.Deserialize<Change>(line)!))
        {
            if (change.Cluster is { } cluster) _clusters[cluster.Id] = cluster;
            if (change.Step is { } step) _steps[step.Id] = step;
            if (change.Job is { } job) _jobs[job.Id] = job;
        }

        _file = JsonLines.Append(path);
    }

    public IEnumerable<EmrCluster> Clusters => _clusters.Values;

    /// <summary>In the order in which they were accepted.</summary>
    public IEnumerable<EmrStep> Steps => _steps.Values.OrderBy(step => step.Number);

    /// <summary>In the order in which they were started.</summary>
    public IEnumerable<ServerlessJob> Jobs => _jobs.Values.OrderBy(job => job.Number);

    public ServerlessJob? Job(string id) => _jobs.GetValueOrDefault(id);

    public EmrCluster? Cluster(string id) => _clusters.GetValueOrDefault(id);

    public EmrStep? Step(string id) => _steps.GetValueOrDefault(id);

    public void Put(EmrCluster cluster)
    {
        _clusters[cluster.Id] = cluster;
        Write(new Change { Cluster = cluster });
    }

    public void Put(EmrStep step)
    {
        _steps[step.Id] = step;
        Write(new Change { Step = step });
    }

    public void Put(ServerlessJob job)
    {
        _jobs[job.Id] = job;
        Write(new Change { Job = job });
    }

    public void Dispose() => _file?.Dispose();

    private void Write(Change change)
    {
        lock (_writing) _file?.WriteLine(JsonSerializer.Serialize(change));
    }

    private sealed record Change
    {
        public EmrCluster? Cluster { get; init; }

        public EmrStep? Step { get; init; }

        public ServerlessJob? Job { get; init; }
    }
}
