using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Confluent.Kafka;
using Npgsql;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Emulation.Kafka;
using Pipeline.Emulation.Snowflake;
using Pipeline.Node.Tests.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Acceptance;

/// <summary>Secrets from everywhere that they can come from, right ones and wrong ones: no byte that a node leaves or says has one.</summary>
[Collection(HealthySources.Name)]
public sealed partial class SecretCanarySpec(HealthySources sources) : IAsyncDisposable
{
    private const string Environment = "CANARY_OTLP";

    private static readonly string[] Verbs =
        ["check", "status", "plan", "verify", "tables", "kpi", "source list", "metrics list", "dlq list", "quarantine list", "history bronze/app/users", "show bronze/app/users", "control", "events", "why bronze/app/users", "why bronze/typed/clicks", "config show"];

    private readonly ScratchDirectory _directory = new("pipeline-canaries-");
    private readonly ScratchDirectory _files = new("pipeline-secrets-");
    private readonly EmbeddedKafka _kafka = EmbeddedKafka.Start(brokers: 1, ("clicks", 1));
    private readonly List<(string Where, string Said)> _said = [];
    private readonly List<string> _canaries = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _kafka.DisposeAsync();
        _files.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Secrets_are_in_nothing_that_a_node_leaves_or_says_be_they_right_or_wrong()
    {
        var (moto, missing) = await MotoServer.TryStartAsync(Cancel);
        Assert.SkipWhen(moto is null, missing);
        await using var aws = moto;
        await ProduceAsync();
        var (kafka, snowflake, postgres) = (Canary("kafka"), Canary("snowflake"), new NpgsqlConnectionStringBuilder(sources.PostgresConnectionString).Password!);
        _canaries.Add(postgres);
        await using var gateway = KafkaGateway.Start(_kafka, kafka, new KafkaGatewayOptions { Mechanism = "SCRAM-SHA-512", Username = "pipeline" });
        await using var warehouse = await SnowflakeServer.StartAsync(new SnowflakeServerOptions { ClientSecret = snowflake }, Cancel);
        warehouse.Database.Execute("CREATE TABLE ORDERS (ORDER_ID NUMBER(38,0) NOT NULL, UPDATED_AT TIMESTAMP_TZ(6) NOT NULL)");
        warehouse.Database.Execute("INSERT INTO ORDERS SELECT i, TIMESTAMPTZ '2026-01-01 00:00:00+00' FROM range(3) AS t(i)");

        var right = await ConfigureAsync("right", aws.Url, gateway, warehouse, kafka, snowflake, postgres, "");
        await RunAsync(right, async node =>
        {
            foreach (var table in (string[])["bronze/app/users", "bronze/crm/orders", "bronze/events/clicks"]) await RunningNode.WaitForRowsAsync(LakeOf(right), TableId.Parse(table), 3, () => node.Messages);
            await node.WaitForAsync(line => line.Contains("typed", StringComparison.Ordinal) && line.Contains("registry", StringComparison.Ordinal));
        });
        var wrong = await ConfigureAsync("wrong", aws.Url, gateway, warehouse, Canary("wrong-kafka"), Canary("wrong-snowflake"), Canary("wrong-postgres"),
            $"transform.journal {{ provider = postgresql, connection = \"Host=127.0.0.1;Port=1;Username=pipeline;Password={Canary("journal")};Timeout=1\" }}");
        await RunAsync(wrong, async node =>
        {
            foreach (var source in (string[])["app", "crm", "events"]) await node.WaitForAsync(line => line.Contains($"Source {source}", StringComparison.Ordinal) && !line.Contains(" info", StringComparison.OrdinalIgnoreCase));
            await node.WaitForAsync(line => line.Contains("ournal", StringComparison.Ordinal));
        });

        Assert.True(_canaries.Count >= 14, $"{_canaries.Count}");
        Assert.Contains(_said, one => one.Where.StartsWith("right: GET", StringComparison.Ordinal));
        // Who looks finds what is there.
        Assert.Contains(Traces.In(_directory, _canaries, path => !path.EndsWith("pipeline.conf", StringComparison.Ordinal), Cancel), trace => trace.StartsWith("canaryregistry", StringComparison.Ordinal));
        Assert.Equal("", string.Join("\n", Traces.In(_said, _canaries).Concat(Traces.In(_directory, _canaries, path => path.EndsWith("first.token", StringComparison.Ordinal) || path.EndsWith("pipeline.conf", StringComparison.Ordinal), Cancel)).Distinct(StringComparer.Ordinal)));
    }

