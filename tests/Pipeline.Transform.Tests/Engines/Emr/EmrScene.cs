using System.Collections.Immutable;
using Amazon.Runtime;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Aws;
using Pipeline.Aws.Emr;
using Pipeline.Core;
using Pipeline.Delta.Storage;
using Pipeline.Emulation.Emr;
using Pipeline.Testing;
using Pipeline.Transform.Engines.Emr;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Transform.Tests.Engines.Emr;

/// <summary>An emulated EMR with one cluster, and the engine, in virtual time.</summary>
internal sealed class EmrScene : IAsyncDisposable
{
    private static readonly BasicAWSCredentials Credentials = new("test", "test");

    private readonly ScratchDirectory _directory = new("emr-");
    private readonly TaskCompletionSource<EmrOutcome> _isOver = new();
    private readonly EmrMessageHandler _transport;
    private readonly EmrStepOptions _options;
    private readonly List<EmrClient> _clients = [];

    /// <param name="work">What a step does; null: nothing, at once.</param>
    public EmrScene(Func<EmrWork, Task<EmrOutcome>>? work = null, Func<EmrOptions, EmrOptions>? change = null, Func<EmrStepOptions, EmrStepOptions>? changeEngine = null, int concurrency = 10, FakeTimeProvider? time = null)
    {
        Time = time ?? new FakeTimeProvider(TestLake.Start);
        Artifacts = new JobArtifacts(new LocalObjectStore(Path.Combine(_directory, "artifacts")));
        var emulated = new EmrOptions { Time = Time, Work = async step => await await Task.WhenAny((work ?? (_ => Task.FromResult(EmrOutcome.Done)))(step), _isOver.Task) };
        Service = new EmrService(change?.Invoke(emulated) ?? emulated);
        Cluster = Service.AddCluster("pipeline", concurrency, LogUri);
        _options = new EmrStepOptions { Aws = new AwsSettings { Region = "eu-central-1" }, ClusterId = Cluster, LogUri = LogUri + "/", Dialect = EngineDialect.Duckdb };
        _options = changeEngine?.Invoke(_options) ?? _options;
        _transport = new EmrMessageHandler(Service);
        Engine = EngineOf(_options, _transport);
    }

    public FakeTimeProvider Time { get; }

    public JobArtifacts Artifacts { get; }

    public EmrService Service { get; }

    public string Cluster { get; }

    public EmrStepEngine Engine { get; }

    public string LogUri => Path.Combine(_directory, "logs");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static JobName Name(int run, string execution = "e1", string table = "gold/sales") => new("test", "lake", TableId.Parse(table), run, execution);

    public static RemoteJob Job(JobName name, string sha256 = "abc") =>
        new(name, new JobDocument { Format = JobDocument.CurrentFormat, Dialect = "duckdb", Run = new DocumentRun(name.Table, name.Run), Root = "/lake" }, $"/jobs/{name.Run}.json", sha256, $"/jobs/{name.Execution}.answer");

    public IReadOnlyList<EmrEvent> Calls(string operation) => [.. Service.Log.Events.Where(told => told.What == "call" && told.Operation == operation)];

    public IReadOnlyList<string> Submitted => [.. Service.Log.Events.Where(told => told.What == "submitted").Select(told => told.Name!)];

    /// <summary>Another engine on the same cluster, which is reached over the network.</summary>
    /// <param name="time">Its clock; null: the same as EMR's.</param>
    public EmrStepEngine EngineAt(Uri endpoint, TimeProvider? time = null) => EngineOf(_options with { Aws = _options.Aws with { Endpoint = endpoint } }, transport: null, time);

    /// <summary>Another engine on the same cluster.</summary>
    /// <param name="time">Its clock; null: the same as EMR's.</param>
    public EmrStepEngine EngineOver(HttpMessageHandler transport, TimeProvider? time = null) => EngineOf(_options, transport, time);

    public async Task<JobHandle> SubmitAsync(JobName name) => Assert.IsType<Submission.Accepted>(await PumpAsync(Engine.SubmitAsync(Job(name), Cancel).AsTask())).Handle;

    public Task<FoundExecution> ObserveAsync(JobHandle handle) => PumpAsync(Engine.ObserveAsync(handle, Cancel).AsTask());

    /// <summary>How an execution ends.</summary>
    public async Task<FoundExecution> EndAsync(JobHandle handle)
    {
        FoundExecution seen;
        do seen = await ObserveAsync(handle);
        while (seen.IsActive);
        return seen;
    }

    public async Task<ImmutableArray<FoundExecution>> FindAsync(JobName run, DateTimeOffset since) => await PumpAsync(Engine.FindAsync(run, since, Cancel).AsTask());

    /// <summary>Lets time pass until a task has ended.</summary>
    public async Task<T> PumpAsync<T>(Task<T> task)
    {
        await PumpAsync(() => task.IsCompleted);
        return await task;
    }

    public async Task PumpAsync(Func<bool> until)
    {
        for (var i = 0; !until(); i++)
        {
            Assert.True(i < 20_000, string.Join("\n", Service.Log.Events.TakeLast(20)));
            await Task.Delay(1, Cancel);
            if (i % 2 == 1) Time.Advance(TimeSpan.FromSeconds(1));
        }
    }

    public async ValueTask DisposeAsync()
    {
        _isOver.SetResult(EmrOutcome.Done);
        foreach (var client in _clients) client.Dispose();
        _transport.Dispose();
        await Service.DisposeAsync();
        _directory.Dispose();
    }

    private EmrStepEngine EngineOf(EmrStepOptions options, HttpMessageHandler? transport, TimeProvider? time = null)
    {
        time ??= Time;
        var client = new EmrClient(options.Aws, time, Credentials, transport);
        _clients.Add(client);
        var submission = new SparkSubmission(Artifacts, new SparkSettings(ImmutableSortedDictionary<string, string>.Empty.Add("spark.sql.adaptive.enabled", "true")));
        var logs = options.LogUri is { } uri ? new JobLogs(new LocalObjectStore(uri), TimeSpan.FromMinutes(6), time) : null;
        IStepClusters clusters = options.Cluster is { } own
            ? new TransientCluster(own, client, Artifacts, _ => ValueTask.FromResult("test-lake"), options.LogUri, options.PollInterval, time, new Random(1), NullLogger.Instance)
            : new ConfiguredCluster(options);
        return new EmrStepEngine(options, client, clusters, submission, logs, time, new Random(1), NullLogger.Instance);
    }
}
