using System.CommandLine;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Pipeline.Demo;
using Pipeline.Node.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>What every verb of the command line answers a program with, the command line itself being asked which there are.</summary>
public sealed class VerbDocumentsSpec(LetterScene scene) : IClassFixture<LetterScene>, IDisposable
{
    private const string Fresh = "a directory that is not there yet";
    private const string Bare = "a configuration without a CloudWatch";
    private const string Backups = "a directory of backups";
    private const string Empty = "a directory without a lake";
    private const string LastPlan = "the id of the plan before";
    private const string Silver = "silver/clicks";

    /// <summary>How each is called, in this order, and how it ends here. Nothing listens where the source and CloudWatch are said to be.</summary>
    private static readonly (string Verb, string[] Arguments, int ExitCode)[] Calls =
    [
        ("rebuild", [Silver, "gold/totals"], ExitCode.Done),
        ("tables", [], ExitCode.Done),
        ("status", [], ExitCode.Breached),
        ("kpi", [], ExitCode.Done),
        ("history", [Silver], ExitCode.Done),
        ("jobs show", [$"{Silver}#1"], ExitCode.Done),
        ("show", ["gold/totals"], ExitCode.Done),
        ("explain-row", [Silver, "0"], ExitCode.Done),
        ("verify", [], ExitCode.Done),
        ("check", [], ExitCode.Failed),
        ("plan", [], ExitCode.Done),
        ("compile", [Silver], ExitCode.Done),
        ("test-models", [], ExitCode.Done),
        ("preview", [Silver, "--from-bronze"], ExitCode.Done),
        ("quarantine list", [], ExitCode.Done),
        ("quarantine show", [Silver], ExitCode.Done),
        ("quarantine redrive", [Silver], ExitCode.Done),
        ("dlq list", [], ExitCode.Done),
        ("dlq show", ["events"], ExitCode.Done),
        ("dlq redrive", [LetterScene.Table, "--dry-run"], ExitCode.Failed),
        ("compact", [], ExitCode.Done),
        ("vacuum", ["--dry-run"], ExitCode.Done),
        ("export-jobs", ["--to", Fresh], ExitCode.Done),
        ("backup", ["--to", Backups], ExitCode.Done),
        ("restore", ["--from", Backups, "--lake", Empty], ExitCode.Done),
        ("resume", [LetterScene.Table], ExitCode.CannotConnect),
        ("pause", [Silver, "--reason", "a test"], ExitCode.Done),
        ("drain", ["events", "--reason", "a test"], ExitCode.Done),
        ("restart", [LetterScene.Table, "--reason", "a test"], ExitCode.Done),
        ("backfill", [LetterScene.Table, "--full", "--reason", "a test"], ExitCode.Done),
        ("schedule", [Silver, "30 3 * * * Europe/Berlin", "--reason", "a test"], ExitCode.Done),
        ("jobs cancel", [Silver, "--reason", "a test"], ExitCode.Done),
        ("cluster show", [], ExitCode.CannotConnect),
        ("shards show", [], ExitCode.CannotConnect),
        ("jobs list", [], ExitCode.CannotConnect),
        ("log-level", ["debug", "--reason", "a test"], ExitCode.CannotConnect),
        ("watch", [], ExitCode.CannotConnect),
        ("cluster leave", ["127.0.0.1:4053", "--reason", "a test"], ExitCode.Done),
        ("cluster down", ["127.0.0.1:4053", "--reason", "a test"], ExitCode.Done),
        ("trigger", [Silver, "--plan"], ExitCode.PlanHasChanges),
        ("control apply", [LastPlan, "--reason", "a test"], ExitCode.Done),
        ("control show", [], ExitCode.Done),
        ("events", [], ExitCode.Done),
        ("why", [Silver], ExitCode.Done),
        ("config show", ["--origin"], ExitCode.Done),
        ("config diff", [Bare], ExitCode.PlanHasChanges),
        ("source list", [], ExitCode.Done),
        ("source remove", ["events"], ExitCode.Failed),
        ("token issue", ["grafana"], ExitCode.Done),
        ("token list", [], ExitCode.Done),
        ("token rotate", ["grafana"], ExitCode.Done),
        ("token revoke", ["grafana"], ExitCode.Done),
        ("ask", ["/v1/status"], ExitCode.CannotConnect),
        ("metrics list", [], ExitCode.Done),
        ("metrics estimate", [], ExitCode.Done),
        ("alarms show", ["--rules"], ExitCode.Done),
        ("alarms put", ["--config", Bare], ExitCode.Failed),
        ("dashboard show", ["--offline"], ExitCode.Done),
        ("dashboard put", ["--config", Bare], ExitCode.Failed),
        ("run", ["--config", "nowhere.conf"], ExitCode.Usage),
        ("sync", ["ftp://server", "orders"], ExitCode.Failed),
        ("discover", ["ftp://server"], ExitCode.Failed),
        ("init", ["--source", "ftp://server"], ExitCode.Failed),
        ("completion", ["bash"], ExitCode.Done),
        ("demo", ["--servers", Fresh], ExitCode.Failed),
    ];

