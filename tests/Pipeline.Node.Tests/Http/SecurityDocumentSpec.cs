using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Pipeline.Node.Http.Access;
using Pipeline.Node.Http.Api;
using Pipeline.Operations.Control;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Http;

/// <summary>What <c>docs/security.md</c> says is so, line by line.</summary>
public sealed class SecurityDocumentSpec : IDisposable
{
    private const string Begin = "<!-- endpoints -->\n";
    private const string End = "<!-- /endpoints -->";

    private static readonly string Document = Path.Combine(Repository.Root, "docs", "security.md");

    /// <summary>By the first words of each line under "What is refused": a request, or the test that has it.</summary>
    private static readonly Dictionary<string, (string Code, Func<HttpRequestMessage>? Request, string Credential)> Refused = new(StringComparer.Ordinal)
    {
        ["without a token"] = ("unauthenticated", () => Get("/v1/status"), "none"),
        ["of a role that is less"] = ("forbidden", () => Get("/v1/status"), "nobody"),
        ["from a page of another origin"] = ("foreign", () => Get("/v1/status", "Sec-Fetch-Site", "cross-site"), "admin"),
        ["that changes something, with a session's cookie"] = ("foreign", () => new HttpRequestMessage(HttpMethod.Delete, "/v1/session"), "session"),
        ["to another name"] = ("misdirected", () => Get("/v1/status", "Host", "rebound.example"), "admin"),
        ["with a body that is not JSON"] = ("not_json", () => new HttpRequestMessage(HttpMethod.Post, "/v1/session") { Content = new StringContent("a=b", Encoding.UTF8, "application/x-www-form-urlencoded") }, "admin"),
        ["with a body above 64 KiB"] = ("too_large", () => new HttpRequestMessage(HttpMethod.Post, "/v1/session") { Content = new StringContent(new string(' ', (64 << 10) + 1), Encoding.UTF8, "application/json") }, "admin"),
        ["beyond `http.access.requests-per-second`"] = ("too_many", null, nameof(LimitsSpec.Too_many_requests_are_refused_for_a_second_whatever_they_show)),
        ["for what is not in the list"] = ("missing", () => Get("/v1/nothing"), "admin"),
        ["over the network to a node that is not of role `web`"] = ("not_web", null, nameof(BeyondLoopbackSpec.Who_shows_nothing_is_told_no_name_and_a_token_is_not_taken_in_plain_text)),
        ["that applies a plan without a reason"] = ("no_reason", null, nameof(ControlApiSpec.A_plan_over_what_has_moved_one_without_a_reason_and_one_that_is_none_change_nothing)),
        ["that applies a plan over what has moved"] = ("moved", null, nameof(ControlApiSpec.A_plan_over_what_has_moved_one_without_a_reason_and_one_that_is_none_change_nothing)),
        ["that applies what is no plan"] = ("unknown_plan", null, nameof(ControlApiSpec.A_plan_over_what_has_moved_one_without_a_reason_and_one_that_is_none_change_nothing)),
        ["on a connection beyond 500 at the address, or at the socket"] = ("closed", null, nameof(LimitsSpec.More_connections_than_there_may_be_are_closed_at_once)),
        ["on a stream of events beyond 400"] = ("too_many", null, nameof(EventsSpec.More_listeners_than_there_may_be_are_told_so)),
        ["for a row, while the node looks for another"] = ("too_many", null, nameof(LimitsSpec.One_row_at_a_time_is_looked_for)),
    };

    /// <summary>By the first words of each line under "By which credential": the test that has it.</summary>
    private static readonly Dictionary<string, string> Credentials = new(StringComparer.Ordinal)
    {
        ["the process's user"] = nameof(SocketSpec.Another_user_is_not_answered_though_the_file_would_let_him),
        ["a token"] = nameof(TokensSpec.A_token_ends_by_its_time_and_one_that_was_rotated_a_while_after_the_next_is_there),
        ["a session"] = nameof(TokensSpec.A_link_at_the_terminal_begins_a_session_once_in_a_cookie_that_no_other_site_sends),
        ["none"] = nameof(BeyondLoopbackSpec.Who_shows_nothing_is_told_no_name_and_a_token_is_not_taken_in_plain_text),
    };

