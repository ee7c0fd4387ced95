using Amazon.Runtime;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Aws;
using Pipeline.Aws.Emr;
using Pipeline.Core;
using Pipeline.Emulation.Emr;
using Pipeline.Transform.Engines.Emr;
using Pipeline.Transform.Jobs.Remote;
using RetryPolicy = Pipeline.Core.RetryPolicy;

namespace Pipeline.Transform.Tests.Emr;

/// <summary>What is made wrong on purpose, so that the oracle is seen to notice it.</summary>
internal enum ClusterMutation
{
    None,

    /// <summary>Each coordinator has artifacts of its own, so that none sees another's claims.</summary>
    ClaimsUnseen,

    /// <summary>Clusters come into lists later than is counted on.</summary>
    ListsTooLate,
}

/// <summary>
/// One schedule: one to three coordinators that do not know of each other want a cluster, while processes die and stand still, requests and answers are
/// lost, clusters end, do not come up, and show late in lists. Then it is calm. On one thread, in virtual time.
/// </summary>
internal sealed class ClusterSimulation
{
    private const string Name = "simulated-0f3a";

    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Chaos = TimeSpan.FromMinutes(40);
    private static readonly TimeSpan End = TimeSpan.FromHours(8);

    private readonly int _seed;
    private readonly Random _random;
    private readonly ClusterMutation _mutation;
    private readonly VirtualTime _time = new(Start);
    private readonly MemoryStore _artifacts = new();
    private readonly EmrService _service;
    private readonly Dictionary<int, string?> _uses = [];
    private readonly List<Task> _ended = [];

    private ClusterSimulation(int seed, ClusterMutation mutation)
    {
        (_seed, _random, _mutation) = (seed, new Random(seed), mutation);
        _service = new EmrService(new EmrOptions
        {
            Time = _time,
            ClusterStartsAfter = Seconds(1, 200),
            ClusterEndsAfter = Seconds(1, 200),
            ClusterShowsAfter = mutation == ClusterMutation.ListsTooLate ? TimeSpan.FromMinutes(30) : Seconds(0, 30),
        });
        _service.Faults.Chance = FaultOf;
    }

    private bool IsCalm => _time.GetUtcNow() >= Start + Chaos;

