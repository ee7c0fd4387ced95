using System.Buffers.Text;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Pipeline.Node.Http.Access;
using Pipeline.Node.Http.Api;
using Pipeline.Operations.Control;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Http;

/// <summary>Everything is refused that should be: each endpoint by each method, for each who asks, in each way in which it may come to the node.</summary>
public sealed class RefusalSpec : IDisposable
{
    private static readonly string[] Methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

    /// <summary>How a request comes, as what sends it cannot but say.</summary>
    private static readonly Dictionary<string, Action<HttpRequestMessage, Uri>> Ways = new(StringComparer.Ordinal)
    {
        ["a program"] = (_, _) => { },
        ["a page of its own"] = (request, node) => Fetch(request, "same-origin", node.GetLeftPart(UriPartial.Authority)),
        ["a page of another origin"] = (request, _) => Fetch(request, "cross-site", "https://evil.example"),
        ["a page of another port"] = (request, node) => Fetch(request, "same-site", $"http://{node.Host}:1"),
        ["a page without an origin"] = (request, _) => Fetch(request, "cross-site", "null"),
        ["an old browser's page of another origin"] = (request, _) => request.Headers.Add("Origin", "https://evil.example"),
        ["a no-cors form"] = (request, _) =>
        {
            Fetch(request, "cross-site", origin: null, "no-cors");
            request.Content = new StringContent("verb=pause", Encoding.UTF8, "application/x-www-form-urlencoded");
        },
        ["a name that was pointed here"] = (request, _) =>
        {
            request.Headers.Host = "rebound.example";
            Fetch(request, "same-origin", "http://rebound.example");
        },
        ["a listener on another site"] = (request, _) =>
        {
            Fetch(request, "cross-site", "https://evil.example");
            request.Headers.Add("Accept", "text/event-stream");
        },
    };

