using Amazon.Runtime;
using Pipeline.Aws.Emr;
using Pipeline.Core;

namespace Pipeline.Aws.Tests.Emr;

/// <summary>Every request is compared with AWS's own model of EMR and of its signatures.</summary>
public sealed class EmrClientSpec(AwsServices aws)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_request_is_one_of_EMRs()
    {
        await using var check = await aws.CheckAsync(Cancel);
        using var emr = new EmrClient(AwsServices.Settings(check.Url), TimeProvider.System, AwsServices.Credentials);
        var cluster = await aws.ClusterAsync(Cancel);

        var added = Assert.IsType<AddStepsOutcome.Added>(await emr.AddStepsAsync(cluster, [.. Enumerable.Range(0, 60).Select(Step)], executionRoleArn: null, Cancel));
        var withRole = Assert.IsType<AddStepsOutcome.Added>(await emr.AddStepsAsync(cluster, [Step(60)], "arn:aws:iam::123456789012:role/silver", Cancel));
        List<EmrStep> listed = await emr.ListStepsAsync(cluster, EmrStepStates.Active, Cancel).ToListAsync(Cancel);
        var everything = await emr.ListStepsAsync(cluster, [], Cancel).ToListAsync(Cancel);
        var found = await emr.FindStepsAsync(cluster, [.. added.StepIds.Take(25)], Cancel);
        // moto cannot do it: the request is looked at all the same.
        await Assert.ThrowsAsync<PipelineException>(() => emr.CancelStepsAsync(cluster, [.. added.StepIds.Skip(58)], EmrStepCancellationOption.TerminateProcess, Cancel));
        var described = await emr.DescribeClusterAsync(cluster, Cancel);
        var name = $"sales-0f3a/{Guid.NewGuid():N}";
        var started = Assert.IsType<StartClusterOutcome.Started>(await emr.StartClusterAsync(Cluster(name), Cancel));
        var smallest = await emr.StartClusterAsync(new NewEmrCluster($"{name}3", "emr-6.15.0", "m5.xlarge", 1) { ServiceRole = "service", InstanceProfile = "instances" }, Cancel);
        var clusters = await emr.ListClustersAsync(EmrClusterStates.Active, TimeProvider.System.GetUtcNow().AddHours(-1), Cancel).ToListAsync(Cancel);
        var allClusters = await emr.ListClustersAsync([], createdAfter: null, Cancel).ToListAsync(Cancel);

        Assert.Equal(started.ClusterId, clusters.Single(listed => listed.Name == name).Id);
        Assert.Equal(Assert.IsType<StartClusterOutcome.Started>(smallest).ClusterId, allClusters.Single(listed => listed.Name == $"{name}3").Id);
        Assert.Equal(60, added.StepIds.Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(61, listed.Select(step => step.Id).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(61, everything.Count);
        Assert.Equal(added.StepIds.Take(25).Order(StringComparer.Ordinal), found.Select(step => step.Id).Order(StringComparer.Ordinal));
        Assert.Equal("lake-1/silver/orders/7/0", listed.Single(step => step.Id == added.StepIds[0]).Name);
        Assert.Equal(["spark-submit", "--sha256", "ö\"<&>"], listed.Single(step => step.Id == withRole.StepIds[0]).Args);
        Assert.Equal((cluster, "silver", "emr-6.15.0"), (described.Id, described.Name, described.ReleaseLabel));
        Assert.NotEqual(EmrClusterState.Other, described.State);
        var verdicts = await check.EndAsync();
        Assert.Equal(["AddJobFlowSteps", "CancelSteps", "DescribeCluster", "ListClusters", "ListSteps", "RunJobFlow"], verdicts.Select(verdict => verdict.Operation).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
        Assert.All(verdicts, verdict => Assert.True(verdict is { Request.Count: 0, Service: "emr" }, verdict.ToString()));
    }

    [Fact]
    public async Task A_session_token_is_signed_with_the_request()
    {
        await using var check = await aws.CheckAsync(Cancel);
        using var emr = new EmrClient(AwsServices.Settings(check.Url), TimeProvider.System, new SessionAWSCredentials("test", "test", "token/of+a=session"));

        await emr.DescribeClusterAsync(await aws.ClusterAsync(Cancel), Cancel);

        var verdict = Assert.Single(await check.EndAsync());
        Assert.True(verdict.Request.Count == 0, verdict.ToString());
    }

    [Fact]
    public async Task A_wrong_secret_would_be_noticed()
    {
        await using var check = await aws.CheckAsync(Cancel, secret: "another");
        using var emr = new EmrClient(AwsServices.Settings(check.Url), TimeProvider.System, AwsServices.Credentials);

        await emr.DescribeClusterAsync(await aws.ClusterAsync(Cancel), Cancel);

        Assert.Contains("SignatureDoesNotMatch", Assert.Single(await check.EndAsync()).Request);
    }

    [Fact]
    public async Task A_cluster_that_is_not_there_is_missing_and_named()
    {
        using var emr = new EmrClient(AwsServices.Settings(await aws.UrlAsync(Cancel)), TimeProvider.System, AwsServices.Credentials);

        var fault = await Assert.ThrowsAsync<PipelineException>(() => emr.DescribeClusterAsync("j-NONE", Cancel));

        Assert.Equal((FaultKind.Missing, "EMR cluster j-NONE in eu-central-1"), (fault.Kind, fault.Thing));
        Assert.Contains("Cluster id 'j-NONE' is not valid", fault.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_step_whose_arguments_are_too_long_is_refused_before_it_is_sent()
    {
        using var emr = new EmrClient(AwsServices.Settings(new Uri("http://127.0.0.1:1")), TimeProvider.System, AwsServices.Credentials);

        var fault = await Assert.ThrowsAsync<PipelineException>(() => emr.AddStepsAsync("j-1", [new NewEmrStep("a", "command-runner.jar", [new string('x', 10_240)])], executionRoleArn: null, Cancel));

        Assert.Equal(FaultKind.Invalid, fault.Kind);
    }

    /// <summary>With everything that a cluster may have.</summary>
    internal static NewEmrCluster Cluster(string name) => new(name, "emr-6.15.0", "m5.2xlarge", 5)
    {
        Applications = ["Hadoop", "Hive", "Spark"],
        ServiceRole = "arn:aws:iam::123456789012:role/emr-service",
        InstanceProfile = "emr-instances",
        SubnetId = "subnet-0123456789abcdef0",
        PrimarySecurityGroup = "sg-0123456789abcdef0",
        CoreSecurityGroup = "sg-0123456789abcdef1",
        ServiceSecurityGroup = "sg-0123456789abcdef2",
        LogUri = "s3://logs/emr/",
        Configurations = new Dictionary<string, IReadOnlyDictionary<string, string>>(StringComparer.Ordinal) { ["delta-defaults"] = new Dictionary<string, string>(StringComparer.Ordinal) { ["delta.enabled"] = "true" } },
        Tags = new Dictionary<string, string>(StringComparer.Ordinal) { ["team"] = "data" },
        StepConcurrency = 4,
        IdleTimeout = TimeSpan.FromHours(1),
        Scaling = new EmrScalingLimits(2, 10, 4),
    };

    internal static NewEmrStep Step(int execution) => new($"lake-1/silver/orders/7/{execution}", "command-runner.jar", ["spark-submit", "--sha256", "ö\"<&>"]);
}
