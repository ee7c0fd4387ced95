using System.Net.Http.Headers;
using Microsoft.AspNetCore.Routing;
using Pipeline.Node.Tests.Failures;
using Pipeline.Operations.Access;
using Pipeline.Operations.Options;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Http;

/// <summary>A node of role web with tokens of every role, and whoever asks it.</summary>
internal sealed class WebNode : IAsyncDisposable
{
    private const string Session = "session";

    private readonly RunningNode _node;
    private readonly Dictionary<string, string> _tokens = new(StringComparer.Ordinal);
    private string? _cookie;

    private WebNode(RunningNode node, string access)
    {
        (_node, AccessDirectory) = (node, access);
        var tokens = new AccessTokens(new HttpAccessOptions { Directory = access }, TimeProvider.System);
        foreach (var name in (string[])["viewer", "operator", "admin", "nobody"]) _tokens[name] = File.ReadAllText(tokens.Issue(name, TimeSpan.FromHours(1)).File).Trim();
        // It ended before it began: the file has it, and it is good for nothing.
        _tokens["expired"] = File.ReadAllText(tokens.Issue("expired", TimeSpan.FromSeconds(-1)).File).Trim();
        Http = new HttpClient(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false }) { BaseAddress = node.HttpAddress, Timeout = TimeSpan.FromMinutes(2) };
    }

    /// <summary>Who may ask, and who may not.</summary>
    public static IReadOnlyList<string> Credentials { get; } = ["none", "expired", "unknown", "nobody", "viewer", "operator", "admin", Session];

    public HttpClient Http { get; }

    public RunningNode Node => _node;

    /// <summary>Where its tokens are.</summary>
    public string AccessDirectory { get; }

    public IReadOnlyList<RouteEndpoint> Routes => _node.Routes;

    /// <param name="http">What else is configured of it, within <c>http</c>.</param>
    public static async Task<WebNode> StartAsync(ScratchDirectory directory, string? lake = null, string http = "", string sources = "", string behind = "")
    {
        var access = Path.Combine(directory, "access");
        return new WebNode(await RunningNode.StartAsync(directory, sources, lake, $$"""
            cluster.roles = [ingest, transform, web]
            http { socket-directory = "{{Path.Combine(directory, "s")}}", access { directory = "{{access}}", roles { first = admin, viewer = viewer, operator = operator, admin = admin, expired = admin }, requests-per-second = 100000 } }
            http { {{http}} }
            {{behind}}
            """), access);
    }

    public string Token(string name) => _tokens[name];

    /// <summary>Asks as somebody; dispose the answer.</summary>
    public async Task<HttpResponseMessage> SendAsync(string credential, HttpRequestMessage request)
    {
        switch (credential)
        {
            case "none": break;
            case "unknown": request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", $"{_tokens["admin"][..^1]}{(_tokens["admin"][^1] == 'A' ? 'B' : 'A')}"); break;
            case Session: request.Headers.Add("Cookie", await SessionAsync()); break;
            default: request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _tokens[credential]); break;
        }

        using (request) return await Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
    }

    public Task<HttpResponseMessage> GetAsync(string credential, string path) => SendAsync(credential, new HttpRequestMessage(HttpMethod.Get, path));

    /// <summary>The cookie of a browser of the admin's.</summary>
    public async Task<string> SessionAsync()
    {
        if (_cookie is not null && (await SendAsync("none", new HttpRequestMessage(HttpMethod.Get, "/v1/whoami") { Headers = { { "Cookie", _cookie } } })).IsSuccessStatusCode) return _cookie;
        using var begun = await SendAsync("admin", new HttpRequestMessage(HttpMethod.Post, "/v1/session"));
        return _cookie = begun.Headers.GetValues("Set-Cookie").Single().Split(';')[0];
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _node.DisposeAsync();
    }
}
