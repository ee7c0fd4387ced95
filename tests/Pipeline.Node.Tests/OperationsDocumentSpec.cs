using System.Text;
using System.Text.RegularExpressions;
using Confluent.Kafka;
using Pipeline.Emulation.Kafka;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Node.Tests.Control;
using Pipeline.Node.Tests.Failures;
using Pipeline.Node.Tests.Http;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>
/// Every command that <c>docs/operations.md</c> shows is run, the page itself being asked which these are: against a running node with the tables that it
/// names, or by the test that is named here where it needs a server of another kind or ends a service.
/// </summary>
public sealed partial class OperationsDocumentSpec : IDisposable
{
    /// <summary>What the page writes for what is different everywhere.</summary>
    private const string Plan = "ID";

    private static readonly int[] Well = [ExitCode.Done];
    private static readonly int[] MayBeLate = [ExitCode.Done, ExitCode.Breached];
    private static readonly int[] MayHaveChanges = [ExitCode.Done, ExitCode.PlanHasChanges];

    /// <summary>In the order in which they are run: as the page has it, how it is typed here, and how it may end.</summary>
    private static readonly (string OnPage, string Typed, int[] Ends)[] Run =
    [
        ("check --config shop.conf", "check", Well),
        ("check", "check", Well),
        ("plan", "plan", MayHaveChanges),
        ("ask /v1/status", "ask /v1/status", Well),
        ("ask /v1/openapi.json", "ask /v1/openapi.json", Well),
        ("token issue NAME", "token issue grafana", Well),
        ("log-level debug --for 10m --reason it-hangs", "log-level debug --for 10m --reason it-hangs", Well),
        ("log-level Pipeline.Ingest debug --reason it-hangs", "log-level Pipeline.Ingest debug --reason it-hangs", Well),
        ("log-level", "log-level", Well),
        ("pause silver/users --reason maintenance", "pause silver/users --reason maintenance", Well),
        ("why TABLE", "why silver/users", MayBeLate),
        ("control show", "control show", Well),
        ("resume silver/users --reason done", "resume silver/users --reason done", Well),
        ("resume silver/users --reason WHY", "resume silver/users --reason mended", Well),
        ("trigger silver/users --plan", "trigger silver/users --plan", [ExitCode.PlanHasChanges]),
        ("control apply ID --reason as-planned", "control apply ID --reason as-planned", Well),
        ("status --running", "status --running", MayBeLate),
        ("watch", "watch --times 1", MayBeLate),
        ("cluster show", "cluster show", Well),
        ("shards show", "shards show", Well),
        ("jobs list", "jobs list", Well),
        ("jobs show silver/clicks#8", "jobs show silver/clicks#1", Well),
        ("events --since 12h", "events --since 12h", Well),
        ("config show --origin", "config show --origin", Well),
        ("config diff FILE", "config diff FILE", MayHaveChanges),
        ("explain-row TABLE KEY", "explain-row silver/users 1", Well),
        ("demo --help", "demo --help", Well),
        ("status --lake DIR", "status --lake DIR", MayBeLate),
        ("history TABLE", "history silver/users", Well),
        ("quarantine list", "quarantine list", Well),
        ("quarantine show", "quarantine show silver/users", Well),
        ("quarantine redrive", "quarantine redrive silver/users", Well),
        ("resume bronze/SOURCE/TABLE", "resume bronze/app/users", Well),
        ("pause", "pause bronze/events/clicks --reason a-test", Well),
        ("drain", "drain app --reason a-test", Well),
        ("resume", "resume app --reason a-test", Well),
        ("restart", "restart bronze/app/users --reason a-test", Well),
        ("jobs cancel", "jobs cancel silver/users --reason a-test", Well),
        ("trigger", "trigger silver/users --reason a-test", Well),
        ("schedule silver/users '30 3 * * * Europe/Berlin'", "schedule silver/users '30 3 * * * Europe/Berlin' --reason a-test", Well),
        ("backfill bronze/app/users --full", "backfill bronze/app/users --full --reason a-test", Well),
        ("cluster leave", "cluster leave 127.0.0.1:1 --reason a-test", Well),
        ("cluster down", "cluster down 127.0.0.1:1 --reason a-test", Well),
        ("compact", "compact", Well),
        ("vacuum", "vacuum", Well),
        ("rebuild silver/users --with-dependents", "rebuild silver/users --with-dependents", Well),
        ("rebuild", "rebuild gold/names", Well),
        ("verify --lake DIR", "verify --lake DIR", Well),
        ("verify --lake DIR --deep", "verify --lake DIR --deep", Well),
        ("backup --to s3://backups/lake", "backup --to BACKUPS", Well),
        ("backup --to s3://BACKUPS/lake", "backup --to BACKUPS", Well),
        ("restore --from s3://backups/lake --lake s3://new-bucket/lake", "restore --from BACKUPS --lake RESTORED", Well),
    ];

