using System.Text;
using System.Text.Json.Nodes;
using Confluent.Kafka;
using Npgsql;
using Pipeline.Emulation.Kafka;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>What a contract makes of real rows is seen before anything is committed anywhere.</summary>
[Collection(HealthySources.Name)]
public sealed class PreviewVerbSpec(HealthySources sources) : IDisposable
{
    private static readonly TimeSpan Deadline = Deadlines.Test;

    private const string Bills = """
        bills {
          from = bronze/app/bills
          columns {
            id { type = long, required = true }
            email { type = string, mask = redact }
            amount { type = "decimal(18,2)", required = true }
          }
          key = [id]
          rules = [{ name = amount_positive, check = "amount > 0", severity = quarantine, dimension = validity }]
        }
        """;

    private readonly ScratchDirectory _directory = new("pipeline-preview-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string LakeDirectory => Path.Combine(_directory, "lake");

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("poll-interval = 100ms", "watermark = updated_at, ")]
    [InlineData("mode = cdc", "")]
    public async Task Rows_of_PostgreSQL_are_judged_and_nothing_is_left_on_the_server(string settings, string watermark)
    {
        await SqlAsync("""
            DROP TABLE IF EXISTS bills;
            CREATE TABLE bills (id bigint PRIMARY KEY, email text, amount numeric(10,2), updated_at timestamptz NOT NULL DEFAULT now());
            INSERT INTO bills VALUES (1, 'ada@example.org', 12.5), (2, 'bob@example.org', -1), (3, 'eve@example.org', NULL);
            """);
        var config = await ConfigureAsync(sources.PostgresOf($$"""bills { table = "public.bills", {{watermark}}key = [id] }""", settings), Bills);
        var before = await TracesAsync();

        var run = await PreviewAsync(config, "silver/bills", "-o", "json");

        Assert.True(run.ExitCode == ExitCode.Done, run.ToString());
        Assert.Equal(["accepted: 1 *** 12.50", "quarantined: amount_positive", "quarantined: required:amount"], Fates(run));
        Assert.True((bool)run.Document["whole"]!);
        Assert.DoesNotContain("example.org", run.ToString(), StringComparison.Ordinal);
        Assert.Contains("3 rows of bronze/app/bills, which are all: 1 accepted, 2 quarantined, 0 superseded, 0 deletes, 0 dead letters. Nothing was written.", run.Messages, StringComparison.Ordinal);
        Assert.Equal(before, await TracesAsync());
        AssertNothingIsWritten();
    }

