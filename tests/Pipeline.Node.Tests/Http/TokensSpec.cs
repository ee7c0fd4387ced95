using System.Net;
using System.Net.Http.Headers;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Operations.Access;
using Pipeline.Operations.Options;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Http;

/// <summary>Tokens stand nowhere but with who has them, and end.</summary>
public sealed class TokensSpec : IDisposable
{
    private const UnixFileMode OfFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly ScratchDirectory _directory = new("pipeline-tokens-");
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 2, 12, 0, 0, TimeSpan.Zero));

    private string Access => Path.Combine(_directory, "access");

    private AccessTokens Tokens => new(new HttpAccessOptions { Directory = Access }, _time);

    public void Dispose() => _directory.Dispose();

    [Fact]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public void What_is_kept_is_a_hash_in_a_file_of_its_owner_alone()
    {
        var issued = Tokens.Issue("grafana", TimeSpan.FromDays(1));
        var text = File.ReadAllText(issued.File).Trim();

        Assert.Equal("grafana", Tokens.Find(text)!.Name);
        Assert.DoesNotContain(text.Split('_')[2], File.ReadAllText(Tokens.File), StringComparison.Ordinal);
        Assert.All((string[])[issued.File, Tokens.File], file => Assert.Equal(OfFile, File.GetUnixFileMode(file)));
        Assert.Equal(OfFile | UnixFileMode.UserExecute, File.GetUnixFileMode(Access));
        // 256 bits, in six at a time.
        Assert.Equal(43, text.Split('_', 3)[2].Length);
    }

    [Fact]
    public void A_token_ends_by_its_time_and_one_that_was_rotated_a_while_after_the_next_is_there()
    {
        string TextOf(IssuedToken issued) => File.ReadAllText(issued.File).Trim();
        var (tokens, first) = (Tokens, TextOf(Tokens.Issue("ci", TimeSpan.FromDays(2))));
        var second = TextOf(tokens.Rotate("ci", TimeSpan.FromDays(2), AccessTokens.Overlap));
        Assert.Equal(("ci", "ci"), (tokens.Find(first)?.Name, tokens.Find(second)?.Name));

        _time.Advance(AccessTokens.Overlap);
        Assert.Null(tokens.Find(first));
        Assert.NotNull(tokens.Find(second));

        var third = TextOf(tokens.Rotate("ci", TimeSpan.FromDays(2), TimeSpan.Zero));
        Assert.Null(tokens.Find(second));
        _time.Advance(TimeSpan.FromDays(2));
        Assert.Null(tokens.Find(third));
    }

    [Theory]
    [InlineData("")]
    [InlineData("pipeline_")]
    [InlineData("pipeline_0123456789ab")]
    [InlineData("pipeline_0123456789ab_")]
    [InlineData("Basic YWRtaW46YWRtaW4=")]
    public void What_is_no_token_finds_none(string text)
    {
        var tokens = Tokens;
        tokens.Issue("ci", TimeSpan.FromDays(1));

        Assert.Null(tokens.Find(text));
        Assert.Null(tokens.Find(new string('x', 100_000)));
    }

    [Fact]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public void A_file_that_others_may_write_is_not_believed()
    {
        var text = File.ReadAllText(Tokens.Issue("ci", TimeSpan.FromDays(1)).File).Trim();
        File.SetUnixFileMode(Tokens.File, OfFile | UnixFileMode.OtherWrite);

        Assert.Contains("others may write it", Assert.Throws<PipelineException>(() => Tokens.Find(text)).Message, StringComparison.Ordinal);
    }

    [Fact]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public async Task What_is_wrong_with_the_file_of_tokens_is_for_the_log_and_not_for_who_asks()
    {
        await using var node = await WebNode.StartAsync(_directory);
        File.SetUnixFileMode(Path.Combine(node.AccessDirectory, "tokens.json"), OfFile | UnixFileMode.OtherWrite);

        using var answer = await node.GetAsync("admin", "/v1/whoami");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.DoesNotContain(node.AccessDirectory, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        await node.Node.WaitForLogAsync("others may write it");
        Assert.Equal(HttpStatusCode.OK, (await node.GetAsync("none", "/healthz/live")).StatusCode);
    }

    [Fact]
    public void The_first_token_is_made_once_and_only_where_somebody_may_use_it()
    {
        Assert.Equal(HttpAccessOptions.FirstToken, Tokens.IssueFirst()!.Token.Name);
        Assert.Null(Tokens.IssueFirst());
        Assert.Null(new AccessTokens(new HttpAccessOptions { Directory = Path.Combine(_directory, "other"), Roles = new Dictionary<string, AccessRole>(StringComparer.Ordinal) { ["sso"] = AccessRole.Admin } }, _time).IssueFirst());
    }

    [Fact]
    public async Task A_node_makes_its_first_token_at_the_first_start_and_says_where_it_is_and_never_what()
    {
        var config = await ConfigureAsync();
        string file;
        await using (var first = NodeProcess.Start("run", "--config", config))
        {
            await first.WaitForAsync(line => line.Contains("There was no token", StringComparison.Ordinal));
            file = Path.Combine(Access, "first.token");
            Assert.Contains(file, first.Messages, StringComparison.Ordinal);
            first.Terminate();
            var run = await first.WaitForEndAsync();
            Assert.DoesNotContain((await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)).Trim().Split('_', 3)[2], run.Messages + run.Data, StringComparison.Ordinal);
            Assert.DoesNotContain("code=", run.Messages, StringComparison.Ordinal);
        }

        var text = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        await using var second = await RunningNode.StartAsync(Directory.CreateDirectory(Path.Combine(_directory, "second")).FullName, "", behind: Web);
        Assert.Null(second.FirstToken);
        using var http = new HttpClient(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = second.HttpAddress, DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", text.Trim()) } };
        Assert.Contains("\"role\":\"admin\"", await http.GetStringAsync("/v1/whoami", TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_link_at_the_terminal_begins_a_session_once_in_a_cookie_that_no_other_site_sends()
    {
        await using var node = await RunningNode.StartAsync(_directory, "", behind: Web);
        var link = node.FirstToken!.OfferLink(node.HttpAddress);
        Assert.DoesNotContain((await File.ReadAllTextAsync(node.FirstToken.File, TestContext.Current.CancellationToken)).Trim(), link.ToString(), StringComparison.Ordinal);
        using var browser = new HttpClient(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });

        using var opened = await browser.GetAsync(link, TestContext.Current.CancellationToken);
        using var again = await browser.GetAsync(link, TestContext.Current.CancellationToken);

        Assert.Equal((HttpStatusCode.SeeOther, HttpStatusCode.Unauthorized), (opened.StatusCode, again.StatusCode));
        var cookie = Assert.Single(opened.Headers.GetValues("Set-Cookie"));
        Assert.Contains("samesite=strict", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(node.HttpAddress, "/v1/whoami")) { Headers = { { "Cookie", cookie.Split(';')[0] } } };
        using var seen = await browser.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Contains("\"proof\":\"session\"", await seen.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_that_is_revoked_ends_at_once_on_running_nodes_with_its_sessions()
    {
        await using var node = await WebNode.StartAsync(_directory);
        var cookie = await node.SessionAsync();
        Assert.Equal(HttpStatusCode.OK, (await node.GetAsync("admin", "/v1/whoami")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await node.GetAsync("session", "/v1/whoami")).StatusCode);

        var run = await NodeRun.OfAsync("token", "revoke", "admin", "--config", node.Node.ConfigPath);

        Assert.True(run.ExitCode == ExitCode.Done, run.Messages);
        Assert.Equal(HttpStatusCode.Unauthorized, (await node.GetAsync("admin", "/v1/whoami")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await node.SendAsync("none", new HttpRequestMessage(HttpMethod.Get, "/v1/whoami") { Headers = { { "Cookie", cookie } } })).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await node.GetAsync("viewer", "/v1/whoami")).StatusCode);
    }

    [Fact]
    public async Task Verbs_make_list_and_rotate_tokens_and_print_none()
    {
        var config = await ConfigureAsync();

        var issued = await NodeRun.OfAsync("token", "issue", "grafana", "--config", config, "-o", "json");
        var twice = await NodeRun.OfAsync("token", "issue", "grafana", "--config", config);
        var rotated = await NodeRun.OfAsync("token", "rotate", "grafana", "--at-once", "--config", config);
        var missing = await NodeRun.OfAsync("token", "rotate", "nobody", "--config", config);
        var listed = await NodeRun.OfAsync("token", "list", "--config", config, "-o", "json");

        Assert.Equal((ExitCode.Done, ExitCode.Failed, ExitCode.Done, ExitCode.Failed, ExitCode.Done), (issued.ExitCode, twice.ExitCode, rotated.ExitCode, missing.ExitCode, listed.ExitCode));
        Assert.Contains("it may nothing yet", issued.Messages, StringComparison.Ordinal);
        Assert.Contains("grafana.token", issued.Data, StringComparison.Ordinal);
        Assert.Contains("\"name\": \"grafana\"", listed.Data, StringComparison.Ordinal);
        Assert.DoesNotContain("pipeline_", issued.Data + rotated.Data + listed.Data, StringComparison.Ordinal);
    }

    private string Web => $$"""
        cluster.roles = [web]
        http { socket-directory = "{{Path.Combine(_directory, "s")}}", access.directory = "{{Access}}" }
        """;

    private Task<string> ConfigureAsync() => RunningNode.ConfigureAsync(_directory, "", Web);
}