    /// <summary>Those that a test of their own runs.</summary>
    private static readonly Dictionary<string, string> Elsewhere = new(StringComparer.Ordinal)
    {
        ["sync postgres://reader@db.example/shop public.orders --lake ./lake"] = nameof(SyncVerbSpec.A_table_of_PostgreSQL_lands_and_what_is_printed_keeps_it_fresh),
        ["sync kafka://broker.example:9093 orders --lake ./lake"] = nameof(SyncVerbSpec.A_topic_lands_and_its_fields_are_columns),
        ["discover postgres://reader@db.example/shop"] = nameof(InitVerbSpec.What_it_writes_is_checked_and_runs),
        ["init --source postgres://reader@db.example/shop --table public.orders --table public.customers --to shop.conf"] = nameof(InitVerbSpec.What_it_writes_is_checked_and_runs),
        ["run --config shop.conf"] = nameof(RunSpec.A_service_that_is_told_to_stop_drains_and_ends_well),
        ["run --once"] = nameof(OnceVerbSpec.It_lands_what_sources_have_makes_the_rest_of_it_and_ends_and_leaves_alone_what_is_not_meant),
        ["run --once +fact_sales tag:finance"] = nameof(OnceVerbSpec.It_lands_what_sources_have_makes_the_rest_of_it_and_ends_and_leaves_alone_what_is_not_meant),
        ["source remove NAME"] = nameof(SourceVerbsSpec.A_captured_source_is_removed_only_when_it_was_shown_and_agreed_to),
        ["ask /v1/status --url https://node-1:9464 --token-file FILE"] = nameof(BeyondLoopbackSpec.A_web_node_speaks_TLS_with_who_believes_its_authority_under_its_own_names),
        ["ask /v1/events/stream"] = nameof(EventsSpec.The_command_prints_what_happens_until_it_is_interrupted),
        ["backfill bronze/app/users --from 2026-11-01 --to 2026-11-02"] = nameof(BackfillSpec.A_part_of_a_table_of_PostgreSQL_that_was_changed_behind_its_watermark_is_read_again_and_Silver_has_what_the_source_has),
        ["backfill bronze/events/clicks --from 2026-11-01"] = nameof(BackfillSpec.A_topic_is_read_again_from_an_offset_and_a_time_at_which_nothing_lies_is_refused_before_anything_is_done),
        ["backfill bronze/events/clicks --from 0:100 --to 0:200"] = nameof(BackfillSpec.A_part_of_a_topic_is_read_again_in_its_order_so_that_later_records_of_its_keys_stay_whatever_they_are),
        ["resume TABLE --accept-gap"] = nameof(ResumeSpec.Lost_records_halt_their_table_until_an_operator_accepts_it),
        ["resume bronze/SOURCE/TABLE --accept-gap"] = nameof(ResumeSpec.Lost_records_halt_their_table_until_an_operator_accepts_it),
    };

