using System.Net;
using System.Net.Sockets;
using Npgsql;
using Pipeline.Core;
using Pipeline.Ingest;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Http;

/// <summary>A node says how it is, and why it is not well.</summary>
[Collection(HealthySources.Name)]
public sealed class HealthSpec(HealthySources sources) : IDisposable
{
    private readonly ScratchDirectory _directory = new("pipeline-health-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_source_that_is_away_is_the_reason_until_it_is_back()
    {
        await ExecuteAsync("create table if not exists lamps (id bigint primary key, updated_at timestamptz not null default now()); insert into lamps values (1)");
        await using var proxy = new TcpProxy(new NpgsqlConnectionStringBuilder(sources.PostgresConnectionString).Port);
        await using var node = await RunningNode.StartAsync(_directory, $"{sources.PostgresOf("""lamps { table = "public.lamps", watermark = updated_at, key = [id] }""")}\napp.port = {proxy.Port}");
        using var answers = new HealthAnswers(node.HttpAddress);
        var well = await answers.WaitUntilReadyAsync();
        Assert.Equal(["cluster", "sources", "commits", "transform", "journal"], well.Names);
        Assert.Empty(well.Reasons);

        proxy.Cut();
        var away = await answers.WaitUntilUnreadyAsync("sources");
        Assert.All(away.Reasons, reason => Assert.StartsWith("Source app", (string?)reason["thing"], StringComparison.Ordinal));
        Assert.All(away.Reasons, reason => Assert.NotEmpty((string)reason["next_step"]!));
        await answers.WaitUntilLiveAsync();

        proxy.Restore();
        await ExecuteAsync("insert into lamps values (2)");
        await answers.WaitUntilReadyAsync();
    }

    [Fact]
    public async Task A_table_that_is_halted_is_a_reason_and_no_secret_is_said()
    {
        await using var node = await RunningNode.StartAsync(_directory, $"{sources.Configuration}\napp.security.password = a-wrong-one-9731");
        using var answers = new HealthAnswers(node.HttpAddress);
        await node.WaitForStateAsync("bronze/app/users", IngestState.Halted);

        var halted = await answers.WaitUntilUnreadyAsync("sources");

        Assert.True(halted.Says("password"), halted.Body);
        Assert.DoesNotContain("9731", halted.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_Silver_table_that_is_stopped_is_the_reason_until_it_goes_on()
    {
        await ExecuteAsync("create table if not exists rated (id bigint primary key, stars int not null, updated_at timestamptz not null default now()); insert into rated values (1, 3), (2, 9)");
        await using var node = await RunningNode.StartAsync(_directory, sources.PostgresOf("""rated { table = "public.rated", watermark = updated_at, key = [id] }"""), behind: """
            silver { rated { from = bronze/app/rated, columns { id { type = long }, stars { type = int } }, key = [id], rules = [ { name = at_most_five, check = "stars <= 5", severity = fail } ] } }
            """);
        using var answers = new HealthAnswers(node.HttpAddress);

        var stopped = await answers.WaitUntilUnreadyAsync("transform");
        Assert.True(stopped.Says("at_most_five"), stopped.Body);
        Assert.StartsWith("Table silver/rated", (string?)Assert.Single(stopped.Reasons)["thing"], StringComparison.Ordinal);

        await ExecuteAsync("update rated set stars = 5, updated_at = now() where id = 2");
        await answers.WaitUntilReadyAsync();
    }

    [Fact]
    public async Task An_engine_that_is_away_is_the_reason_why_tables_are_not_made()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1", "That an engine is away is known when several attempts have failed, each of which has its pauses: PIPELINE_NIGHTLY=1.");
        Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", "test");
        Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", "test");
        await using var node = await RunningNode.StartAsync(_directory, sources.PostgresOf(HealthySources.UsersTable), behind: $$"""
            silver { users { from = bronze/app/users, columns { user_id { type = long, required = true } }, key = [user_id], engine = emr-serverless } }
            transform.emr-serverless {
              region = eu-central-1, endpoint = "http://127.0.0.1:{{LoopbackPort.Free()}}", application-id = "00f5", execution-role = "arn:aws:iam::123456789012:role/jobs"
              log-uri = "{{Path.Combine(_directory, "logs")}}", dialect = duckdb
            }
            """);
        using var answers = new HealthAnswers(node.HttpAddress);

        var away = await answers.WaitUntilUnreadyAsync("transform");

        Assert.True(away.Says("EMR Serverless"), away.Body);
    }

    [Fact]
    public async Task A_journal_that_cannot_be_written_is_the_reason_until_it_can()
    {
        var stray = Directory.CreateDirectory(Path.Combine(_directory, "journal.db"));
        await using var node = await RunningNode.StartAsync(_directory, sources.Configuration);
        using var answers = new HealthAnswers(node.HttpAddress);

        var unwritable = await answers.WaitUntilUnreadyAsync("journal");
        Assert.True(unwritable.Says("journal.db"), unwritable.Body);

        stray.MoveTo(Path.Combine(_directory, "moved away"));
        await answers.WaitUntilReadyAsync();
    }

    [Fact]
    public async Task A_full_lake_is_the_reason_why_commits_do_not_move()
    {
        using var disk = SmallDisk.TryMount(megabytes: 2);
        Assert.SkipWhen(disk is null, "Mounting a small file system needs root.");
        disk.Fill();
        await using var node = await RunningNode.StartAsync(_directory, sources.Configuration, disk.Path);
        using var answers = new HealthAnswers(node.HttpAddress);

        var full = await answers.WaitForAsync("/healthz/ready", answer => answer.Failing.Contains("commits"));
        Assert.True(full.Says("no space is left on the disk"), full.Body);

        disk.Free();
        await answers.WaitUntilReadyAsync();
    }

    [Fact]
    public async Task A_node_is_not_ready_before_it_has_joined_its_cluster()
    {
        var seed = LoopbackPort.Free();
        await using var early = await StartNodeAsync("early", seed, port: 0);
        using var answers = new HealthAnswers(early.HttpAddress);
        var outside = await answers.AskAsync("/healthz/ready");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, outside.Status);
        Assert.Contains("cluster", outside.Failing);
        Assert.True(outside.Says("has not joined its cluster"), outside.Body);
        await answers.WaitUntilLiveAsync();

        await using var first = await StartNodeAsync("first", seed, port: seed);
        await answers.WaitUntilReadyAsync();
    }

    [Fact]
    public async Task It_answers_to_what_it_knows_under_its_own_names_only()
    {
        await using var node = await RunningNode.StartAsync(_directory, "");
        using var http = new HttpClient { BaseAddress = node.HttpAddress };
        async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string? host = null, HttpContent? content = null)
        {
            using var request = new HttpRequestMessage(method, path) { Content = content };
            request.Headers.Host = host;
            return await http.SendAsync(request, TestContext.Current.CancellationToken);
        }

        // One that has no time to answer on a busy machine says so, and is asked again.
        async Task<HttpStatusCode> LiveAsync(HttpMethod method, string? host = null)
        {
            while (true)
                if ((await SendAsync(method, "/healthz/live", host)).StatusCode is var status and not HttpStatusCode.ServiceUnavailable) return status;
        }

        Assert.True(IPAddress.IsLoopback(IPAddress.Parse(node.HttpAddress.Host)));
        Assert.Equal(HttpStatusCode.NotFound, (await SendAsync(HttpMethod.Get, "/")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await SendAsync(HttpMethod.Get, "/healthz")).StatusCode);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await SendAsync(HttpMethod.Post, "/healthz/live")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, await LiveAsync(HttpMethod.Head));
        foreach (var own in (string[])["localhost", "LOCALHOST:80", "127.0.0.1", $"[::1]:{node.HttpAddress.Port}"])
            Assert.Equal(HttpStatusCode.OK, await LiveAsync(HttpMethod.Get, own));
        foreach (var strange in (string[])["pipeline.example.com", "127.0.0.1.example.com", $"localhost.example.com:{node.HttpAddress.Port}", "10.0.0.1"])
            Assert.Equal(HttpStatusCode.MisdirectedRequest, await LiveAsync(HttpMethod.Get, strange));
    }

    [Theory]
    [InlineData(null, "text/plain; version=0.0.4; charset=utf-8")]
    [InlineData("text/plain", "text/plain; version=0.0.4; charset=utf-8")]
    [InlineData("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "application/openmetrics-text; version=1.0.0; charset=utf-8")]
    [InlineData("application/openmetrics-text;q=0.2,text/plain;q=0.9", "text/plain; version=0.0.4; charset=utf-8")]
    public async Task What_is_measured_can_be_read_in_the_form_that_is_asked_for(string? accepted, string form)
    {
        await using var node = await RunningNode.StartAsync(_directory, "", behind: "name = shop");
        using var http = new HttpClient { BaseAddress = node.HttpAddress };
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        if (accepted is not null) request.Headers.TryAddWithoutValidation("Accept", accepted);

        using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(form, response.Content.Headers.ContentType!.ToString());
        Assert.Contains("\npipeline_ingest_buffer_bytes{pipeline=\"shop\"} 0\n", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_port_that_another_has_is_told_in_one_line()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;

        var taken = await Assert.ThrowsAsync<PipelineException>(() => RunningNode.StartAsync(_directory, "", behind: $"http.port = {port}"));

        Assert.Contains($"127.0.0.1:{port}", taken.Message, StringComparison.Ordinal);
        Assert.Contains("http.port", taken.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', taken.Message);
    }

    private Task<RunningNode> StartNodeAsync(string name, int seed, int port) =>
        RunningNode.StartAsync(Directory.CreateDirectory(Path.Combine(_directory, name)).FullName, "", Path.Combine(_directory, "lake"),
            $$"""
            lake.location = "{{Path.Combine(_directory, "lake")}}"
            cluster { port = {{port}}, seed-nodes = ["127.0.0.1:{{seed}}"], roles = [ingest] }
            """);

    private async Task ExecuteAsync(string sql)
    {
        await using var database = NpgsqlDataSource.Create(sources.PostgresConnectionString);
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}
