using Microsoft.Extensions.Time.Testing;
using Pipeline.Aws.Emr;
using Pipeline.Core;
using static Pipeline.Aws.Tests.ScriptedAws;

namespace Pipeline.Aws.Tests.Emr;

/// <summary>What is made of answers about clusters: above all, whether one may be asked for again.</summary>
public sealed class EmrClusterAnswersSpec
{
    private const string Started = """{"JobFlowId":"j-1","ClusterArn":"arn:aws:elasticmapreduce:eu-central-1:000000000000:cluster/j-1"}""";

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 7, 1, 12, 0, 0, TimeSpan.Zero));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(EmrAnswersSpec.Throttled), MemberType = typeof(EmrAnswersSpec))]
    public async Task A_start_that_was_throttled_is_sent_again(int status, string code, FaultKind kind)
    {
        Assert.Equal("j-1", Assert.IsType<StartClusterOutcome.Started>(await StartAsync(new ScriptedAws(Error(status, code), Answer(200, Started)))).ClusterId);
        Assert.Equal(kind, (await Assert.ThrowsAsync<PipelineException>(() => StartAsync(new ScriptedAws(Error(status, code))))).Kind);
    }

    [Theory, MemberData(nameof(EmrAnswersSpec.Unsettled), MemberType = typeof(EmrAnswersSpec))]
    public async Task A_cluster_that_may_have_been_started_is_not_asked_for_again(int status, string code, FaultKind kind)
    {
        var aws = new ScriptedAws(Error(status, code), Answer(200, Started));

        Assert.Equal(kind, Assert.IsType<StartClusterOutcome.Unknown>(await StartAsync(aws)).Cause.Kind);
        Assert.Equal(1, aws.Requests);
    }

    [Theory]
    [InlineData("""{"ClusterArn":"arn:aws:elasticmapreduce:eu-central-1:000000000000:cluster/j-1"}""")]
    [InlineData("")]
    [InlineData("""{"JobFlowId":"j-""")]
    public async Task An_answer_without_the_clusters_id_leaves_it_unknown(string answer)
    {
        var aws = new ScriptedAws(Answer(200, answer), Answer(200, Started));

        Assert.IsType<StartClusterOutcome.Unknown>(await StartAsync(aws));
        Assert.Equal(1, aws.Requests);
    }

    [Theory, MemberData(nameof(EmrAnswersSpec.Refused), MemberType = typeof(EmrAnswersSpec))]
    public async Task A_start_that_is_refused_is_told_at_once_by_the_clusters_name(int status, string code, FaultKind kind)
    {
        var aws = new ScriptedAws(Error(status, code, date: _time.GetUtcNow()));

        var fault = await Assert.ThrowsAsync<PipelineException>(() => StartAsync(aws));

        Assert.Equal((1, kind), (aws.Requests, fault.Kind));
        Assert.Equal(("A new EMR cluster sales-0f3a/1 in eu-central-1", $"EMR refuses RunJobFlow: {code}: said so"), (fault.Thing, fault.Cause));
    }

    [Fact]
    public async Task Listed_clusters_say_how_and_since_when_they_are()
    {
        var aws = new ScriptedAws(Answer(200, """
            {"Clusters":[{"Id":"j-2","Name":"a","Status":{"State":"TERMINATED_WITH_ERRORS","StateChangeReason":{"Code":"VALIDATION_ERROR","Message":"no quota"},"Timeline":{"CreationDateTime":1782900000.5,"EndDateTime":1782900060}}}],"Marker":"m"}
            """), Answer(200, """{"Clusters":[{"Id":"j-1","Name":"b","Status":{"State":"WAITING","StateChangeReason":{},"Timeline":{"CreationDateTime":1782900000,"ReadyDateTime":1782900300}}}]}"""));
        using var emr = new EmrClient(AwsServices.Settings(), _time, AwsServices.Credentials, aws);

        var clusters = await emr.ListClustersAsync([EmrClusterState.Waiting, EmrClusterState.TerminatedWithErrors], DateTimeOffset.FromUnixTimeMilliseconds(1_500), Cancel).ToListAsync(Cancel);

        Assert.Equal(
            [
                new EmrClusterSummary("j-2", "a", EmrClusterState.TerminatedWithErrors, "VALIDATION_ERROR: no quota", DateTimeOffset.FromUnixTimeMilliseconds(1782900000500), ReadyAt: null, DateTimeOffset.FromUnixTimeSeconds(1782900060)),
                new EmrClusterSummary("j-1", "b", EmrClusterState.Waiting, StateReason: null, DateTimeOffset.FromUnixTimeSeconds(1782900000), DateTimeOffset.FromUnixTimeSeconds(1782900300)),
            ], clusters);
        Assert.Equal(["""{"ClusterStates":["WAITING","TERMINATED_WITH_ERRORS"],"CreatedAfter":1.5}""", """{"ClusterStates":["WAITING","TERMINATED_WITH_ERRORS"],"CreatedAfter":1.5,"Marker":"m"}"""], aws.Bodies);
    }

    [Fact]
    public async Task A_list_of_clusters_that_goes_round_is_none_of_EMRs()
    {
        using var emr = new EmrClient(AwsServices.Settings(), _time, AwsServices.Credentials, new ScriptedAws(Answer(200, """{"Clusters":[],"Marker":"a"}""")));

        Assert.Equal(FaultKind.Unreachable, (await Assert.ThrowsAsync<PipelineException>(async () => await emr.ListClustersAsync([], createdAfter: null, Cancel).ToListAsync(Cancel))).Kind);
    }

    private async Task<StartClusterOutcome> StartAsync(HttpMessageHandler aws)
    {
        using var emr = new EmrClient(AwsServices.Settings(), _time, AwsServices.Credentials, aws);
        return await emr.StartClusterAsync(EmrClientSpec.Cluster("sales-0f3a/1"), Cancel);
    }
}