    /// <summary>Where text may stand: an error's sentences, what a configuration or a record has in it, and what an instrument means.</summary>
    private static readonly HashSet<string> Texts = ["thing", "cause", "next_step", "location", "fault", "sql", "rules", "body", "line", "reason", "row", "meaning", "only_when", "parameters", "metrics", "headers", "part", "engine_why", "operation", "who", "why", "what", "parameter", "text", "here", "there"];

    /// <summary>What has the names of a table's columns, a record's members or somebody else's document.</summary>
    private static readonly HashSet<string> Others = ["parameters", "metrics", "figures", "body", "row", "headers", "answer", "detail", "values"];

    private readonly List<string> _wrong = [];
    private readonly ScratchDirectory _directory = new("pipeline-documents-");

    public static TheoryData<string> Verbs => [.. Leaves().Select(leaf => leaf.Name)];

    public void Dispose() => _directory.Dispose();

    /// <summary>With <c>GOLDEN=update</c> the names and kinds of values are written. Who takes one away, or gives it another meaning, raises <see cref="Answer.Version"/>.</summary>
    [Fact]
    public async Task Every_verb_answers_one_document_of_lists_numbers_seconds_and_codes()
    {
        Assert.Equal(Leaves().Select(leaf => leaf.Name).Order(StringComparer.Ordinal), Calls.Select(call => call.Verb).Order(StringComparer.Ordinal));
        var (lake, config, bare) = await LakeAsync();
        var shapes = new List<string>();
        var plan = "";
        foreach (var (verb, arguments, exitCode) in Calls)
        {
            string[] given = [.. arguments.Select(argument => argument switch { Fresh => Path.Combine(_directory, "fresh"), Bare => bare, LastPlan => plan, Backups => Path.Combine(_directory, "backups"), Empty => Path.Combine(_directory, "restored"), _ => argument })];
            var run = await NodeRun.OfAsync([.. verb.Split(' '), .. given, .. given.Contains("--config") ? Array.Empty<string>() : ["--config", config], .. given.Contains("--lake") ? Array.Empty<string>() : ["--lake", lake], "-o", "json"]);

            var document = run.Document;
            if (run.ExitCode != exitCode) _wrong.Add($"{verb}: {run}");
            if (arguments.Contains("--plan")) plan = (string)run.Rows[0]!["id"]!;
            Assert.Equal(($"pipeline {verb}", Answer.Version, run.ExitCode), ((string)document["schema"]!, (int)document["version"]!, (int)document["exit_code"]!));
            if (exitCode is ExitCode.CannotConnect or ExitCode.NotAuthorised or ExitCode.Usage) Assert.NotEmpty(document["errors"]!.AsArray());
            if (exitCode == ExitCode.Done) Assert.Empty(document["errors"]!.AsArray());
            var found = new SortedDictionary<string, SortedSet<string>>(StringComparer.Ordinal);
            Walk(verb, document, "", found, mayBeText: false);
            shapes.AddRange([$"# {verb}", .. found.Select(pair => $"{pair.Key}: {string.Join(" or ", pair.Value)}"), ""]);
        }

        Assert.Empty(_wrong);
        Golden.Verify("documents.txt", string.Join('\n', shapes));
    }

    [Theory, MemberData(nameof(Verbs))]
    public async Task A_wrong_option_is_told_to_programs_too(string verb)
    {
        var run = await NodeRun.OfAsync([.. verb.Split(' '), "--nonsense", "-o", "json"]);

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Equal(($"pipeline {verb}", ExitCode.Usage), ((string)run.Document["schema"]!, (int)run.Document["exit_code"]!));
        Assert.All(run.Document["errors"]!.AsArray(), error => Assert.Equal(("usage", $"See 'pipeline {verb} --help'."), ((string)error!["code"]!, (string)error["next_step"]!)));
        Assert.Contains(run.Document["errors"]!.AsArray(), error => ((string)error!["cause"]!).Contains("--nonsense", StringComparison.Ordinal));
    }