    private readonly ScratchDirectory _directory = new("pipeline-security-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Its_list_is_that_of_the_node()
    {
        var document = File.ReadAllText(Document);
        var (start, end) = (document.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length, document.IndexOf(End, StringComparison.Ordinal));
        var list = new StringBuilder("| asked for | over the network | by the socket | what it does |\n|---|---|---|---|\n");
        foreach (var row in ApiEndpoints.All)
            list.Append($"| `{row.Method} {row.Path}` | {(row.Access switch { ApiAccess.Open => "anybody, of any node", ApiAccess.Code => "who has the link", var role => role.ToString().ToLowerInvariant() })} | the node's user | {row.Summary}{(row.Changes ? " Changes the pipeline." : "")} |\n");

        if (Golden.IsUpdate) File.WriteAllText(Document, document[..start] + list + document[end..]);
        else Assert.Equal(list.ToString(), document[start..end]);
    }

    /// <summary>As the page says it, and not as the program has it.</summary>
    [Fact]
    public async Task Each_line_of_the_list_is_true_of_a_running_node()
    {
        await using var node = await WebNode.StartAsync(_directory);
        string[] roles = ["none", "viewer", "operator", "admin"];
        var lines = Rows("| asked for |");
        Assert.NotEmpty(lines);

        foreach (var line in lines)
        {
            var (method, path) = line[0].Trim('`').Split(' ') is [var m, var p] ? (m, p.Replace("{table}", "gold%2Fnone", StringComparison.Ordinal).Replace("{run}", "1", StringComparison.Ordinal)) : default;
            var needed = line[1] switch { "anybody, of any node" => 0, "who has the link" => 99, var role => Array.IndexOf(roles, role) };
            Assert.InRange(needed, 0, 99);
            for (var role = 0; role < roles.Length; role++)
            {
                using var request = new HttpRequestMessage(new HttpMethod(method!), path);
                if (method == "POST") request.Content = new StringContent("{}", Encoding.UTF8, "application/json");
                using var answer = await node.SendAsync(roles[role], request);
                Assert.True(role >= needed == answer.StatusCode is not (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden), $"{line[0]} as {roles[role]}: {answer.StatusCode}");
            }
        }
    }

    [Fact]
    public async Task Each_line_of_what_is_refused_is_true_of_a_running_node()
    {
        await using var node = await WebNode.StartAsync(_directory);
        var lines = Rows("| a request |");

        Assert.Equal(lines.Count, Refused.Count);
        foreach (var line in lines)
        {
            var (code, request, credential) = Assert.Single(Refused, known => line[0].StartsWith(known.Key, StringComparison.Ordinal)).Value;
            Assert.Contains(code, line[1], StringComparison.Ordinal);
            if (request is null)
            {
                Assert.NotNull(TestOf(credential));
                continue;
            }

            using var answer = await node.SendAsync(credential, request());
            var problem = JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;
            Assert.Equal(code, (string)problem["code"]!);
            Assert.Contains($"{(int)answer.StatusCode} `{code}`", line[1], StringComparison.Ordinal);
        }
    }

    /// <summary>As <see cref="ControlApiSpec.What_cannot_be_changed_back_is_for_an_admin_planned_or_applied"/> has it of a running node.</summary>
    [Fact]
    public void Each_change_is_in_the_list_with_who_may_have_it()
    {
        var said = Rows("| change |").SelectMany(line => line[0].Split(", ").Select(verb => (Verb: verb.Trim('`'), Role: line[1]))).ToDictionary(line => line.Verb, line => line.Role, StringComparer.Ordinal);

        foreach (var verb in Enum.GetValues<ControlVerb>()) Assert.Equal((verb, AccessRules.RoleOf(verb).ToString().ToLowerInvariant()), (verb, said.GetValueOrDefault(ControlWords.Of(verb), said["any other"])));
        Assert.All(said.Keys.Where(verb => verb != "any other"), verb => Assert.NotNull(ControlWords.TryRead<ControlVerb>(verb)));
    }

    [Fact]
    public void Each_credential_has_its_test()
    {
        var lines = Rows("| credential |");

        Assert.Equal(lines.Count, Credentials.Count);
        foreach (var line in lines) Assert.NotNull(TestOf(Assert.Single(Credentials, known => line[0].StartsWith(known.Key, StringComparison.Ordinal)).Value));
    }

    private static System.Reflection.MethodInfo? TestOf(string name) =>
        typeof(SecurityDocumentSpec).Assembly.GetTypes().Select(type => type.GetMethod(name)).SingleOrDefault(method => method is not null);

    /// <summary>The lines of the table that begins so, a cell each.</summary>
    private static List<string[]> Rows(string head) =>
        [.. File.ReadLines(Document).SkipWhile(line => !line.StartsWith(head, StringComparison.Ordinal)).Skip(2).TakeWhile(line => line.StartsWith('|')).Select(line => line.Split('|')[1..^1].Select(cell => cell.Trim()).ToArray())];

    private static HttpRequestMessage Get(string path, string? header = null, string? value = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (header == "Host") request.Headers.Host = value;
        else if (header is not null) request.Headers.Add(header, value);
        return request;
    }
}
