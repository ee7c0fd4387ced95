using System.Diagnostics;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Pipeline.Emulation.Snowflake;
using Pipeline.Testing;

namespace Pipeline.Emulation.Tests;

/// <summary>The emulated server answers as Snowflake documents it, so that what passes here can be trusted there.</summary>
public sealed class EmulatedSqlApiSpec
{
    private static CancellationTokenSource StartDeadline()
    {
        var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadlines.Test);
        return deadline;
    }

    [Fact]
    public async Task Answers_satisfy_the_published_schema()
    {
        var schema = SharedFiles.Find("reference/snowflake-sqlapi.yaml");
        Assert.SkipWhen(schema is null, "There is no shared/reference/snowflake-sqlapi.yaml beside the checkout.");
        Assert.SkipUnless(await PythonAsync("import openapi_schema_validator, yaml", "", "") is (0, _), "python3 has no openapi_schema_validator.");
        using var deadline = StartDeadline();
        await using var api = await Api.StartAsync(deadline.Token);
        var answers = new JsonArray();
        async Task AddAsync(string schema, Task<(HttpStatusCode Status, JsonNode? Body, HttpResponseHeaders Headers)> sending) =>
            answers.Add(new JsonObject { ["schema"] = schema, ["body"] = (await sending).Body?.DeepClone() });

        var handle = (string)(await api.SubmitAsync("SELECT * FROM T ORDER BY A", "&async=true")).Body!["statementHandle"]!;
        await AddAsync("ResultSet", api.SubmitAsync("SELECT * FROM T ORDER BY A"));
        await AddAsync("ResultSet", api.SubmitAsync("SELECT * FROM T WHERE FALSE"));
        await AddAsync("ResultSet", api.SubmitAsync("INSERT INTO T VALUES (5, 'x', NULL, NULL)"));
        await AddAsync("ResultSet", api.SubmitAsync("SHOW TRANSACTIONS"));
        await AddAsync("QueryStatus", api.SubmitAsync("SELECT 1", "&async=true"));
        await AddAsync("ResultSet", api.GetAsync(handle, ""));
        await AddAsync("ResultSet", api.GetAsync(handle, "&partition=1"));
        await AddAsync("QueryFailureStatus", api.SubmitAsync("SELECT * FROM ABSENT"));
        await AddAsync("QueryFailureStatus", api.SubmitAsync("SELEC 1"));
        await AddAsync("CancelStatus", api.PostAsync($"/{handle}/cancel?requestId={Guid.NewGuid()}", null));

        var (exit, output) = await PythonAsync(Validator, schema!, answers.ToJsonString());

        Assert.True(exit == 0, output);
        Assert.Equal("10 answers valid", output.Trim());
    }

    [Fact]
    public async Task A_tables_rows_and_when_it_was_made_change_at_one_moment_when_it_is_swapped()
    {
        using var deadline = StartDeadline();
        await using var api = await Api.StartAsync(deadline.Token, create: false);
        const int swaps = 30;
        async Task<string?> CellAsync(string sql) => (string?)(await api.SubmitAsync(sql)).Body!["data"]![0]![0];
        api.Server.Database.Execute("CREATE TABLE T (A NUMBER(12,0) NOT NULL)");
        api.Server.Database.Execute("INSERT INTO T VALUES (-1)");
        var rows = new Dictionary<string, string?>(StringComparer.Ordinal) { [(await CellAsync("SHOW OBJECTS LIKE 'T' IN SCHEMA \"ENTERPRISE\".\"CRM\""))!] = "-1" };
        for (var i = 0; i < swaps; i++)
        {
            api.Server.Database.Execute($"CREATE TABLE T{i} (A NUMBER(12,0) NOT NULL)");
            api.Server.Database.Execute($"INSERT INTO T{i} VALUES ({i})");
            rows.Add((await CellAsync($"SHOW OBJECTS LIKE 'T{i}' IN SCHEMA \"ENTERPRISE\".\"CRM\""))!, $"{i}");
        }

        var swapping = Task.Run(() =>
        {
            for (var i = 0; i < swaps; i++) api.Server.Database.Execute($"ALTER TABLE T SWAP WITH T{i}");
        }, deadline.Token);
        var last = "";
        while (last != $"{swaps - 1}")
        {
            var before = await CellAsync("SHOW OBJECTS LIKE 'T' IN SCHEMA \"ENTERPRISE\".\"CRM\"");
            last = await CellAsync("SELECT A FROM T");
            // No table comes back.
            if (before == await CellAsync("SHOW OBJECTS LIKE 'T' IN SCHEMA \"ENTERPRISE\".\"CRM\"")) Assert.Equal(rows[before!], last);
        }

        await swapping;
    }

    [Fact]
    public async Task A_request_id_is_executed_once_with_retry_and_twice_without()
    {
        using var deadline = StartDeadline();
        await using var api = await Api.StartAsync(deadline.Token);
        var requestId = Guid.NewGuid();

        var first = await api.PostAsync($"?requestId={requestId}", new { statement = "INSERT INTO T VALUES (7, 'x', NULL, NULL)" });
        var again = await api.PostAsync($"?requestId={requestId}&retry=true", new { statement = "INSERT INTO T VALUES (7, 'x', NULL, NULL)" });
        Assert.Equal((string?)first.Body!["statementHandle"], (string?)again.Body!["statementHandle"]);
        await api.PostAsync($"?requestId={requestId}", new { statement = "INSERT INTO T VALUES (7, 'x', NULL, NULL)" });

        var count = await api.SubmitAsync("SELECT COUNT(*) FROM T WHERE A = 7");
        Assert.Equal("2", (string?)count.Body!["data"]![0]![0]);
    }

    [Fact]
    public async Task A_later_partition_is_compressed_has_rows_only_and_links_to_its_neighbours()
    {
        using var deadline = StartDeadline();
        await using var api = await Api.StartAsync(deadline.Token);

        var first = await api.SubmitAsync("SELECT * FROM T ORDER BY A");
        var partitions = first.Body!["resultSetMetaData"]!["partitionInfo"]!.AsArray();
        var second = await api.GetAsync((string)first.Body["statementHandle"]!, "&partition=1");

        Assert.True(partitions.Count > 2);
        Assert.Equal(["data"], second.Body!.AsObject().Select(member => member.Key));
        Assert.Equal((int)partitions[1]!["rowCount"]!, second.Body["data"]!.AsArray().Count);
        Assert.Equal(1_000, partitions.Sum(partition => (int)partition!["rowCount"]!));
        var links = string.Join(",", second.Headers.GetValues("Link"));
        Assert.All(new[] { "rel=\"first\"", "rel=\"prev\"", "rel=\"next\"", "rel=\"last\"" }, relation => Assert.Contains(relation, links));
    }

    [Fact]
    public async Task A_result_of_several_partitions_outlives_many_small_statements()
    {
        using var deadline = StartDeadline();
        await using var api = await Api.StartAsync(deadline.Token);
        var large = (string)(await api.SubmitAsync("SELECT * FROM T ORDER BY A")).Body!["statementHandle"]!;
        var small = (string)(await api.SubmitAsync("SELECT 1")).Body!["statementHandle"]!;

        for (var i = 0; i < 300; i++) await api.SubmitAsync("SHOW TRANSACTIONS");

        Assert.Equal(HttpStatusCode.OK, (await api.GetAsync(large, "&partition=1")).Status);
        Assert.Equal("000709", (string?)(await api.GetAsync(small, "")).Body!["code"]);
    }

    [Fact]
    public async Task Values_are_bound_to_question_marks_and_never_become_sql()
    {
        using var deadline = StartDeadline();
        await using var api = await Api.StartAsync(deadline.Token);

        var answer = await api.PostAsync("", new
        {
            statement = "SELECT ?, '?', ? -- ?",
            bindings = new Dictionary<string, object> { ["1"] = new { type = "TEXT", value = "x' OR '1'='1" }, ["2"] = new { type = "FIXED", value = "12" } },
        });

        Assert.Equal(["x' OR '1'='1", "?", "12"], answer.Body!["data"]![0]!.AsArray().Select(cell => (string?)cell));
    }

    [Theory]
    [InlineData("USE DATABASE X", 422, "391911")]
    [InlineData("SELECT * FROM \"t\"", 422, "002003")]
    [InlineData("SELECT NOPE FROM T", 422, "000904")]
    [InlineData("SELECT (1", 422, "001003")]
    [InlineData("SELECT ?", 422, "002049")]
    [InlineData("", 422, "000900")]
    public async Task A_wrong_statement_has_its_code(string sql, int status, string code)
    {
        using var deadline = StartDeadline();
        await using var api = await Api.StartAsync(deadline.Token);

        var answer = await api.SubmitAsync(sql);

        Assert.Equal((status, code), ((int)answer.Status, (string?)answer.Body!["code"]));
    }

    [Fact]
    public async Task A_statement_that_takes_longer_than_its_timeout_is_cancelled()
    {
        using var deadline = StartDeadline();
        await using var api = await Api.StartAsync(deadline.Token);
        using var hold = api.Server.HoldStatements();

        var answer = await api.PostAsync("", new { statement = "SELECT 1", timeout = 1 });

        Assert.Equal((HttpStatusCode.RequestTimeout, "000630"), (answer.Status, (string?)answer.Body!["code"]));
        Assert.Empty(api.Server.Executed);
    }

    [Fact]
    public async Task A_request_without_a_user_agent_or_with_a_forged_token_is_refused()
    {
        using var deadline = StartDeadline();
        await using var api = await Api.StartAsync(deadline.Token);
        var token = api.Token;

        api.Http.DefaultRequestHeaders.UserAgent.Clear();
        Assert.Equal(HttpStatusCode.BadRequest, (await api.SubmitAsync("SELECT 1")).Status);
        api.Http.DefaultRequestHeaders.UserAgent.ParseAdd("test/1");
        api.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token[..^4] + "AAAA");
        var forged = await api.SubmitAsync("SELECT 1");
        api.Http.DefaultRequestHeaders.Authorization = null;
        var none = await api.SubmitAsync("SELECT 1");

        Assert.Equal((HttpStatusCode.Unauthorized, "390303"), (forged.Status, (string?)forged.Body!["code"]));
        Assert.Equal(HttpStatusCode.Unauthorized, none.Status);
    }

    [Fact]
    public async Task An_expired_token_is_refused_as_expired()
    {
        using var deadline = StartDeadline();
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var api = await Api.StartAsync(deadline.Token, new SnowflakeServerOptions { Time = time, TokenLifetime = TimeSpan.FromMinutes(5) });

        time.Advance(TimeSpan.FromMinutes(5));
        var answer = await api.SubmitAsync("SELECT 1");

        Assert.Equal((HttpStatusCode.Unauthorized, "390318"), (answer.Status, (string?)answer.Body!["code"]));
    }

    [Fact]
    public async Task The_information_schema_has_the_declared_types()
    {
        using var deadline = StartDeadline();
        await using var api = await Api.StartAsync(deadline.Token);

        var answer = await api.SubmitAsync("""
            SELECT COLUMN_NAME, DATA_TYPE, IS_NULLABLE, NUMERIC_PRECISION FROM ENTERPRISE.INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = 'T' ORDER BY ORDINAL_POSITION
            """);

        Assert.Equal("""[["A","NUMBER","NO","12"],["B","TEXT","YES",null],["C","TIMESTAMP_LTZ","YES",null],["D","VARIANT","YES",null]]""", answer.Body!["data"]!.ToJsonString());
    }

    [Fact]
    public async Task A_database_in_a_file_is_the_same_after_it_is_opened_again()
    {
        using var deadline = StartDeadline();
        var path = Path.Combine(Path.GetTempPath(), $"snowflake-{Guid.NewGuid():N}.duckdb");
        try
        {
            await using (var server = await SnowflakeServer.StartAsync(new SnowflakeServerOptions { Path = path }, deadline.Token))
            {
                server.Database.Execute("CREATE TABLE T (A NUMBER(12,2) NOT NULL, D VARIANT)");
                using var kept = server.Database.Begin();
                kept.Execute("INSERT INTO T VALUES (1.5, '{}')");
                kept.Commit();
                using var dropped = server.Database.Begin();
                dropped.Execute("INSERT INTO T VALUES (2.5, '{}')");
            }

            await using var api = await Api.StartAsync(deadline.Token, new SnowflakeServerOptions { Path = path }, create: false);
            var answer = await api.SubmitAsync("SELECT * FROM T");

            Assert.Equal("""[["1.50","{}"]]""", answer.Body!["data"]!.ToJsonString());
            Assert.Equal(["fixed", "variant"], answer.Body["resultSetMetaData"]!["rowType"]!.AsArray().Select(column => (string?)column!["type"]));
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Reads {schema, body} pairs from standard input and checks each body against the schema of that name.</summary>
    private const string Validator = """
        import json, sys, yaml
        from openapi_schema_validator import OAS30Validator
        spec = yaml.safe_load(open(sys.argv[1]))
        answers = json.load(sys.stdin)
        for answer in answers:
            schema = spec['components']['schemas'][answer['schema']]
            errors = [f"{answer['schema']}.{'.'.join(map(str, e.path))}: {e.message}" for e in OAS30Validator(schema).iter_errors(answer['body'])]
            if errors: print('\n'.join(errors)); sys.exit(1)
        print(len(answers), 'answers valid')
        """;

    private static async Task<(int Exit, string Output)> PythonAsync(string script, string argument, string input)
    {
        using var python = new Process();
        python.StartInfo = new ProcessStartInfo("python3", ["-c", script, argument])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            python.Start();
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return (127, "python3 is not installed");
        }

        await python.StandardInput.WriteAsync(input);
        python.StandardInput.Close();
        var output = python.StandardOutput.ReadToEndAsync();
        var errors = python.StandardError.ReadToEndAsync();
        await python.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (python.ExitCode, await output + await errors);
    }

    /// <summary>A server with a table T of a thousand rows, and a plain HTTP client for it.</summary>
    private sealed class Api : IAsyncDisposable
    {
        private readonly CancellationToken _cancellationToken;

        private Api(SnowflakeServer server, string token, CancellationToken cancellationToken)
        {
            (Server, Token, _cancellationToken) = (server, token, cancellationToken);
            Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
            Http.DefaultRequestHeaders.UserAgent.ParseAdd("test/1");
        }

        public SnowflakeServer Server { get; }

        public string Token { get; }

        public HttpClient Http { get; } = new(new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.None });

        public static async Task<Api> StartAsync(CancellationToken cancellationToken, SnowflakeServerOptions? options = null, bool create = true)
        {
            var server = await SnowflakeServer.StartAsync((options ?? new SnowflakeServerOptions()) with { PartitionBytes = 4 << 10 }, cancellationToken);
            if (create)
            {
                server.Database.Execute("CREATE TABLE T (A NUMBER(12,0) NOT NULL, B VARCHAR(50), C TIMESTAMP_LTZ, D VARIANT)");
                server.Database.Execute("INSERT INTO T SELECT i, 'row ' || i, now(), NULL FROM range(1000) r(i)");
                server.Database.Execute("DELETE FROM T WHERE A = 7; INSERT INTO T VALUES (-7, 'instead', NULL, '{\"a\":1}')");
            }

            using var http = new HttpClient();
            using var form = new FormUrlEncodedContent(new Dictionary<string, string>
            {
                ["grant_type"] = "client_credentials", ["client_id"] = "pipeline", ["client_secret"] = "pipeline-secret", ["scope"] = "session:role:PIPELINE",
            });
            using var response = await http.PostAsync(server.TokenUrl, form, cancellationToken);
            var token = await response.Content.ReadFromJsonAsync<JsonObject>(cancellationToken);
            return new Api(server, (string)token!["access_token"]!, cancellationToken);
        }

        public Task<(HttpStatusCode Status, JsonNode? Body, HttpResponseHeaders Headers)> SubmitAsync(string sql, string more = "") =>
            PostAsync($"?requestId={Guid.NewGuid()}{more}",
                new { statement = sql, database = "ENTERPRISE", schema = "CRM", warehouse = "INGEST_WH", role = "PIPELINE" });

        public Task<(HttpStatusCode Status, JsonNode? Body, HttpResponseHeaders Headers)> PostAsync(string path, object? body) =>
            SendAsync(new HttpRequestMessage(HttpMethod.Post, new Uri(Server.Url, $"/api/v2/statements{path}"))
            {
                Content = body is null ? null : JsonContent.Create(WithContext(body)),
            });

        public Task<(HttpStatusCode Status, JsonNode? Body, HttpResponseHeaders Headers)> GetAsync(string handle, string more) =>
            SendAsync(new HttpRequestMessage(HttpMethod.Get, new Uri(Server.Url, $"/api/v2/statements/{handle}?requestId={Guid.NewGuid()}{more}")));

        public async ValueTask DisposeAsync()
        {
            Http.Dispose();
            await Server.DisposeAsync();
        }

        private static JsonObject WithContext(object body)
        {
            var json = JsonSerializer.SerializeToNode(body)!.AsObject();
            json["database"] ??= "ENTERPRISE";
            json["schema"] ??= "CRM";
            json["warehouse"] ??= "INGEST_WH";
            return json;
        }

        private async Task<(HttpStatusCode, JsonNode?, HttpResponseHeaders)> SendAsync(HttpRequestMessage request)
        {
            using (request)
            using (var response = await Http.SendAsync(request, _cancellationToken))
            {
                await using var stream = await response.Content.ReadAsStreamAsync(_cancellationToken);
                var isCompressed = response.Content.Headers.ContentEncoding.Contains("gzip");
                await using var content = isCompressed ? new GZipStream(stream, CompressionMode.Decompress) : stream;
                return (response.StatusCode, await JsonNode.ParseAsync(content, cancellationToken: _cancellationToken), response.Headers);
            }
        }
    }
}