    [Fact]
    public async Task Records_of_a_topic_have_each_one_fate_and_no_offset_is_committed()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, ("orders", 1));
        using (var producer = new ProducerBuilder<byte[], byte[]?>(new ProducerConfig { BootstrapServers = kafka.Bootstrap }).Build())
            foreach (var (key, value) in new (string, byte[]?)[]
                     {
                         ("1", """{"id":1,"total":5}"""u8.ToArray()), ("2", """{"id":2,"total":-5}"""u8.ToArray()), ("1", """{"id":1,"total":7}"""u8.ToArray()),
                         ("4", [0x7B, 0xC3, 0x28]), ("5", """{"id":"five","total":1}"""u8.ToArray()),
                     })
                await producer.ProduceAsync("orders", new Message<byte[], byte[]?> { Key = Encoding.UTF8.GetBytes(key), Value = value }, Cancel);
        var config = await ConfigureAsync($$"""events { type = kafka, bootstrap = "{{kafka.Bootstrap}}", security { protocol = plaintext }, group = preview-group, tables { orders { topic = orders, format = json } } }""", """
            orders {
              from = bronze/events/orders, format = json
              columns { id { type = long, path = "$.id", required = true }, total { type = long, path = "$.total" } }
              key = [id]
              rules = [{ name = total_positive, check = "total > 0", severity = quarantine, dimension = validity }]
            }
            """);

        var run = await PreviewAsync(config, "orders", "-o", "json");
        var people = await PreviewAsync(config, "orders");
        var two = await PreviewAsync(config, "bronze/events/orders", "--limit", "2", "-o", "json");

        Assert.True((run.ExitCode, people.ExitCode, two.ExitCode) == (ExitCode.Done, ExitCode.Done, ExitCode.Done), $"{run}\n{people}\n{two}");
        Assert.Equal(["superseded: ", "quarantined: total_positive", "accepted: 1 7", "quarantined: type:id", "dead_letter: "], Fates(run));
        Assert.Contains("-5", $"{run.Rows[1]!["row"]}", StringComparison.Ordinal);
        Assert.Equal(("invalid_utf8", 3L), ((string)run.Rows[4]!["code"]!, (long)run.Rows[4]!["position"]!));
        Assert.Contains("breaks total_positive", people.Data, StringComparison.Ordinal);
        Assert.Contains("a newer row of its key was read too", people.Data, StringComparison.Ordinal);
        Assert.Equal(["accepted: 1 5", "quarantined: total_positive"], Fates(two));
        Assert.False((bool)two.Document["whole"]!);
        using var group = new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig { BootstrapServers = kafka.Bootstrap, GroupId = "preview-group" }).Build();
        Assert.Equal([Offset.Unset], group.Committed([new TopicPartition("orders", 0)], Deadline).Select(committed => committed.Offset));
        AssertNothingIsWritten();
    }

    [Fact]
    public async Task Records_that_cannot_be_decoded_are_of_those_that_are_wanted()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, ("orders", 1));
        using (var producer = new ProducerBuilder<byte[], byte[]?>(new ProducerConfig { BootstrapServers = kafka.Bootstrap }).Build())
            foreach (var id in Enumerable.Range(1, 12))
                await producer.ProduceAsync("orders", new Message<byte[], byte[]?> { Key = Encoding.UTF8.GetBytes($"{id}"), Value = id < 5 ? [0x7B, 0xC3, 0x28] : Encoding.UTF8.GetBytes($$"""{"id":{{id}}}""") }, Cancel);
        var config = await ConfigureAsync($$"""events { type = kafka, bootstrap = "{{kafka.Bootstrap}}", security { protocol = plaintext }, group = preview-group, tables { orders { topic = orders, format = json } } }""",
            """orders { from = bronze/events/orders, format = json, columns { id { type = long, path = "$.id", required = true } }, key = [id] }""");

        var six = await PreviewAsync(config, "orders", "--limit", "6", "-o", "json");
        var three = await PreviewAsync(config, "orders", "--limit", "3", "-o", "json");

        Assert.True((six.ExitCode, three.ExitCode) == (ExitCode.Done, ExitCode.Done), $"{six}\n{three}");
        Assert.Equal(["accepted: 5", "accepted: 6", "dead_letter: ", "dead_letter: ", "dead_letter: ", "dead_letter: "], Fates(six));
        Assert.Equal(["dead_letter: ", "dead_letter: ", "dead_letter: "], Fates(three));
        Assert.False((bool)six.Document["whole"]! || (bool)three.Document["whole"]!);
    }

    [Fact]
    public async Task A_table_of_Snowflake_is_asked_for_no_more_rows_than_are_wanted()
    {
        var config = await ConfigureAsync(sources.SnowflakeOf("orders { table = ORDERS, watermark = UPDATED_AT, key = [ORDER_ID] }"), """
            orders { from = bronze/crm/orders, columns { order_id { type = long, required = true } }, key = [order_id], rules = [{ name = not_the_first, check = "order_id > 0", severity = quarantine, dimension = validity }] }
            """);

        var run = await PreviewAsync(config, "silver/orders", "--limit", "2", "-o", "json");

        Assert.True(run.ExitCode == ExitCode.Done, run.ToString());
        Assert.Equal(["quarantined: not_the_first", "accepted: 1"], Fates(run).Order(StringComparer.Ordinal).Reverse());
        Assert.False((bool)run.Document["whole"]!);
        AssertNothingIsWritten();
    }

    [Fact]
    public async Task What_is_in_the_lake_is_only_read_for_rows_and_for_what_they_refer_to()
    {
        await SqlAsync("""
            DROP TABLE IF EXISTS teams, players;
            CREATE TABLE teams (id bigint PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT now());
            CREATE TABLE players (id bigint PRIMARY KEY, team bigint, updated_at timestamptz NOT NULL DEFAULT now());
            INSERT INTO teams VALUES (10); INSERT INTO players VALUES (1, 10), (2, 11);
            """);
        const string Players = """
            players {
              from = bronze/app/players
              columns { id { type = long, required = true }, team { type = long } }
              key = [id]
              references = [{ name = team_exists, column = team, table = silver/teams, to = id, severity = quarantine }]
            }
            teams { from = bronze/app/teams, columns { id { type = long, required = true } }, key = [id] }
            """;
        var config = await ConfigureAsync(sources.PostgresOf("""teams { table = "public.teams", watermark = updated_at, key = [id] }, players { table = "public.players", watermark = updated_at, key = [id] }"""), Players);

        var early = await PreviewAsync(config, "players", "-o", "json");
        AssertNothingIsWritten();
        var landed = await NodeRun.OfAsync("run", "--once", "--config", config).WaitAsync(Deadline, Cancel);
        Assert.True(landed.ExitCode == ExitCode.Done, landed.ToString());
        var lake = Files();
        await SqlAsync("UPDATE players SET team = 10 WHERE id = 2");
        var late = await PreviewAsync(config, "players", "-o", "json");
        var fromBronze = await PreviewAsync(config, "players", "--from-bronze", "-o", "json");

        Assert.Equal(["accepted: 1 10", "accepted: 2 11"], Fates(early));
        Assert.Contains("Rule team_exists was not judged: silver/teams is not in the lake yet.", early.Messages, StringComparison.Ordinal);
        Assert.Equal("team_exists", (string)early.Document["unjudged"]![0]!);
        Assert.Equal(["accepted: 1 10", "accepted: 2 10"], Fates(late));
        Assert.Equal(["accepted: 1 10", "quarantined: team_exists"], Fates(fromBronze));
        Assert.True((bool)fromBronze.Rows[1]!["held"]!);
        Assert.Equal(lake, Files());
    }

    [Fact]
    public async Task A_rule_that_would_stop_the_table_is_told()
    {
        await SqlAsync("DROP TABLE IF EXISTS bills; CREATE TABLE bills (id bigint PRIMARY KEY, email text, amount numeric(10,2), updated_at timestamptz NOT NULL DEFAULT now()); INSERT INTO bills VALUES (1, NULL, -1)");
        var config = await ConfigureAsync(sources.PostgresOf("""bills { table = "public.bills", watermark = updated_at, key = [id] }"""), Bills.Replace("severity = quarantine", "severity = fail", StringComparison.Ordinal));

        var run = await PreviewAsync(config, "silver/bills");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("rule amount_positive with severity fail is broken (rows: 1,", run.Messages, StringComparison.Ordinal);
        AssertNothingIsWritten();
    }

    [Theory]
    [InlineData("silver/bill", "20", ExitCode.Failed, "Did you mean 'silver/bills'?")]
    [InlineData("silver/bills", "0", ExitCode.Usage, "--limit is from 1 to 10,000.")]
    [InlineData("silver/bills", "10001", ExitCode.Usage, "--limit is from 1 to 10,000.")]
    public async Task What_cannot_be_shown_is_told_with_what_can(string table, string limit, int exitCode, string told)
    {
        var config = await ConfigureAsync(sources.PostgresOf("""bills { table = "public.bills", watermark = updated_at, key = [id] }"""), Bills);

        var run = await PreviewAsync(config, table, "--limit", limit);

        Assert.Equal(exitCode, run.ExitCode);
        Assert.Contains(told, run.Messages, StringComparison.Ordinal);
    }

    private static string[] Fates(NodeRun run) => [.. run.Rows.Select(row => $"{row!["fate"]}: {(row["values"] is JsonObject values ? string.Join(' ', values.Select(value => $"{value.Value}")) : string.Join(',', row["rules"]!.AsArray().Select(rule => $"{rule}")))}")];

    private static Task<NodeRun> PreviewAsync(string config, params string[] arguments) => NodeRun.OfAsync(["preview", .. arguments, "--config", config]).WaitAsync(Deadline, Cancel);

    private Task<string> ConfigureAsync(string source, string contracts) => RunningNode.ConfigureAsync(_directory, source, $$"""silver { {{contracts}} }, transform.mask-key = "the key of a test, which is no secret at all", transform.temp-directory = "{{Path.Combine(_directory, "work")}}" """);

    /// <summary>No lake, no journal, and nothing is left of the work.</summary>
    private void AssertNothingIsWritten() => Assert.Equal(["akka.conf", "pipeline.conf"], Files());

    private string[] Files() => [.. Directory.EnumerateFiles(_directory, "*", SearchOption.AllDirectories).Select(file => $"{Path.GetRelativePath(_directory, file)}").Order(StringComparer.Ordinal)];

    private async Task<string> TracesAsync()
    {
        await using var database = NpgsqlDataSource.Create(sources.PostgresConnectionString);
        await using var command = database.CreateCommand("SELECT concat_ws(' ', (SELECT string_agg(slot_name, ',') FROM pg_replication_slots), (SELECT string_agg(pubname, ',') FROM pg_publication), (SELECT count(*) FROM pg_description WHERE classoid IN ('pg_publication'::regclass, 'pg_class'::regclass) AND objoid >= 16384))");
        return (string)(await command.ExecuteScalarAsync(Cancel))!;
    }

    private async Task SqlAsync(string sql)
    {
        await using var database = NpgsqlDataSource.Create(sources.PostgresConnectionString);
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }
}
