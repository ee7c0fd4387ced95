using System.Net;
using System.Net.Sockets;
using Amazon.Runtime;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Aws.Emr;
using Pipeline.Core;
using static Pipeline.Aws.Tests.ScriptedAws;

namespace Pipeline.Aws.Tests.Emr;

/// <summary>What is made of what AWS, or somebody on the way, answers: above all, whether steps may be sent again.</summary>
public sealed class EmrAnswersSpec
{
    private const string Added = """{"StepIds":["s-1"]}""";

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 7, 1, 12, 0, 0, TimeSpan.Zero));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<int, string, FaultKind> Throttled => new()
    {
        { 400, "ThrottlingException", FaultKind.Unreachable },
        { 400, "Throttling", FaultKind.Unreachable },
        { 400, "RequestLimitExceeded", FaultKind.Unreachable },
        { 400, "com.amazonaws.elasticmapreduce#TooManyRequestsException", FaultKind.Unreachable },
        { 503, "SlowDown", FaultKind.Unreachable },
        { 429, "Unheard", FaultKind.Unreachable },
    };

    public static TheoryData<int, string, FaultKind> Unsettled => new()
    {
        { 400, "InternalServerError", FaultKind.Unreachable },
        { 500, "InternalServerException", FaultKind.Unreachable },
        { 500, "InternalFailure", FaultKind.Unreachable },
        { 503, "ServiceUnavailable", FaultKind.Unreachable },
        { 408, "RequestTimeout", FaultKind.Unreachable },
        { 502, "Unheard", FaultKind.Unreachable },
        { 504, "Unheard", FaultKind.Unreachable },
    };

    public static TheoryData<int, string, FaultKind> Refused => new()
    {
        { 400, "AccessDeniedException", FaultKind.NotAuthorised },
        { 403, "AccessDenied", FaultKind.NotAuthorised },
        { 400, "UnrecognizedClientException", FaultKind.NotAuthorised },
        { 403, "InvalidClientTokenId", FaultKind.NotAuthorised },
        { 403, "MissingAuthenticationTokenException", FaultKind.NotAuthorised },
        { 400, "InvalidSignatureException", FaultKind.NotAuthorised },
        { 403, "SignatureDoesNotMatch", FaultKind.NotAuthorised },
        { 403, "RequestExpired", FaultKind.NotAuthorised },
        { 400, "ValidationException", FaultKind.Invalid },
        { 400, "InvalidRequestException", FaultKind.Invalid },
        { 409, "ConflictException", FaultKind.Invalid },
        { 404, "ResourceNotFoundException", FaultKind.Missing },
        { 402, "ServiceQuotaExceededException", FaultKind.Unreachable },
        { 400, "NewKindOfException", FaultKind.Unreachable },
    };

    [Theory, MemberData(nameof(Throttled))]
    public async Task What_was_throttled_is_sent_again(int status, string code, FaultKind kind)
    {
        var once = new ScriptedAws(Error(status, code), Error(status, code), Answer(200, Added));
        var always = new ScriptedAws(Error(status, code));

        Assert.Equal(["s-1"], Assert.IsType<AddStepsOutcome.Added>(await AddAsync(once)).StepIds);
        Assert.Equal(kind, (await Assert.ThrowsAsync<PipelineException>(() => AddAsync(always))).Kind);
        Assert.Equal(4, always.Requests);
    }

    [Theory, MemberData(nameof(Unsettled))]
    public async Task Steps_that_may_have_been_added_are_not_sent_again(int status, string code, FaultKind kind)
    {
        var adding = new ScriptedAws(Error(status, code), Answer(200, Added));
        var asking = new ScriptedAws(Error(status, code), Answer(200, """{"Steps":[]}"""));

        Assert.Equal(kind, Assert.IsType<AddStepsOutcome.Unknown>(await AddAsync(adding)).Cause.Kind);
        Assert.Equal(1, adding.Requests);
        Assert.Empty(await ListAsync(asking));
        Assert.Equal(2, asking.Requests);
    }

    [Theory, MemberData(nameof(Refused))]
    public async Task What_was_refused_is_said_at_once(int status, string code, FaultKind kind)
    {
        var aws = new ScriptedAws(Error(status, code, date: _time.GetUtcNow()));

        var fault = await Assert.ThrowsAsync<PipelineException>(() => AddAsync(aws));

        Assert.Equal(1, aws.Requests);
        Assert.Equal(kind, fault.Kind);
        Assert.Equal($"EMR refuses AddJobFlowSteps: {code}: said so", fault.Cause);
        Assert.EndsWith(".", fault.NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Errors_are_read_from_the_header_as_well()
    {
        var aws = new ScriptedAws(Answer(400, """{"message":"Rate exceeded"}""", errorType: "ThrottlingException:http://internal.amazon.com/coral/"), Answer(200, Added));

        Assert.IsType<AddStepsOutcome.Added>(await AddAsync(aws));
    }

    public static TheoryData<string> Lost => new("reset", "cut", "page", "nothing", "other", "broken", "proxy");

    [Theory, MemberData(nameof(Lost))]
    public async Task An_answer_that_was_lost_leaves_it_unknown(string how)
    {
        var aws = new ScriptedAws(how switch
        {
            "reset" => Throw(new HttpRequestException(HttpRequestError.ResponseEnded, "The response ended prematurely.")),
            "cut" => Throw(new HttpRequestException("Error while copying content to a stream.", new IOException("reset", new SocketException()))),
            "page" => Answer(200, "<html>Welcome</html>", "text/html"),
            "nothing" => Answer(200, ""),
            "other" => Answer(200, """{"StepIds":["s-1","s-2"]}"""),
            "broken" => Answer(200, """{"StepIds":["s-"""),
            _ => Answer(403, "<html>Blocked</html>", "text/html"),
        }, Answer(200, Added));

        Assert.Equal(FaultKind.Unreachable, Assert.IsType<AddStepsOutcome.Unknown>(await AddAsync(aws)).Cause.Kind);
        Assert.Equal(1, aws.Requests);
    }

    [Fact]
    public async Task What_never_left_is_sent_again()
    {
        var aws = new ScriptedAws(
            Throw(new HttpRequestException(HttpRequestError.ConnectionError, "Connection refused")), Throw(new HttpRequestException(HttpRequestError.NameResolutionError, "No such host")), Answer(200, Added));

        Assert.IsType<AddStepsOutcome.Added>(await AddAsync(aws));
        Assert.Equal(3, aws.Requests);
    }

    [Fact]
    public async Task A_port_where_nobody_listens_is_no_lost_answer()
    {
        using var emr = new EmrClient(AwsServices.Settings(new Uri("http://127.0.0.1:1")), TimeProvider.System, AwsServices.Credentials);

        var fault = await Assert.ThrowsAsync<PipelineException>(() => emr.AddStepsAsync("j-1", [EmrClientSpec.Step(0)], executionRoleArn: null, Cancel));

        Assert.Equal((FaultKind.Unreachable, "EMR at 127.0.0.1:1"), (fault.Kind, fault.Dependency));
    }

    /// <summary>Whoever asked is told, and asks on; being throttled is an answer, for which there is more patience.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_service_that_is_away_is_told_after_a_while_and_a_busy_one_is_asked_on(bool isAway)
    {
        var answer = isAway ? Throw(new HttpRequestException(HttpRequestError.ConnectionError, "Connection refused")) : Error(400, "ThrottlingException");
        var aws = new ScriptedAws([.. Enumerable.Repeat(answer, 20), Answer(200, Added)]);
        var settings = AwsServices.Settings() with
        {
            AwayMax = TimeSpan.FromMilliseconds(200), Retry = new Core.RetryPolicy { BackoffMin = TimeSpan.FromMilliseconds(50), Factor = 1, Jitter = 0 },
        };
        using var emr = new EmrClient(settings, TimeProvider.System, AwsServices.Credentials, aws);
        var adding = emr.AddStepsAsync("j-1", [EmrClientSpec.Step(0)], executionRoleArn: null, Cancel);

        if (isAway) Assert.Equal(FaultKind.Unreachable, (await Assert.ThrowsAsync<PipelineException>(() => adding)).Kind);
        else Assert.IsType<AddStepsOutcome.Added>(await adding);
        Assert.Equal(!isAway, aws.Requests == 21);
        if (isAway) Assert.InRange(aws.Requests, 1, 4);
    }

    [Fact]
    public async Task Silence_has_an_end_and_leaves_it_unknown()
    {
        var silence = new SilentAws();
        using var emr = new EmrClient(AwsServices.Settings(), _time, AwsServices.Credentials, silence);

        var adding = emr.AddStepsAsync("j-1", [EmrClientSpec.Step(0)], executionRoleArn: null, Cancel);
        await silence.Asked.WaitAsync(Cancel);
        Assert.False(adding.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(30));

        Assert.Contains("nothing came within 30 s", Assert.IsType<AddStepsOutcome.Unknown>(await adding).Cause.Cause, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Maximum number of active steps(State = 'Running', 'Pending' or 'Cancel_Pending') for cluster exceeded.", typeof(AddStepsOutcome.NoRoom))]
    [InlineData("A job flow that is shutting down, terminated, or finished may not be modified.", typeof(AddStepsOutcome.ClusterEnded))]
    public async Task What_the_cluster_cannot_take_is_an_outcome(string said, Type outcome)
    {
        var aws = new ScriptedAws(Error(400, "ValidationException", said));

        Assert.IsType(outcome, await AddAsync(aws));
        Assert.Equal(1, aws.Requests);
    }

    [Theory]
    [InlineData("ValidationException", "Specified job flow ID does not exist.")]
    [InlineData("InvalidRequestException", "Cluster id 'j-1' is not valid.")]
    public async Task A_cluster_that_is_not_there_is_missing(string code, string said) =>
        Assert.Equal(FaultKind.Missing, (await Assert.ThrowsAsync<PipelineException>(() => AddAsync(new ScriptedAws(Error(400, code, said))))).Kind);

    [Theory]
    [InlineData("RequestTimeTooSkewed")]
    [InlineData("InvalidSignatureException")]
    [InlineData("RequestExpired")]
    public async Task A_wrong_clock_is_set_by_AWSs(string code)
    {
        var theirs = _time.GetUtcNow().AddHours(-1);
        var aws = new ScriptedAws(Error(403, code, date: theirs), Answer(200, Added));
        using var emr = Client(aws);

        Assert.IsType<AddStepsOutcome.Added>(await emr.AddStepsAsync("j-1", [EmrClientSpec.Step(0)], executionRoleArn: null, Cancel));
        _time.Advance(TimeSpan.FromMinutes(1));
        await emr.AddStepsAsync("j-1", [EmrClientSpec.Step(1)], executionRoleArn: null, Cancel);

        Assert.Equal([_time.Start, theirs, theirs.AddMinutes(1)], aws.SignedAt);
    }

    [Fact]
    public async Task Credentials_that_have_run_out_are_fetched_anew()
    {
        var credentials = new RenewedCredentials();
        var aws = new ScriptedAws(Error(400, "ExpiredTokenException"), Answer(200, Added));
        using var emr = new EmrClient(AwsServices.Settings(), _time, credentials, aws);

        Assert.IsType<AddStepsOutcome.Added>(await emr.AddStepsAsync("j-1", [EmrClientSpec.Step(0)], executionRoleArn: null, Cancel));

        Assert.Equal(2, credentials.Given);
    }

    [Fact]
    public async Task Credentials_that_stay_expired_are_said()
    {
        var aws = new ScriptedAws(Error(400, "ExpiredTokenException"));

        Assert.Equal(FaultKind.NotAuthorised, (await Assert.ThrowsAsync<PipelineException>(() => AddAsync(aws))).Kind);
        Assert.Equal(4, aws.Requests);
    }

    /// <summary>AWS answers a wrong signature with what it has signed itself, the session's token in it.</summary>
    [Theory]
    [InlineData("The signature does not match. The Canonical String for this request should have been 'POST x-amz-security-token:TOKENTOKEN'")]
    [InlineData("Value 'TOKENTOKEN' at 'x' failed; AKIDAKID with SECRETSECRET")]
    public async Task No_secret_is_in_an_error(string said)
    {
        var aws = new ScriptedAws(Error(403, "SignatureDoesNotMatch", said, _time.GetUtcNow()));
        using var emr = new EmrClient(AwsServices.Settings(), _time, new SessionAWSCredentials("AKIDAKID", "SECRETSECRET", "TOKENTOKEN"), aws);

        var fault = await Assert.ThrowsAsync<PipelineException>(() => emr.DescribeClusterAsync("j-1", Cancel));

        foreach (var secret in new[] { "AKIDAKID", "SECRETSECRET", "TOKENTOKEN" }) Assert.DoesNotContain(secret, fault.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_listing_that_goes_round_is_none_of_EMRs()
    {
        var aws = new ScriptedAws(Answer(200, """{"Steps":[],"Marker":"a"}"""));

        Assert.Equal(FaultKind.Unreachable, (await Assert.ThrowsAsync<PipelineException>(() => ListAsync(aws))).Kind);
    }

    [Fact]
    public async Task Whether_each_wish_to_cancel_was_taken_is_told()
    {
        using var emr = Client(new ScriptedAws(Answer(200, """{"CancelStepsInfoList":[{"StepId":"s-1","Status":"SUBMITTED"},{"StepId":"s-2","Status":"FAILED","Reason":"Step is already terminated."}]}""")));

        Assert.Equal([new EmrStepCancellation("s-1", Refusal: null), new EmrStepCancellation("s-2", "Step is already terminated.")],
            await emr.CancelStepsAsync("j-1", ["s-1", "s-2"], EmrStepCancellationOption.SendInterrupt, Cancel));
    }

    [Fact]
    public async Task A_state_that_is_not_known_is_none_that_has_ended()
    {
        var aws = new ScriptedAws(Answer(200, """{"Steps":[{"Id":"s-1","Name":"a","Status":{"State":"HIBERNATED"}}]}"""));

        var step = Assert.Single(await ListAsync(aws));

        Assert.Equal((EmrStepState.Other, false), (step.State, step.State.IsTerminal()));
    }

    [Fact]
    public async Task What_EMR_says_of_a_failure_is_kept()
    {
        var aws = new ScriptedAws(Answer(200, """
            {"Steps":[{"Id":"s-1","Name":"a","Config":{"Jar":"command-runner.jar","Args":["x"]},"LogUri":"s3://logs/s-1/","Status":{"State":"FAILED","StateChangeReason":{"Code":"NONE","Message":"it says"},
            "FailureDetails":{"Reason":"Unknown Error","Message":"out of it","LogFile":"s3://logs/stderr.gz"},"Timeline":{"CreationDateTime":1.7829E9,"StartDateTime":1782900000.5,"EndDateTime":1782900060}}}]}
            """));

        var step = Assert.Single(await ListAsync(aws));

        Assert.Equal(new EmrFailureDetails("Unknown Error", "out of it", "s3://logs/stderr.gz"), step.Failure);
        Assert.Equal((EmrStepState.Failed, "it says", "s3://logs/s-1/"), (step.State, step.StateReason, step.LogUri));
        Assert.Equal(DateTimeOffset.FromUnixTimeMilliseconds(1782900000500), step.StartedAt);
        Assert.Equal(TimeSpan.FromSeconds(59.5), step.EndedAt - step.StartedAt);
    }

    private EmrClient Client(HttpMessageHandler aws) => new(AwsServices.Settings(), _time, AwsServices.Credentials, aws);

    private async Task<AddStepsOutcome> AddAsync(HttpMessageHandler aws)
    {
        using var emr = Client(aws);
        return await emr.AddStepsAsync("j-1", [EmrClientSpec.Step(0)], executionRoleArn: null, Cancel);
    }

    private async Task<List<EmrStep>> ListAsync(HttpMessageHandler aws)
    {
        using var emr = Client(aws);
        return await emr.ListStepsAsync("j-1", EmrStepStates.Active, Cancel).ToListAsync(Cancel);
    }

    /// <summary>Takes requests and says nothing.</summary>
    private sealed class SilentAws : HttpMessageHandler
    {
        public SemaphoreSlim Asked { get; } = new(0);

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Asked.Release();
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return new HttpResponseMessage(HttpStatusCode.OK);
        }
    }

    /// <summary>As a role gives them out: others each time that they are asked for.</summary>
    private sealed class RenewedCredentials : RefreshingAWSCredentials
    {
        public int Given { get; private set; }

        protected override Task<CredentialsRefreshState> GenerateNewCredentialsAsync()
        {
            Given++;
            return Task.FromResult(new CredentialsRefreshState(new ImmutableCredentials("test", "test", $"token-{Given}"), DateTime.MaxValue));
        }

        protected override CredentialsRefreshState GenerateNewCredentials() => throw new NotSupportedException();
    }
}
