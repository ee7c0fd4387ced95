using Microsoft.Extensions.Logging;
using Pipeline.Aws.Emr;
using Pipeline.Aws.EmrServerless;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>The engines elsewhere that are configured, and what lies in between.</summary>
public sealed class RemoteEngines : IDisposable
{
    private readonly List<IDisposable> _opened = [];

    private RemoteEngines(string pipeline, TransformOptions options, Lake lake, Func<string, IObjectStore> open, ILoggerFactory logs, TimeProvider time)
    {
        var artifacts = new JobArtifacts(open(options.ArtifactsOf(lake.Store.Location)));
        var submission = new SparkSubmission(artifacts, options.Spark, options.CompressionOf);
        List<IRemoteEngine> engines = [];
        if (options.Emr is { } emr)
        {
            var client = new EmrClient(emr.Aws, time);
            _opened.Add(client);
            engines.Add(new EmrStepEngine(emr, client, ClustersOf(emr, client, artifacts, pipeline, lake, logs, time), submission, emr.LogUri is { } uri ? new JobLogs(open(uri), emr.LogLateMax, time) : null, time, Random.Shared, logs.CreateLogger<EmrStepEngine>()));
        }

        if (options.EmrServerless is { } serverless)
        {
            var client = new EmrServerlessClient(serverless.Aws, time);
            _opened.Add(client);
            engines.Add(new EmrServerlessEngine(serverless, client, submission, serverless.LogUri is { } uri ? new JobLogs(open(uri), serverless.LogLateMax, time) : null, time, logs.CreateLogger<EmrServerlessEngine>()));
        }

        Runs = new RemoteRuns(pipeline, lake, artifacts, engines);
    }

    public RemoteRuns Runs { get; }

    /// <param name="open">Opens a directory or an address in S3.</param>
    /// <returns>Null: none is configured.</returns>
    public static RemoteEngines? Open(string pipeline, TransformOptions options, Lake lake, Func<string, IObjectStore> open, ILoggerFactory logs, TimeProvider time) =>
        options.SparkEngines.IsEmpty ? null : new RemoteEngines(pipeline, options, lake, open, logs, time);

    private IStepClusters ClustersOf(EmrStepOptions emr, EmrClient client, JobArtifacts artifacts, string pipeline, Lake lake, ILoggerFactory logs, TimeProvider time)
    {
        if (emr.Cluster is not { } options) return new ConfiguredCluster(emr);
        var cluster = new TransientCluster(options, client, artifacts, async cancel => $"{pipeline}-{await lake.IdAsync(cancel)}", emr.LogUri, emr.PollInterval, time, Random.Shared, logs.CreateLogger<TransientCluster>());
        _opened.Add(cluster);
        return cluster;
    }

    public void Dispose() => _opened.ForEach(opened => opened.Dispose());
}