    private readonly ScratchDirectory _directory = new("pipeline-page-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Each_command_of_the_page_is_known_here_and_each_that_is_known_stands_there()
    {
        Assert.Equal(CommandsOfPage().Order(StringComparer.Ordinal), Run.Select(known => known.OnPage).Concat(Elsewhere.Keys).Order(StringComparer.Ordinal));
        var tests = typeof(OperationsDocumentSpec).Assembly.GetTypes().SelectMany(type => type.GetMethods()).Select(method => method.Name).ToHashSet(StringComparer.Ordinal);
        Assert.All(Elsewhere.Values, test => Assert.Contains(test, tests));
    }

    [Fact]
    public async Task Each_command_of_the_page_does_what_it_says_against_a_running_node()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, ("users", 1), ("clicks", 1));
        await using var node = await StartAsync(kafka);
        using (var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = kafka.Bootstrap }).Build())
            foreach (var topic in (string[])["users", "clicks"]) await producer.ProduceAsync(topic, new Message<Null, byte[]> { Value = Encoding.UTF8.GetBytes("""{"id":1,"name":"Ada"}""") }, Cancel);
        foreach (var table in (string[])["silver/users", "silver/clicks", "gold/names"]) await node.WaitForRowsAsync(table, 1);

        var (wrong, plan) = (new List<string>(), "");
        foreach (var (onPage, typed, ends) in Run)
        {
            string[] args = [.. Words(typed).Select(word => word switch
            {
                Plan => plan,
                "DIR" => node.LakeDirectory,
                "FILE" => node.ConfigPath,
                "BACKUPS" => Path.Combine(_directory, "backups"),
                "RESTORED" => Path.Combine(_directory, "restored"),
                _ => word,
            })];
            string[] format = args.Contains("--help") ? [] : ["--config", node.ConfigPath, "-o", "json"];
            var run = await NodeRun.OfAsync([.. args, .. format]);
            if (args.Contains("--plan") && run.ExitCode == ExitCode.PlanHasChanges) plan = (string)run.Rows[0]!["id"]!;
            if (!ends.Contains(run.ExitCode)) wrong.Add($"{onPage}: {run}");
        }

        Assert.True(wrong.Count == 0, string.Join("\n", wrong));
    }

    private async Task<RunningNode> StartAsync(EmbeddedKafka kafka)
    {
        await File.WriteAllTextAsync(Path.Combine(_directory, "names.sql"), "SELECT id, name FROM silver.users", Cancel);
        const string columns = """columns { id { type = long, required = true, from = value, path = "$.id" }, name { type = string, from = value, path = "$.name" } }, key = [id]""";
        string Source(string name, string topic) => $$"""{{name}} { type = kafka, bootstrap = "{{kafka.Bootstrap}}", security { protocol = plaintext }, tables { {{topic}} { topic = {{topic}}, format = json } } }""";
        return await RunningNode.StartAsync(_directory, $"{Source("app", "users")}\n{Source("events", "clicks")}", behind: $$"""
            silver { users { from = bronze/app/users, {{columns}} }, clicks { from = bronze/events/clicks, {{columns}} } }
            gold.names { sql = "names.sql", materialization = full }
            transform { interval-min = 100ms, poll-interval = 1s }
            http { socket-directory = "{{Path.Combine(_directory, "s")}}", access.directory = "{{Path.Combine(_directory, "access")}}" }
            """);
    }

    /// <summary>Those in blocks and in sentences behind <c>./pipeline</c>, and the verbs of the table that says what operators want.</summary>
    private static HashSet<string> CommandsOfPage()
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "operations.md"));
        var commands = Typed().Matches(page).Select(command => command.Groups["command"].Value.Trim()).ToHashSet(StringComparer.Ordinal);
        var rows = page.Split('\n').SkipWhile(line => line != "| verb | does |").Skip(2).TakeWhile(line => line.StartsWith('|')).ToList();
        Assert.NotEmpty(rows);
        commands.UnionWith(rows.SelectMany(row => Code().Matches(row.Split('|')[1])).Select(code => code.Groups["code"].Value));
        foreach (var several in commands.Where(command => command.Contains(" | ", StringComparison.Ordinal)).ToList())
        {
            commands.Remove(several);
            var noun = several[..(several.IndexOf(' ') + 1)];
            commands.UnionWith(several[noun.Length..].Split(" | ").Select(verb => noun + verb));
        }

        return commands;
    }

    /// <summary>As a shell has them.</summary>
    private static string[] Words(string command) => [.. Word().Matches(command).Select(word => word.Value.Trim('\''))];

    [GeneratedRegex(@"(?:^[ \t]*\./pipeline (?<command>[^\n#]*(?:#\d+)?)$)|(?:`\./pipeline (?<command>[^`\n]+)`)", RegexOptions.Multiline, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Typed();

    [GeneratedRegex("`(?<code>[^`]+)`", RegexOptions.None, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Code();

    [GeneratedRegex(@"'[^']*'|\S+", RegexOptions.None, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Word();
}
