using System.Net;
using Pipeline.Core;
using Pipeline.Sources.Snowflake.Client;

namespace Pipeline.Sources.Snowflake.Tests;

public sealed class OAuthTokensSpec
{
    private static readonly SnowflakeSecurityOptions.OAuth Auth = new(new Uri("https://idp.test/token"), "pipeline", new Secret("x"), "session:role:PIPELINE");

    private readonly Queue<(int Status, string Body)> _answers = new();
    private readonly List<string> _secretsSent = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("""{"access_token":"t","expires_in":"3600"}""", 3600)]
    [InlineData("""{"access_token":"t","expires_in":3600}""", 3600)]
    [InlineData("""{"access_token":"t","expires_in":null}""", 600)]
    [InlineData("""{"access_token":"t","expires_in":1e300}""", 600)]
    [InlineData("""{"access_token":"t","expires_in":-5}""", 600)]
    [InlineData("""{"access_token":"t"}""", 600)]
    public async Task A_token_is_taken_however_its_life_is_written(string body, int seconds)
    {
        _answers.Enqueue((200, body));
        using var tokens = Open(attempts: 1);

        var before = TimeProvider.System.GetUtcNow();
        var token = await tokens.GetAsync(Cancel);

        Assert.Equal("t", token.Value);
        Assert.InRange(token.ExpiresAt, before.AddSeconds(seconds), before.AddSeconds(seconds + 60));
    }

    [Theory]
    [InlineData(200, "<html>login</html>", FaultKind.Unreachable)]
    [InlineData(200, """{"access_token":null}""", FaultKind.Unreachable)]
    [InlineData(403, "<html>firewall</html>", FaultKind.Unreachable)]
    [InlineData(404, "", FaultKind.Unreachable)]
    [InlineData(400, """{"error":"something_new"}""", FaultKind.Unreachable)]
    [InlineData(400, """{"error":{"a":1}}""", FaultKind.Unreachable)]
    [InlineData(401, """{"error":"invalid_client"}""", FaultKind.NotAuthorised)]
    [InlineData(400, """{"error":"invalid_scope"}""", FaultKind.NotAuthorised)]
    public async Task Only_what_is_listed_is_final(int status, string body, FaultKind kind)
    {
        _answers.Enqueue((status, body));
        using var tokens = Open(attempts: 1);

        Assert.Equal(kind, (await Assert.ThrowsAsync<PipelineException>(async () => await tokens.GetAsync(Cancel))).Kind);
    }

    [Fact]
    public async Task The_secret_is_read_again_before_each_try()
    {
        _answers.Enqueue((503, ""));
        _answers.Enqueue((200, """{"access_token":"t"}"""));
        using var tokens = Open(attempts: 2);

        await tokens.GetAsync(Cancel);

        Assert.Equal(["client_secret=secret-1", "client_secret=secret-2"], _secretsSent);
    }

    private OAuthTokens Open(int attempts) => new("crm", Auth, new HttpClient(new Provider(this)),
        new RetryPolicy { BackoffMin = TimeSpan.FromMilliseconds(1), BackoffMax = TimeSpan.FromMilliseconds(2), AttemptsMax = attempts }, TimeSpan.FromMinutes(1), new RotatedSecret(), TimeProvider.System);

    private sealed class Provider(OAuthTokensSpec spec) : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            spec._secretsSent.AddRange((await request.Content!.ReadAsStringAsync(cancellationToken)).Split('&').Where(part => part.StartsWith("client_secret", StringComparison.Ordinal)));
            var (status, body) = spec._answers.Dequeue();
            return new HttpResponseMessage((HttpStatusCode)status) { Content = new StringContent(body) };
        }
    }

    private sealed class RotatedSecret : ISecretStore
    {
        private int _reads;

        public ValueTask<string> RevealAsync(Secret secret, CancellationToken cancellationToken) => new($"secret-{++_reads}");
    }
}