    private readonly ScratchDirectory _directory = new("pipeline-refusals-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Nothing_passes_that_should_fail_and_nothing_fails_that_should_pass()
    {
        await using var node = await WebNode.StartAsync(_directory);
        var (asked, passed, wrong) = (0, 0, new List<string>());

        foreach (var path in ApiEndpoints.All.Select(row => row.Path).Distinct(StringComparer.Ordinal))
            foreach (var method in Methods)
                foreach (var credential in WebNode.Credentials)
                    foreach (var (way, shape) in Ways)
                    {
                        var row = ApiEndpoints.All.SingleOrDefault(row => row.Path == path && row.Methods.Contains(method, StringComparer.Ordinal));
                        // What is for nobody is asked for by who may most.
                        if (row is null && credential is not ("none" or "admin")) continue;
                        using var request = new HttpRequestMessage(new HttpMethod(method), path.Replace("{table}", "silver%2Fnothing", StringComparison.Ordinal).Replace("{run}", "1", StringComparison.Ordinal));
                        if (method == "POST") request.Content = new StringContent("{}", Encoding.UTF8, "application/json");
                        shape(request, node.Http.BaseAddress!);
                        using var answer = await node.SendAsync(credential, request);
                        asked++;
                        var passes = Passes(answer, row);
                        if (passes) passed++;
                        if (passes != Should(row, method, credential, way)) wrong.Add($"{method} {path} as {credential} by {way}: {(int)answer.StatusCode}");
                        Assert.DoesNotContain(answer.Headers, header => header.Key.StartsWith("Access-Control", StringComparison.OrdinalIgnoreCase));
                    }

        Assert.Empty(wrong);
        Assert.True(passed > 50, $"Of {asked} requests only {passed} passed.");
    }

    /// <summary>Beyond the endpoint's own rule: what is to be changed says who may have it. Nothing is changed here, since nobody says why.</summary>
    [Fact]
    public async Task No_change_is_planned_or_applied_for_who_may_not_have_it_in_whatever_way_he_asks()
    {
        await using var node = await WebNode.StartAsync(_directory, sources: """
            app { type = kafka, bootstrap = "127.0.0.1:1", security { protocol = plaintext }, tables { people { topic = people, format = json } } }
            """);
        using var planned = await node.SendAsync("admin", Post("/v1/plans", new JsonObject { ["verb"] = "pause", ["target"] = "bronze/app/people" }));
        var plan = (string)JsonNode.Parse(await planned.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!["id"]!;
        var (passed, wrong) = (0, new List<string>());

        foreach (var verb in Enum.GetValues<ControlVerb>().Select(ControlWords.Of))
            foreach (var credential in WebNode.Credentials)
                foreach (var (way, shape) in Ways)
                    foreach (var (path, body) in new (string, JsonObject)[]
                    {
                        ("/v1/plans", new JsonObject { ["verb"] = verb, ["target"] = "bronze/app/none" }),
                        ("/v1/plans/apply", new JsonObject { ["id"] = Remade(plan, verb), ["reason"] = "" }),
                    })
                    {
                        using var request = Post(path, body);
                        shape(request, node.Http.BaseAddress!);
                        using var answer = await node.SendAsync(credential, request);
                        var passes = Passes(answer, ApiEndpoints.All.Single(row => row.Path == path));
                        if (passes) passed++;
                        if (passes != ShouldChange(verb, credential, way)) wrong.Add($"{path} of {verb} as {credential} by {way}: {(int)answer.StatusCode}");
                    }

        Assert.Empty(wrong);
        Assert.True(passed > 50, $"Only {passed} passed.");
        using var state = await node.GetAsync("viewer", "/v1/control");
        var after = JsonNode.Parse(await state.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;
        Assert.Equal((0, 0), (after["wishes"]!.AsArray().Count, after["orders"]!.AsArray().Count));
    }

    [Fact]
    public async Task The_server_answers_what_stands_in_the_list_and_nothing_else()
    {
        await using var node = await WebNode.StartAsync(_directory);

        Assert.Equal(ApiEndpoints.All.Select(row => $"{string.Join(',', row.Methods)} {row.Path}").Order(StringComparer.Ordinal),
            node.Routes.Select(route => $"{string.Join(',', route.Metadata.GetMetadata<Microsoft.AspNetCore.Routing.IHttpMethodMetadata>()?.HttpMethods ?? [])} {route.RoutePattern.RawText}").Order(StringComparer.Ordinal));
        Assert.All(node.Routes, route => Assert.Contains(route.Metadata.GetMetadata<ApiEndpoint>(), ApiEndpoints.All));
    }

    [Fact]
    public void What_changes_the_pipeline_is_never_asked_for_by_a_method_that_reads()
    {
        Assert.All(ApiEndpoints.All.Where(row => row.Changes), row => Assert.Equal("POST", row.Method));
        Assert.All(ApiEndpoints.All.Where(row => row.Changes), row => Assert.True(row.Access is ApiAccess.Operator or ApiAccess.Admin));
    }

    /// <summary>Whether it came through to what answers, whatever that says: a word that is good once is asked for by who comes through.</summary>
    private static bool Passes(HttpResponseMessage answer, ApiEndpoint? row) => row is not null && (row.Access == ApiAccess.Code
        ? answer.StatusCode != HttpStatusCode.Unauthorized && answer.StatusCode < HttpStatusCode.BadRequest
        : answer.StatusCode is not (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.MethodNotAllowed or HttpStatusCode.UnsupportedMediaType or HttpStatusCode.MisdirectedRequest or HttpStatusCode.TooManyRequests));

    /// <summary>The rule in other words than the node's.</summary>
    private static bool Should(ApiEndpoint? row, string method, string credential, string way) => row switch
    {
        null => false,
        { Access: ApiAccess.Open } => way != "a name that was pointed here",
        // None of them shows the word.
        { Access: ApiAccess.Code } => false,
        _ => way is "a program" or "a page of its own" && row.Access.ToString() is var needed && credential switch
        {
            "viewer" => needed == "Viewer",
            "operator" => needed is "Viewer" or "Operator",
            "admin" => true,
            // A browser's cookie goes along with whatever a page sends: what changes something has to say that the page is the node's own.
            "session" => method is "GET" or "HEAD" || way == "a page of its own",
            _ => false,
        },
    };

    private static bool ShouldChange(string verb, string credential, string way) => way switch
    {
        "a program" => credential == "admin" || (credential == "operator" && !IsForGood(verb)),
        "a page of its own" => credential is "admin" or "session" || (credential == "operator" && !IsForGood(verb)),
        _ => false,
    };

    private static bool IsForGood(string verb) => verb is "backfill" or "backfill-part" or "backfill-in-order" or "accept-gap" or "rebuild" or "leave" or "down";

    /// <summary>A plan that nobody has made: an id that was made up from another's.</summary>
    private static string Remade(string plan, string verb)
    {
        var content = JsonNode.Parse(Base64Url.DecodeFromChars(plan))!;
        content["command"]!["verb"] = verb;
        return Base64Url.EncodeToString(Encoding.UTF8.GetBytes(content.ToJsonString()));
    }

    private static HttpRequestMessage Post(string path, JsonObject body) => new(HttpMethod.Post, path) { Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json") };

    private static void Fetch(HttpRequestMessage request, string site, string? origin, string mode = "cors")
    {
        request.Headers.Add("Sec-Fetch-Site", site);
        request.Headers.Add("Sec-Fetch-Mode", mode);
        if (origin is not null) request.Headers.Add("Origin", origin);
    }
}
