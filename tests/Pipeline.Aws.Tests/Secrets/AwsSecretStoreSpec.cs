using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Aws.Secrets;
using Pipeline.Core;
using static Pipeline.Aws.Tests.ScriptedAws;

namespace Pipeline.Aws.Tests.Secrets;

/// <summary>References to secrets of AWS become values; every request is compared with AWS's own models and its signatures.</summary>
public sealed class AwsSecretStoreSpec(AwsServices services)
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 7, 1, 12, 0, 0, TimeSpan.Zero));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_request_is_one_of_Secrets_Manager_and_of_the_Parameter_Store()
    {
        await using var check = await services.CheckAsync(Cancel);
        var arn = (await PutAsync("secretsmanager", "secretsmanager.CreateSecret", new { Name = "pipeline/shop/kafka", SecretString = """{"username":"reader","password":"s3cr3t","port":9093}""" })).GetProperty("ARN").GetString()!;
        await PutAsync("secretsmanager", "secretsmanager.CreateSecret", new { Name = "pipeline/shop/key", SecretBinary = Convert.ToBase64String("-----BEGIN"u8) });
        await PutAsync("ssm", "AmazonSSM.PutParameter", new { Name = "/pipeline/shop/token", Value = "t0ken", Type = "SecureString" });
        using var store = new AwsSecretStore(new Nowhere(), new AwsSecretSettings { Region = "eu-central-1", Endpoint = check.Url, ParametersEndpoint = check.Url }, TimeProvider.System, AwsServices.Credentials);

        Assert.Equal("s3cr3t", await RevealAsync(store, "secret:aws:pipeline/shop/kafka#password"));
        Assert.Equal("9093", await RevealAsync(store, "secret:aws:pipeline/shop/kafka#port"));
        Assert.Equal("reader", await RevealAsync(store, $"secret:aws:{arn}#username"));
        Assert.Equal("-----BEGIN", await RevealAsync(store, "secret:aws:pipeline/shop/key"));
        Assert.Equal("t0ken", await RevealAsync(store, "secret:ssm:/pipeline/shop/token"));
        Assert.Equal("t0ken", await RevealAsync(store, "secret:ssm:/pipeline/shop/token:1"));
        foreach (var missing in (string[])["secret:aws:pipeline/shop/nothing", "secret:ssm:/pipeline/shop/nothing"])
        {
            var refused = await Assert.ThrowsAsync<PipelineException>(() => RevealAsync(store, missing));
            Assert.Equal((FaultKind.Missing, $"Secret {missing}"), (refused.Kind, refused.Thing));
        }

        var verdicts = await check.EndAsync();
        Assert.Equal(["GetParameter", "GetSecretValue"], verdicts.Select(verdict => verdict.Operation).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
        Assert.All(verdicts, verdict => Assert.True(verdict is { Request.Count: 0, Service: "secretsmanager" or "ssm" }, verdict.ToString()));
        // Two members of one secret are one question.
        Assert.Equal(4, verdicts.Count(verdict => verdict.Operation == "GetSecretValue"));
    }

    [Fact]
    public async Task A_value_that_is_replaced_is_found_when_the_one_before_has_its_age()
    {
        using var store = Store(new ScriptedAws(Value("first"), Value("second")));

        Assert.Equal("first", await RevealAsync(store, "secret:aws:a"));
        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal("first", await RevealAsync(store, "secret:aws:a"));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("second", await RevealAsync(store, "secret:aws:a"));
    }

    [Fact]
    public async Task While_AWS_is_away_the_value_that_is_known_is_used_and_what_is_refused_is_said()
    {
        var aws = new ScriptedAws(Value("first"), Error(400, "DecryptionFailure"), Error(400, "AccessDeniedException"), Value("second"));
        using var store = Store(aws);
        Assert.Equal("first", await RevealAsync(store, "secret:aws:a"));
        _time.Advance(TimeSpan.FromMinutes(1));

        var disabled = await Assert.ThrowsAsync<PipelineException>(() => RevealAsync(store, "secret:aws:a"));
        var denied = await Assert.ThrowsAsync<PipelineException>(() => RevealAsync(store, "secret:aws:a"));

        Assert.Equal((FaultKind.NotAuthorised, FaultKind.NotAuthorised), (disabled.Kind, denied.Kind));
        Assert.Contains("kms:Decrypt", disabled.NextStep, StringComparison.Ordinal);
        Assert.Contains("secretsmanager:GetSecretValue", denied.NextStep, StringComparison.Ordinal);
        Assert.Equal("second", await RevealAsync(store, "secret:aws:a"));

        using var away = Store(new ScriptedAws(Value("first"), Throw(new HttpRequestException(HttpRequestError.ConnectionError, "refused"))));
        Assert.Equal("first", await RevealAsync(away, "secret:aws:a"));
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("first", await WhileTimePassesAsync(RevealAsync(away, "secret:aws:a")));
        var unknown = await Assert.ThrowsAsync<PipelineException>(() => WhileTimePassesAsync(RevealAsync(away, "secret:aws:b")));
        Assert.Equal(FaultKind.Unreachable, unknown.Kind);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Who_could_go_on_with_the_value_that_is_known_does_not_wait_long_for_AWS(bool gaveUpItself)
    {
        using var aws = new SilentAws();
        using var store = new AwsSecretStore(new Nowhere(), new AwsSecretSettings { Region = "eu-central-1" }, _time, AwsServices.Credentials, aws);
        Assert.Equal("first", await RevealAsync(store, "secret:aws:a"));
        _time.Advance(TimeSpan.FromMinutes(1));

        using var caller = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var asked = store.RevealAsync(new Secret("secret:aws:a"), caller.Token).AsTask();
        await aws.AskedAsync();
        if (gaveUpItself) await caller.CancelAsync();
        else _time.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal("first", await asked);
        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal("first", await RevealAsync(store, "secret:aws:a"));

        // It is asked for again when it has its age again, and not before.
        Assert.Equal(2, aws.Requests);
        _time.Advance(TimeSpan.FromSeconds(1));
        var again = RevealAsync(store, "secret:aws:a");
        await aws.AskedAsync();
        _time.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal("first", await again);
        Assert.Equal(3, aws.Requests);
    }

    [Fact]
    public async Task An_ARN_says_its_region_itself_and_a_name_needs_one()
    {
        var hosts = new List<string>();
        var aws = new ScriptedAws(request =>
        {
            hosts.Add(request.RequestUri!.Host);
            return Value("v")(request);
        });
        using var store = Store(aws);
        using var nowhere = new AwsSecretStore(new Nowhere(), new AwsSecretSettings(), _time, AwsServices.Credentials, aws);

        await RevealAsync(store, "secret:aws:arn:aws:secretsmanager:us-west-2:123456789012:secret:pipeline/a-AbCdEf");
        await RevealAsync(store, "secret:aws:pipeline/a");
        var unplaced = await Assert.ThrowsAsync<PipelineException>(() => RevealAsync(nowhere, "secret:aws:pipeline/a"));

        Assert.Equal(["secretsmanager.us-west-2.amazonaws.com", "secretsmanager.eu-central-1.amazonaws.com"], hosts);
        Assert.Contains("pipeline.secrets.region", unplaced.NextStep, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("hunter2", "secret:aws:a#password")]
    [InlineData("""["hunter2"]""", "secret:aws:a#password")]
    [InlineData("""{"user":"hunter2"}""", "secret:aws:a#password")]
    public async Task A_value_that_is_another_than_was_thought_is_not_quoted(string value, string reference)
    {
        using var store = Store(new ScriptedAws(Value(value)));

        var fault = await Assert.ThrowsAsync<PipelineException>(() => RevealAsync(store, reference));

        Assert.Equal((FaultKind.Invalid, "Secret secret:aws:a#password"), (fault.Kind, fault.Thing));
        Assert.DoesNotContain("hunter2", fault.ToString(), StringComparison.Ordinal);
    }

    private static Func<HttpRequestMessage, HttpResponseMessage> Value(string value) => Answer(200, JsonSerializer.Serialize(new { SecretString = value }));

    private AwsSecretStore Store(ScriptedAws aws) => new(new Nowhere(), new AwsSecretSettings { Region = "eu-central-1" }, _time, AwsServices.Credentials, aws);

    private static Task<string> RevealAsync(AwsSecretStore store, string reference) => store.RevealAsync(new Secret(reference), Cancel).AsTask();

    /// <summary>Attempts pause by the clock that is held here.</summary>
    private async Task<string> WhileTimePassesAsync(Task<string> work)
    {
        while (!work.IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        return await work;
    }

    /// <summary>By a request of the test's own.</summary>
    private async Task<JsonElement> PutAsync(string service, string target, object content)
    {
        using var http = new HttpClient { BaseAddress = await services.UrlAsync(Cancel) };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/") { Content = JsonContent.Create(content, options: JsonSerializerOptions.Default) };
        request.Headers.Add("X-Amz-Target", target);
        request.Headers.TryAddWithoutValidation("Authorization", $"AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/{service}/aws4_request, SignedHeaders=host, Signature=0");
        using var response = await http.SendAsync(request, Cancel);
        response.EnsureSuccessStatusCode();
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync(Cancel)).RootElement.Clone();
    }

    /// <summary>Answers the first request, and no other.</summary>
    private sealed class SilentAws : HttpMessageHandler
    {
        private readonly SemaphoreSlim _silent = new(0);
        private int _requests;

        public int Requests => Volatile.Read(ref _requests);

        /// <summary>Waits for a request that gets no answer.</summary>
        public Task AskedAsync() => _silent.WaitAsync(Cancel);

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (Interlocked.Increment(ref _requests) == 1) return Value("first")(request);
            _silent.Release();
            await Task.Delay(Timeout.Infinite, cancellationToken);
            throw new InvalidOperationException("It is not answered.");
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing) _silent.Dispose();
            base.Dispose(disposing);
        }
    }

    private sealed class Nowhere : ISecretStore
    {
        public ValueTask<string> RevealAsync(Secret secret, CancellationToken cancellationToken) => throw new InvalidOperationException("It is not asked.");
    }
}
