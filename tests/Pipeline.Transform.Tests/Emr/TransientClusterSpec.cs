using Amazon.Runtime;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Aws;
using Pipeline.Aws.Emr;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Emulation.Emr;
using Pipeline.Transform.Engines.Emr;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Transform.Tests.Emr;

/// <summary>A pipeline has one cluster, whoever wants it and whatever is lost.</summary>
public sealed class TransientClusterSpec : IAsyncDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly VirtualTime _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly MemoryStore _store = new();
    private readonly EmrService _service;
    private readonly SynchronizationContext? _before = SynchronizationContext.Current;

    public TransientClusterSpec()
    {
        SynchronizationContext.SetSynchronizationContext(null);
        _service = new EmrService(new EmrOptions { Time = _time, ClusterStartsAfter = Minute, ClusterEndsAfter = Minute });
    }

    public async ValueTask DisposeAsync()
    {
        SynchronizationContext.SetSynchronizationContext(_before);
        await _service.DisposeAsync();
    }

    [Fact]
    public void Whatever_happens_there_is_one_cluster_at_a_time_and_one_in_the_end()
    {
        var (first, count) = Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1" ? (0, 10_000) : (0, 150);

        for (var seed = first; seed < first + count; seed++)
        {
            var wrong = ClusterSimulation.Run(seed);
            Assert.True(wrong.Count == 0, $"Schedule {seed}: {string.Join(' ', wrong.Take(3))}");
        }
    }

    [Theory]
    [InlineData(ClusterMutation.ClaimsUnseen)]
    [InlineData(ClusterMutation.ListsTooLate)]
    public void What_would_make_two_is_noticed(object mutation) =>
        Assert.Contains(Enumerable.Range(0, 150), seed => ClusterSimulation.Run(seed, (ClusterMutation)mutation).Any(wrong => wrong.Contains("there are 2 clusters", StringComparison.Ordinal)));

    [Fact]
    public void It_is_started_as_it_is_configured_and_named_after_the_pipeline_and_the_lake()
    {
        using var clusters = Cluster();

        var id = Current(clusters);

        var (listed, name, state) = Assert.Single(_service.Clusters);
        Assert.Equal((listed, "STARTING"), (id, state));
        Assert.Equal(32, ClusterChoice.DrawnOf("sales-0f3a", name)!.Length);
    }

    [Fact]
    public void Others_use_it_and_when_it_has_ended_it_is_searched_for_steps_and_a_new_one_is_started()
    {
        using var one = Cluster();
        using var other = Cluster();
        var first = Current(one);
        var same = Current(other);
        _service.TerminateCluster(first);
        Assert.Null(one.Ended(new EmrCluster(first, "", EmrClusterState.Terminating, null, null, null, 1), new PipelineException(FaultKind.Invalid, "it", "has ended", "Go on.")));

        var waits = Run(one.CurrentAsync(CancellationToken.None));
        var second = Current(one);

        Assert.Equal(first, same);
        Assert.Contains("was told to end and has not ended", Assert.IsType<CurrentCluster.None>(waits).Why, StringComparison.Ordinal);
        Assert.NotEqual(first, second);
        Assert.Equal([first, second], Run(one.WithStepsAsync(_time.GetUtcNow().AddHours(-1), CancellationToken.None)));
        Assert.Equal([second], Run(one.WithStepsAsync(_time.GetUtcNow(), CancellationToken.None)));
    }

    [Fact]
    public void One_that_has_not_come_up_is_told_with_its_reason_and_another_is_started_later_and_later()
    {
        using var clusters = Cluster();
        _service.Faults.FailClusters("No quota for m5.2xlarge.", "No quota for m5.2xlarge.", "No quota for m5.2xlarge.");
        List<DateTimeOffset> started = [];
        PipelineException? told = null;
        while (started.Count < 4)
        {
            try
            {
                var id = Current(clusters);
                if (!started.Contains(_time.GetUtcNow())) started.Add(_time.GetUtcNow());
                Pass(5 * Minute);
                clusters.Ended(new EmrCluster(id, "", EmrClusterState.TerminatedWithErrors, null, null, null, 1), new PipelineException(FaultKind.Invalid, "it", "has ended", "Go on."));
            }
            catch (PipelineException e)
            {
                told = e;
                Pass(Minute);
            }
        }

        Assert.Equal((FaultKind.Invalid, "it has not come up: VALIDATION_ERROR: No quota for m5.2xlarge"), (told!.Kind, told.Cause));
        Assert.Equal(4, _service.Clusters.Count);
        // A cluster fails two minutes after it was started; then 5, 10 and 20 minutes.
        Assert.Equal([7, 12, 22], started.Zip(started.Skip(1), (before, after) => (int)((after - before).TotalMinutes)));
    }

    [Fact]
    public void What_is_not_set_is_as_the_documentation_says_and_what_is_wrong_is_told_with_its_place()
    {
        var (byDefault, none) = Bind("");
        var (set, wrong) = Bind("""
            instances = 3, release = emr-7.1.0, scaling { instances-min = 2, instances-max = 8, core-max = 4 }, tags { team = data }
            configurations { spark-defaults { "spark.driver.memory" = 4g } }, security-groups { primary = sg-1, core = sg-2 }
            """);
        var asked = byDefault.ToNew("n", null, []);

        Assert.Empty(none.Concat(wrong));
        Assert.Equal(("emr-6.15.0", "m5.2xlarge", 5, 4, TimeSpan.FromHours(1)), (asked.ReleaseLabel, asked.InstanceType, asked.Instances, asked.StepConcurrency, asked.IdleTimeout));
        Assert.Equal(["Hadoop", "Hive", "Spark"], asked.Applications);
        Assert.Equal("true", asked.Configurations["delta-defaults"]["delta.enabled"]);
        Assert.Equal(new EmrScalingLimits(2, 8, 4), set.Scaling);
        Assert.Equal(["delta-defaults", "spark-defaults"], set.Configurations.Keys);
        Assert.Equal("4g", set.Configurations["spark-defaults"]["spark.driver.memory"]);
        foreach (var (text, path) in ((string, string)[])[("release = 6.15.0", "release"), ("applications = [Hive]", "applications"), ("scaling { instances-min = 5, instances-max = 4 }", "scaling.instances-max"), ("colour = red", "colour")])
            Assert.Equal($"cluster.{path}", Assert.Single(Bind(text).Problems).Path);
    }

    private static (EmrClusterOptions Options, List<ConfigProblem> Problems) Bind(string text)
    {
        var problems = new List<ConfigProblem>();
        return (EmrClusterOptions.Bind(new SettingsReader(HoconReader.Read("a.conf", _ => $"cluster {{ {text} }}", _ => null), "", problems))!, problems);
    }

    private TransientCluster Cluster()
    {
        var client = new EmrClient(new AwsSettings { Region = "eu-central-1", Endpoint = new Uri("http://emr.simulated") }, _time, new BasicAWSCredentials("test", "test"), new EmrMessageHandler(_service));
        return new TransientCluster(new EmrClusterOptions(), client, new JobArtifacts(_store), _ => ValueTask.FromResult("sales-0f3a"), logUri: null, TimeSpan.FromSeconds(10), _time, new Random(1), NullLogger.Instance);
    }

    /// <summary>Asks until there is one.</summary>
    private string Current(TransientCluster clusters)
    {
        while (true)
            if (Run(clusters.CurrentAsync(CancellationToken.None)) is CurrentCluster.Takes { Id: var id }) return id;
    }

    private T Run<T>(ValueTask<T> work)
    {
        var task = work.AsTask();
        while (!task.IsCompleted) Assert.True(_time.Step(_time.GetUtcNow().AddHours(1)));
        return task.GetAwaiter().GetResult();
    }

    private void Pass(TimeSpan span)
    {
        var end = _time.GetUtcNow() + span;
        while (_time.Step(end)) { }
    }
}