    /// <summary>What was wrong with a schedule; none: all was well.</summary>
    public static IReadOnlyList<string> Run(int seed, ClusterMutation mutation = ClusterMutation.None)
    {
        var before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            return new ClusterSimulation(seed, mutation).Run();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    private List<string> Run()
    {
        for (var i = _random.Next(1, 4); i > 0; i--)
        {
            _uses[i] = null;
            Begin(i);
        }

        for (var i = _random.Next(4); i > 0; i--) Later(Seconds(60, 2400), EndCluster);
        if (Chance(0.3)) Later(Seconds(1, 2400), () => _service.Faults.FailClusters("The account has no quota."));

        while (!IsDone() && _time.Step(Start + End))
        {
            if (_time.Intruder is { } intruder) throw new InvalidOperationException($"Schedule {_seed} has left its thread: {intruder}");
            if (_ended.Find(task => task.IsFaulted) is { } broken) throw new InvalidOperationException($"A coordinator of schedule {_seed} has broken.", broken.Exception!.InnerException);
        }

        return Judge();
    }

    /// <summary>All use the one that there is.</summary>
    private bool IsDone() => IsCalm && Live() is [var one] && _uses.Values.All(used => used == one);

    private IReadOnlyList<string> Live() => [.. _service.Clusters.Where(cluster => !cluster.State.StartsWith("TERMINATED", StringComparison.Ordinal)).Select(cluster => cluster.Id)];

    /// <summary>From the emulated service's own log alone.</summary>
    private List<string> Judge()
    {
        List<string> wrong = [];
        HashSet<string> live = new(StringComparer.Ordinal);
        foreach (var happened in _service.Log.Events.Where(happened => happened.What == "cluster"))
        {
            if (happened.State!.StartsWith("TERMINATED", StringComparison.Ordinal)) live.Remove(happened.Cluster!);
            else live.Add(happened.Cluster!);
            if (live.Count > 1) wrong.Add($"At {happened.At - Start} there are {live.Count} clusters: {string.Join(", ", live)}.");
            if (!happened.Name!.StartsWith($"{Name}/", StringComparison.Ordinal)) wrong.Add($"A cluster is called {happened.Name}.");
        }

        if (!IsDone()) wrong.Add($"At {_time.GetUtcNow() - Start} the clusters {string.Join(", ", Live())} are there, and {string.Join(", ", _uses.Values.Select(used => used ?? "none"))} are used.");
        return wrong;
    }

    private void Begin(int number)
    {
        var process = new SimulatedProcess(_time, Fate, _ =>
        {
            _uses[number] = null;
            Later(Seconds(1, 120), () => Begin(number));
        });
        _ended.Add(WantAsync(number, process, _mutation == ClusterMutation.ClaimsUnseen ? new MemoryStore() : _artifacts));
    }

    /// <summary>Wants a cluster, looks from time to time whether the one it has takes steps, and says so when it does not.</summary>
    private async Task WantAsync(int number, SimulatedProcess process, MemoryStore store)
    {
        var settings = new AwsSettings
        {
            Region = "eu-central-1", Endpoint = new Uri("http://emr.simulated"),
            Retry = new RetryPolicy { BackoffMin = TimeSpan.FromMilliseconds(500), BackoffMax = TimeSpan.FromSeconds(20), Jitter = 0, AttemptsMax = 8, TimeMax = TimeSpan.FromMinutes(1) },
        };
        var client = new EmrClient(settings, _time, new BasicAWSCredentials("test", "test"), new ProcessTransport(process, new EmrMessageHandler(_service)));
        var clusters = new TransientCluster(new EmrClusterOptions { IdleTimeout = TimeSpan.FromMinutes(15) }, client, new JobArtifacts(new ProcessStore(process, store)),
            _ => ValueTask.FromResult(Name), "s3://logs/", TimeSpan.FromSeconds(10), _time, _random, NullLogger.Instance);
        while (true)
        {
            try
            {
                if (await clusters.CurrentAsync(CancellationToken.None) is CurrentCluster.Takes { Id: var id })
                {
                    var described = await client.DescribeClusterAsync(id, CancellationToken.None);
                    if (described.State.TakesSteps()) _uses[number] = id;
                    else clusters.Ended(described, new PipelineException(FaultKind.Invalid, "cluster", "it has ended", "Go on."));
                }
            }
            catch (PipelineException)
            {
                // As a run that has failed: it comes again.
            }

            await Task.Delay(Seconds(10, 40), _time);
        }
    }

    private void EndCluster()
    {
        if (Live() is [var cluster, ..]) _service.TerminateCluster(cluster, isFailure: Chance(0.5));
    }

    private EmrFault? FaultOf(string operation)
    {
        if (IsCalm || !Chance(operation == "RunJobFlow" ? 0.5 : 0.1)) return null;
        EmrFaultKind[] kinds = operation == "RunJobFlow"
            ? [EmrFaultKind.LoseAnswer, EmrFaultKind.LoseRequest, EmrFaultKind.ActLate, EmrFaultKind.ActLate, EmrFaultKind.Throttle, EmrFaultKind.InternalError]
            : [EmrFaultKind.Throttle, EmrFaultKind.Unavailable, EmrFaultKind.LoseAnswer];
        return new EmrFault(kinds[_random.Next(kinds.Length)], Seconds(1, 290));
    }

    private (Mishap Mishap, TimeSpan For) Fate() =>
        IsCalm || !Chance(0.03) ? (Mishap.None, default) : ((Mishap)_random.Next(1, 5), Seconds(1, 900));

    private bool Chance(double share) => _random.NextDouble() < share;

    private TimeSpan Seconds(int min, int max) => TimeSpan.FromSeconds(_random.Next(min, max + 1));

    private void Later(TimeSpan delay, Action act)
    {
        ITimer? timer = null;
        timer = _time.CreateTimer(_ =>
        {
            timer?.Dispose();
            act();
        }, null, delay, Timeout.InfiniteTimeSpan);
    }
}