    private async Task RunAsync(string config, Func<NodeProcess, Task> reached)
    {
        var name = Path.GetFileName(Path.GetDirectoryName(config))!;
        var environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["AWS_ACCESS_KEY_ID"] = "AKIAEXAMPLE", ["AWS_SECRET_ACCESS_KEY"] = Canary("aws-key"), ["AWS_SESSION_TOKEN"] = Canary("aws-token"), [Environment] = Canary("otlp"),
        };
        await using (var node = NodeProcess.StartIn(environment, "run", "-v", "--config", config))
        {
            await reached(node);
            await AskAsync(name, Address().Match(node.Messages).Value, await TokenAsync(config));
            node.Terminate();
            _said.Add(($"{name}: the node's log", (await node.WaitForEndAsync()).ToString()));
        }

        foreach (var verb in Verbs)
        {
            var run = await NodeRun.OfAsync(environment, [.. verb.Split(' '), "-v", "-o", "json", "--config", config]);
            _said.Add(($"{name}: {verb}", run.ToString()));
        }
    }

    /// <summary>Every page that there is, by the token that the node has made.</summary>
    private async Task AskAsync(string name, string address, string token)
    {
        _canaries.Add(token);
        using var client = new HttpClient { BaseAddress = new Uri(address), DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", token) } };
        var paths = JsonNode.Parse(await client.GetStringAsync("v1/openapi.json", Cancel))!["paths"]!.AsObject().Where(path => path.Value!["get"] is not null && !path.Key.EndsWith("/stream", StringComparison.Ordinal)).Select(path => path.Key);
        foreach (var path in paths.Concat(["/metrics", "/healthz/live", "/healthz/ready"]).Distinct(StringComparer.Ordinal))
        {
            using var answer = await client.GetAsync(path.Replace("{table}", "bronze.app.users", StringComparison.Ordinal).Replace("{run}", "1", StringComparison.Ordinal), Cancel);
            _said.Add(($"{name}: GET {path}", answer.Headers + await answer.Content.ReadAsStringAsync(Cancel)));
        }
    }

    private async Task<string> ConfigureAsync(string name, Uri aws, KafkaGateway gateway, SnowflakeServer warehouse, string kafka, string snowflake, string postgres, string more)
    {
        await PutAsync(aws, "secretsmanager", "secretsmanager.CreateSecret", new { Name = $"pipeline/{name}/kafka", SecretString = JsonSerializer.Serialize(new { password = kafka }) });
        await PutAsync(aws, "ssm", "AmazonSSM.PutParameter", new { Name = $"/pipeline/{name}/snowflake", Value = snowflake, Type = "SecureString" });
        var (password, mask) = (Path.Combine(_files, $"{name}-postgres"), Path.Combine(_files, $"{name}-mask"));
        await File.WriteAllTextAsync(password, postgres, Cancel);
        await File.WriteAllTextAsync(mask, Canary("mask"), Cancel);
        var database = new NpgsqlConnectionStringBuilder(sources.PostgresConnectionString);
        var directory = Directory.CreateDirectory(Path.Combine(_directory, name)).FullName;
        return await RunningNode.ConfigureAsync(directory, $$"""
            app {
              type = postgres, host = "{{database.Host}}", port = {{database.Port}}, database = "{{database.Database}}", poll-interval = 100ms
              security { username = "{{database.Username}}", password = "secret:file:{{password}}", ca-file = "{{database.RootCertificate}}" }
              tables { {{HealthySources.UsersTable}} }
            }
            crm {
              type = snowflake, account-url = "{{warehouse.Url}}", role = PIPELINE, warehouse = INGEST_WH, database = ENTERPRISE, schema = CRM
              security { method = oauth, token-url = "{{warehouse.TokenUrl}}", client-id = pipeline, client-secret = "secret:ssm:/pipeline/{{name}}/snowflake" }
              poll-interval = 100ms, commit-lag = 0s, watch-transactions = true
              tables { orders { table = ORDERS, watermark = UPDATED_AT, key = [ORDER_ID] } }
            }
            old { enabled = false, type = postgres, host = "127.0.0.1", database = shop, security { username = reader, password = "{{Canary("left-out")}}" }, tables {} }
            events {
              type = kafka, bootstrap = "{{gateway.Bootstrap}}", commit-group-offsets = false, tables.clicks { format = json }
              security { protocol = sasl-plaintext, username = pipeline, password = "secret:aws:pipeline/{{name}}/kafka#password" }
            }
            typed {
              type = kafka, bootstrap = "{{gateway.Bootstrap}}", commit-group-offsets = false, tables.clicks { format = avro }
              security { protocol = sasl-plaintext, username = pipeline, password = "secret:aws:pipeline/{{name}}/kafka#password" }
              registry { url = "http://127.0.0.1:1", username = pipeline, password = "{{Canary("registry")}}" }
            }
            """, $$"""
            name = {{name}}
                  cluster.roles = [ingest, transform, web]
                  http.access.directory = "{{Path.Combine(directory, "access")}}"
                  http.socket-directory = "{{Path.Combine(_files, "socket")}}"
                  secrets { region = eu-central-1, endpoint = "{{aws}}", parameters-endpoint = "{{aws}}" }
                  transform.mask-key = "secret:file:{{mask}}"
                  transform.temp-directory = "{{Path.Combine(directory, "spill")}}"
                  telemetry {
                    interval = 1s, spool.location = "{{Path.Combine(directory, "spool")}}"
                    otlp { endpoint = "http://127.0.0.1:1", headers { x-api-key = ${?{{Environment}}} } }
                    cloudwatch { region = eu-central-1, endpoint = "{{aws}}" }
                  }
                  silver { users { from = bronze/app/users, columns { user_id { type = long }, updated_at { type = timestamp } }, key = [user_id] } }
                  {{more}}
            """);
    }

    /// <summary>Records without what Avro's begin with, and one that asks the registry.</summary>
    private async Task ProduceAsync()
    {
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = _kafka.Bootstrap }).Build();
        foreach (var record in (byte[][])[[.. "{}"u8], [.. "{}"u8], [0, 0, 0, 0, 7, 1]]) await producer.ProduceAsync("clicks", new Message<Null, byte[]> { Value = record }, Cancel);
    }

    private string Canary(string place)
    {
        var canary = $"canary{place.Replace("-", "", StringComparison.Ordinal)}{Guid.NewGuid():N}";
        _canaries.Add(canary);
        return canary;
    }

    private static Lake LakeOf(string config) => new(new LocalObjectStore(Path.Combine(Path.GetDirectoryName(config)!, "lake")), TimeProvider.System);

    private static async Task<string> TokenAsync(string config) => (await File.ReadAllTextAsync(Path.Combine(Path.GetDirectoryName(config)!, "access", "first.token"), Cancel)).Trim();

    /// <summary>By a request of the test's own.</summary>
    private static async Task PutAsync(Uri url, string service, string target, object content)
    {
        using var http = new HttpClient { BaseAddress = url };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/") { Content = JsonContent.Create(content, options: JsonSerializerOptions.Default) };
        request.Headers.Add("X-Amz-Target", target);
        request.Headers.TryAddWithoutValidation("Authorization", $"AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/{service}/aws4_request, SignedHeaders=host, Signature=0");
        using var response = await http.SendAsync(request, Cancel);
        response.EnsureSuccessStatusCode();
    }

    [GeneratedRegex("http://127[.]0[.]0[.]1:[0-9]+", RegexOptions.None, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Address();
}
