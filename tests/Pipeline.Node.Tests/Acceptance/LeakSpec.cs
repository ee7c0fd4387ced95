using System.Text;
using System.Text.RegularExpressions;
using Confluent.Kafka;
using Npgsql;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Emulation.Kafka;
using Pipeline.Node.Tests.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Acceptance;

/// <summary>
/// A node as a process that tells everything, over rows whose masked values are tokens, and every way in which such a row can go wrong: outside of
/// Bronze no object, log, answer, metric or file of the machine has one.
/// </summary>
[Collection(HealthySources.Name)]
public sealed partial class LeakSpec(HealthySources sources) : IAsyncDisposable
{
    private const string Silver = """
        teams { from = bronze/app/teams, columns { id { type = long } }, key = [id] }
        people {
          from = bronze/app/people, key = [email]
          columns {
            email { type = string, mask = hash }, phone { type = string, mask = redact }, born { type = date, mask = redact }, address { type = string, mask = hash, value = "lower(trim(street))" }
            age { type = int }, team_id { type = long }, changed_at { type = timestamp }
          }
          rules = [
            { name = phone_long, check = "length(phone) > 3" }, { name = age_plausible, check = "age < 100" }
            { name = phone_number, check = "CASE WHEN phone LIKE 'n%' THEN CAST(phone AS BIGINT) > 0 ELSE true END" }
            { name = street_known, check = "address NOT LIKE 'lost%'", severity = warn }
          ]
          references = [ { name = team_exists, column = team_id, table = silver/teams, to = id } ]
        }
        strict { from = bronze/app/people, key = [email], columns { email { type = string, mask = hash }, age { type = int } }, rules = [ { name = young, check = "age < 41", severity = fail } ] }
        cards {
          from = bronze/events/cards, format = json, key = [id]
          columns { id { type = long }, iban { type = string, path = "$.account.iban", mask = hash }, pin { type = long, path = "$.account.pin", mask = redact }, seen { type = timestamp, value = "coalesce(epoch_ms(seen), seen)", mask = redact } }
        }
        """;

    private static readonly string[] Verbs =
    [
        "status", "plan", "check", "verify", "verify --deep", "tables", "kpi", "quarantine list", "quarantine show silver/people", "quarantine show silver/cards", "dlq list", "metrics list", "source list",
        "history silver/people", "history silver/cards", "history silver/people__quarantine", "show silver/people", "show silver/cards", "show silver/people__quarantine", "show silver/cards__quarantine", "show silver/people__deleted",
        "show gold/known", "compile silver/people", "compile gold/known", "quarantine redrive silver/people", "rebuild silver/people --with-dependents", "rebuild silver/strict", "rebuild gold/broken",
    ];

    private static readonly string[] ForPeople = ["status", "plan", "quarantine show silver/people", "show silver/people"];

    private readonly ScratchDirectory _directory = new("pipeline-leaks-");
    private readonly EmbeddedKafka _kafka = EmbeddedKafka.Start(brokers: 1, ("cards", 1));
    private readonly List<(string Where, string Said)> _said = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string LakeDirectory => Path.Combine(_directory, "lake");