    [Theory, MemberData(nameof(Verbs))]
    public async Task A_value_that_cannot_be_read_is_told_to_programs_too(string verb)
    {
        foreach (var option in Leaves().Single(leaf => leaf.Name == verb).Command.Options.Where(option => option.ValueType != typeof(string) && option.ValueType != typeof(string[]) && option.ValueType != typeof(bool)))
        {
            var run = await NodeRun.OfAsync([.. verb.Split(' '), $"{option.Name}=\u00a4", "-o", "json"]);

            Assert.Equal(ExitCode.Usage, run.ExitCode);
            Assert.Contains(run.Document["errors"]!.AsArray(), error => (string?)error!["code"] == "usage" && ((string)error["cause"]!).Contains('\u00a4', StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task A_wrong_setting_is_told_with_its_place()
    {
        var config = Path.Combine(_directory, "wrong.conf");
        await File.WriteAllTextAsync(config, "pipeline {\n  lake { locaton = x }\n}\n", TestContext.Current.CancellationToken);

        var run = await NodeRun.OfAsync("plan", "--config", config, "-o", "json");

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains(run.Document["errors"]!.AsArray(), error => (string?)error!["code"] == "configuration" && (string?)error["location"] == $"{config}:2" && ((string)error["thing"]!).EndsWith("locaton", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Where_there_are_rows_they_are_comma_separated_values_too()
    {
        var (lake, config, _) = await LakeAsync();
        foreach (var (verb, arguments, _) in Calls.Where(call => call.Verb is "tables" or "status" or "kpi" or "show" or "history" or "verify" or "plan" or "check" or "dlq list" or "dlq show" or "source list" or "metrics list" or "metrics estimate" or "compact" or "config show"))
        {
            string[] call = [.. verb.Split(' '), .. verb == "history" || verb == "show" ? [LetterScene.Table] : arguments, "--config", config, "--lake", lake];
            var json = (await NodeRun.OfAsync([.. call, "-o", "json"])).Rows;
            var lines = (await NodeRun.OfAsync([.. call, "-o", "csv"])).Data.Split("\r\n", StringSplitOptions.RemoveEmptyEntries);

            Assert.Equal(string.Join(',', json[0]!.AsObject().Select(cell => cell.Key)), lines[0]);
            Assert.True(lines.Length >= json.Count + 1, $"{verb}: {lines.Length} lines for {json.Count} rows");
        }
    }

    [Fact]
    public async Task A_value_with_commas_quotes_or_lines_is_one_value()
    {
        using var lake = new LakeFixture();
        await lake.AppendAsync(Core.TableId.Silver("people"), "Ada, \"Countess\"\nof Lovelace", null);

        var run = await NodeRun.OfAsync("show", "silver/people", "--lake", lake.Directory, "-o", "csv");

        Assert.Equal("id,name\r\n1,\"Ada, \"\"Countess\"\"\nof Lovelace\"\r\n2,\r\n", run.Data);
    }

    [Theory]
    [InlineData("compile")]
    [InlineData("run")]
    [InlineData("ask")]
    [InlineData("sync")]
    [InlineData("token revoke")]
    [InlineData("demo")]
    [InlineData("dashboard show")]
    [InlineData("dashboard put")]
    public async Task Where_there_are_none_they_are_no_comma_separated_values(string verb)
    {
        var run = await NodeRun.OfAsync([.. verb.Split(' '), "-o", "csv"]);

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains("csv", run.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_verb_that_asks_a_lake_that_refuses_it_ends_with_5_and_tells_programs_why()
    {
        Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", "test");
        Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", "test");
        await using var store = await RefusingStoreAsync();
        var endpoint = store.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        var (_, config, _) = await LakeAsync($$"""lake { location = "s3://bucket/lake", s3 { endpoint = "{{endpoint}}", region = us-east-1, path-style = true } }""");
        string[] asking = ["rebuild", "tables", "status", "kpi", "history", "show", "verify", "plan", "quarantine list", "quarantine show", "quarantine redrive", "dlq list", "dlq show", "dlq redrive", "compact", "vacuum", "export-jobs", "explain-row", "pause", "drain", "restart", "backfill", "schedule", "jobs show", "jobs cancel", "cluster leave", "cluster down", "trigger", "control show", "events", "why"];

        foreach (var (verb, arguments, _) in Calls.Where(call => asking.Contains(call.Verb)))
        {
            var run = await NodeRun.OfAsync([.. verb.Split(' '), .. arguments.Select(argument => argument == Fresh ? Path.Combine(_directory, "fresh-too") : argument), "--config", config, "-o", "json"]);

            Assert.True(run.ExitCode == ExitCode.NotAuthorised, $"{verb}: {run}");
            Assert.All(run.Document["errors"]!.AsArray(), error => Assert.Equal("not_authorised", (string)error!["code"]!));
            Assert.NotEmpty(run.Document["errors"]!.AsArray());
        }
    }

    private static async Task<WebApplication> RefusingStoreAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var store = builder.Build();
        store.Run(async http =>
        {
            http.Response.StatusCode = StatusCodes.Status403Forbidden;
            if (!HttpMethods.IsHead(http.Request.Method)) await http.Response.WriteAsync("<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>", http.RequestAborted);
        });
        await store.StartAsync(TestContext.Current.CancellationToken);
        return store;
    }

    /// <summary>A copy of the scene's lake with tables behind Bronze, its configuration, and one that has no CloudWatch.</summary>
    private async Task<(string Lake, string Config, string Bare)> LakeAsync(string settings = "")
    {
        var (lake, config) = await scene.CopyAsync();
        var beside = Path.GetDirectoryName(config)!;
        await File.WriteAllTextAsync(Path.Combine(beside, "totals.sql"), "SELECT count(*) AS clicks FROM silver.clicks", TestContext.Current.CancellationToken);
        var whole = Path.Combine(beside, "whole.conf");
        await File.WriteAllTextAsync(whole, $$"""
            include "{{config}}"
            pipeline {
              silver { clicks { from = bronze/events/clicks, format = json, columns { id { type = long, from = _offset }, name { type = string, path = "$.name", required = true } }, key = [id] } }
              gold { totals { sql = "totals.sql", materialization = full } }
              http.access.directory = "{{Path.Combine(beside, "access")}}"
              telemetry.cloudwatch { region = eu-central-1, endpoint = "http://127.0.0.1:1" }
              {{settings}}
            }
            """, TestContext.Current.CancellationToken);
        return (lake, whole, config);
    }

    private void Walk(string verb, JsonNode? node, string path, SortedDictionary<string, SortedSet<string>> found, bool mayBeText)
    {
        switch (node)
        {
            case JsonObject members:
                foreach (var (name, member) in members)
                {
                    var isTheirs = Others.Contains(name) || (verb == "show" && path == "rows[]");
                    if (isTheirs) Note(path.Length == 0 ? name : $"{path}.{name}", member is null ? "null" : "what is there");
                    else Walk(verb, member, path.Length == 0 ? name : $"{path}.{name}", found, mayBeText || Texts.Contains(name) || name == "schema");
                }

                break;
            case JsonArray items:
                if (items.Count == 0) Note($"{path}[]", "none");
                foreach (var item in items) Walk(verb, item, $"{path}[]", found, mayBeText);
                break;
            default:
                if (node?.GetValueKind() == JsonValueKind.String && !mayBeText && ((string)node!).Any(char.IsWhiteSpace)) _wrong.Add($"{verb}: {path} is text: {node}");
                Note(path, node?.GetValueKind() switch { null => "null", JsonValueKind.True or JsonValueKind.False => "boolean", var kind => $"{kind}".ToLowerInvariant() });
                break;
        }

        void Note(string where, string kind)
        {
            if (!found.TryGetValue(where, out var kinds)) found[where] = kinds = new SortedSet<string>(StringComparer.Ordinal);
            kinds.Add(kind);
        }
    }

    private static IEnumerable<(string Name, Command Command)> Leaves()
    {
        var context = new NodeContext(TextWriter.Null, TextWriter.Null, _ => null, TimeProvider.System, Interruption: null);
        return CommandLine.Build(context, new DemoVerb()).Subcommands.SelectMany(verb => Of(verb, verb.Name));

        static IEnumerable<(string, Command)> Of(Command command, string name) => command.Subcommands.Count == 0 ? [(name, command)] : command.Subcommands.SelectMany(sub => Of(sub, $"{name} {sub.Name}"));
    }
}