    public async ValueTask DisposeAsync()
    {
        await _kafka.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task Tokens_in_masked_columns_are_in_Bronze_and_nowhere_else()
    {
        var tokens = Enumerable.Range(0, 40).Select(i => $"Tk{i:00}{Guid.NewGuid():N}"[..16]).ToList();
        await FillAsync(tokens);
        var config = await ConfigureAsync();
        var lake = new Lake(new LocalObjectStore(LakeDirectory), TimeProvider.System);

        await using (var node = NodeProcess.Start("run", "-v", "--config", config))
        {
            foreach (var (table, rows) in ((string, long)[])[("silver/people", 3), ("silver/people__quarantine", 6), ("silver/cards", 1), ("silver/cards__quarantine", 3), ("bronze/events/_dead_letter", 1), ("gold/known", 3)])
                await RunningNode.WaitForRowsAsync(lake, TableId.Parse(table), rows, () => node.Messages);
            await node.WaitForAsync(line => line.Contains("silver/strict", StringComparison.Ordinal) && line.Contains("young", StringComparison.Ordinal));
            await node.WaitForAsync(line => line.Contains("gold/broken", StringComparison.Ordinal) && line.Contains("fails on a row", StringComparison.Ordinal));
            await ChangeAsync(tokens);
            await RunningNode.WaitForRowsAsync(lake, TableId.Parse("silver/people"), 4, () => node.Messages);
            await AskAsync(Address().Match(node.Messages).Value);
            node.Terminate();
            _said.Add(("the node's log", (await node.WaitForEndAsync()).ToString()));
        }

        foreach (var verb in Verbs)
            foreach (var format in ForPeople.Contains(verb) ? (string[])["table", "json"] : ["json"])
            {
                var run = await NodeRun.OfAsync([.. verb.Split(' '), "-v", "-o", format, "--config", config]);
                _said.Add(($"{verb} -o {format}", run.ToString()));
            }

        _said.Add(("export-jobs", (await NodeRun.OfAsync("export-jobs", "--to", Path.Combine(_directory, "exported"), "--config", config)).ToString()));

        Assert.Contains(_said, one => one.Where == "quarantine show silver/people -o table" && one.Said.Contains("age_plausible", StringComparison.Ordinal));
        Assert.Equal("", string.Join("\n", LeaksOf(tokens).Distinct(StringComparer.Ordinal)));
    }

    /// <summary>Rows that are good, that break each rule, fail in one, have no value of their type, wait for a parent, and records that nobody can read.</summary>
    private async Task FillAsync(List<string> tokens)
    {
        string Person(int at, string phone = "", string born = "2000-01-01", string age = "40", string team = "1", string street = "") =>
            $"('{tokens[at]}', '{(phone.Length > 0 ? phone : tokens[at + 1])}', '{born}', '{street}{tokens[at + 2]}', '{age}', {team}, now())";
        await SqlAsync($"""
            DROP SCHEMA IF EXISTS leaks CASCADE;
            CREATE SCHEMA leaks;
            CREATE TABLE leaks.teams (id bigint PRIMARY KEY, changed_at timestamptz NOT NULL DEFAULT now());
            CREATE TABLE leaks.people (email text PRIMARY KEY, phone text, born text, street text, age text, team_id bigint, changed_at timestamptz NOT NULL);
            INSERT INTO leaks.teams VALUES (1);
            INSERT INTO leaks.people VALUES
              {Person(0)}, {Person(3, street: "lost ")}, {Person(6)},
              {Person(9, phone: "1")}, {Person(12, age: "140")}, {Person(15, phone: $"n{tokens[16]}")}, {Person(18, born: tokens[19])}, {Person(21, age: "old")}, {Person(24, team: "9")};
            """);
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = _kafka.Bootstrap }).Build();
        foreach (var record in (byte[][])
            [
                Encoding.UTF8.GetBytes($$$"""{"id":1,"account":{"iban":"{{{tokens[27]}}}","pin":1},"seen":"2026-01-01T00:00:00Z"}"""),
                Encoding.UTF8.GetBytes($$$"""{"id":"x","account":{"iban":"{{{tokens[28]}}}"}}"""),
                Encoding.UTF8.GetBytes($$$"""{"id":3,"account":{"iban":"i","pin":"{{{tokens[29]}}}"},"seen":"{{{tokens[30]}}}"}"""),
                Encoding.UTF8.GetBytes($$$"""{"id":4,"account":{"iban":"{{{tokens[31]}}}"""),
                [.. Encoding.UTF8.GetBytes($$$"""{"id":5,"account":{"iban":"{{{tokens[32]}}}"""), 0xff, 0xfe],
            ])
            await producer.ProduceAsync("cards", new Message<Null, byte[]> { Value = record }, Cancel);
    }

    /// <summary>Mended, and changed to what is wrong in another way.</summary>
    private Task ChangeAsync(List<string> tokens) => SqlAsync($"""
        UPDATE leaks.people SET phone = '{tokens[33]}', changed_at = clock_timestamp() WHERE email = '{tokens[9]}';
        UPDATE leaks.people SET street = '{tokens[34]}', age = 'older', changed_at = clock_timestamp() WHERE email = '{tokens[0]}';
        """);

    private async Task<string> ConfigureAsync()
    {
        await File.WriteAllTextAsync(Path.Combine(_directory, "known.sql"), "SELECT email, phone, address, CAST(COUNT(*) AS BIGINT) AS people FROM silver.people GROUP BY email, phone, address", Cancel);
        await File.WriteAllTextAsync(Path.Combine(_directory, "broken.sql"), "SELECT CAST(email AS BIGINT) AS n FROM silver.people", Cancel);
        return await RunningNode.ConfigureAsync(_directory, $$"""
            {{sources.PostgresOf("teams { table = \"leaks.teams\", watermark = changed_at, key = [id] }, people { table = \"leaks.people\", watermark = changed_at, key = [email] }")}}
            events { type = kafka, bootstrap = "{{_kafka.Bootstrap}}", commit-group-offsets = false, tables { cards { } } }
            """, $$"""
            transform.mask-key = "a key of thirty-two letters or more"
                  transform.temp-directory = "{{Path.Combine(_directory, "spill")}}"
                  silver { {{Silver}} }
                  gold { known { sql = "known.sql", key = [email], materialization = merge }, broken { sql = "broken.sql" } }
            """);
    }

    /// <summary>What it says of itself to whoever asks.</summary>
    private async Task AskAsync(string address)
    {
        using var client = new HttpClient();
        foreach (var path in (string[])["metrics", "healthz/live", "healthz/ready"])
        {
            using var answer = await client.GetAsync(new Uri($"{address}/{path}"), Cancel);
            _said.Add((path, await answer.Content.ReadAsStringAsync(Cancel)));
        }
    }

    private IEnumerable<string> LeaksOf(List<string> tokens) => Traces.In(_said, tokens)
        .Concat(Traces.In(_directory, tokens, path => path.StartsWith("lake/bronze/", StringComparison.Ordinal) || path.StartsWith("exported/lake/bronze/", StringComparison.Ordinal), Cancel));

    private async Task SqlAsync(string sql)
    {
        await using var database = NpgsqlDataSource.Create(sources.PostgresConnectionString);
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    [GeneratedRegex("http://127[.]0[.]0[.]1:[0-9]+", RegexOptions.None, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Address();
}
