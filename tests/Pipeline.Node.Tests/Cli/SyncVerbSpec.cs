using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Confluent.Kafka;
using Npgsql;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Emulation.Kafka;
using Pipeline.Emulation.Postgres;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>From an address to a table, without any file.</summary>
[Collection(HealthySources.Name)]
public sealed partial class SyncVerbSpec : IDisposable
{
    private static readonly TimeSpan Deadline = Deadlines.Test;

    private readonly HealthySources _sources;
    private readonly ScratchDirectory _directory = new("pipeline-sync-");
    private readonly NpgsqlConnectionStringBuilder _server;

    public SyncVerbSpec(HealthySources sources)
    {
        _sources = sources;
        _server = new NpgsqlConnectionStringBuilder(sources.PostgresConnectionString);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string LakeDirectory => Path.Combine(_directory, "lake");

    private Dictionary<string, string> Password => new(StringComparer.Ordinal) { ["PIPELINE_PASSWORD"] = _server.Password! };

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_table_of_PostgreSQL_lands_and_what_is_printed_keeps_it_fresh()
    {
        await SqlAsync("""
            DROP SCHEMA IF EXISTS synced CASCADE;
            CREATE SCHEMA synced;
            CREATE TABLE synced."Orders" (id bigint PRIMARY KEY, "Total Amount" numeric(12,2) NOT NULL, note text, paid boolean, tags text[], updated_at timestamptz NOT NULL DEFAULT now());
            INSERT INTO synced."Orders" (id, "Total Amount", note, tags) SELECT i, i * 1.5, 'n' || i, ARRAY['a'] FROM generate_series(1, 500) AS i;
            """);

        var synced = await SyncAsync(Password, Url(), "synced.\"Orders\"");

        Assert.True(synced.ExitCode == ExitCode.Done, synced.ToString());
        Assert.Equal("500 500", await RowsAsync("bronze/app/orders", "silver/orders"));
        Assert.Equal("500 = 500 + 0; 500 = 500 + 0 + 0 + 0 + 0", LastSum(synced));
        Assert.Contains("total_amount { type = \"decimal(12,2)\", from = \"Total_Amount\", required = true }", synced.Data, StringComparison.Ordinal);
        Assert.Contains("password = ${?PIPELINE_PASSWORD}", synced.Data, StringComparison.Ordinal);
        AssertIsNowhere(synced);

        var config = Path.Combine(_directory, "app.conf");
        await File.WriteAllTextAsync(config, $"{synced.Data}\npipeline.transform.journal.connection = \"Data Source={Path.Combine(_directory, "journal.db")}\"", Cancel);
        await SqlAsync("UPDATE synced.\"Orders\" SET note = 'changed', updated_at = clock_timestamp() WHERE id = 7; INSERT INTO synced.\"Orders\" (id, \"Total Amount\") VALUES (501, 1)");
        var run = await NodeRun.OfAsync(Password, "run", "--once", "--config", config).WaitAsync(Deadline, Cancel);

        Assert.True(run.ExitCode == ExitCode.Done, run.ToString());
        Assert.Equal("502 501", await RowsAsync("bronze/app/orders", "silver/orders"));
    }

    /// <summary>Rows that break a rule, that lose to a newer one, and that are read by the run after.</summary>
    [Fact]
    public async Task Every_line_of_progress_of_a_table_balances()
    {
        await SqlAsync("""
            DROP TABLE IF EXISTS synced_sums;
            CREATE TABLE synced_sums (code text, name text, updated_at timestamptz NOT NULL DEFAULT clock_timestamp());
            INSERT INTO synced_sums (code, name) VALUES ('a', 'Ada'), ('b', 'Bob'), (NULL, 'nobody');
            INSERT INTO synced_sums (code, name) VALUES ('a', 'Ada King');
            """);

        var first = await SyncAsync(Password, $"{Url()}?key=code&watermark=updated_at", "synced_sums");
        await SqlAsync("INSERT INTO synced_sums (code, name) VALUES ('b', 'Bob King'), ('c', 'Cid'), (NULL, 'nobody')");
        var second = await SyncAsync(Password, $"{Url()}?key=code&watermark=updated_at", "synced_sums");

        Assert.Equal("4 = 4 + 0; 4 = 2 + 1 + 1 + 0 + 0", LastSum(first));
        Assert.Equal("7 = 7 + 0; 7 = 3 + 2 + 2 + 0 + 0", LastSum(second));
        Assert.Contains($"Why they are in the quarantine: ./pipeline quarantine show silver/synced_sums --lake {LakeDirectory}", first.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_line_of_progress_of_a_topic_with_dead_letters_balances()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, ("web.visits", 1));
        using (var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = kafka.Bootstrap }).Build())
            foreach (var value in (byte[][])["""{"user_id":1}"""u8.ToArray(), [0xff, 0xfe], """{"user_id":2}"""u8.ToArray()])
                await producer.ProduceAsync("web.visits", new Message<Null, byte[]> { Value = value }, Cancel);

        var synced = await SyncAsync([], $"kafka://{kafka.Bootstrap}", "web.visits");

        Assert.Equal("3 = 2 + 1; 2 = 2 + 0 + 0 + 0 + 0", LastSum(synced));
        Assert.Contains($"Why they are dead letters: ./pipeline dlq show bronze/kafka/web_visits --lake {LakeDirectory}", synced.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_password_in_the_URL_is_taken_warned_of_and_written_nowhere()
    {
        await SqlAsync("DROP TABLE IF EXISTS synced_ids; CREATE TABLE synced_ids (id int PRIMARY KEY, name text); INSERT INTO synced_ids VALUES (1, 'Ada')");

        var synced = await SyncAsync([], Url(_server.Password), "public.synced_ids");

        Assert.True(synced.ExitCode == ExitCode.Done, synced.ToString());
        Assert.Equal("1 1", await RowsAsync("bronze/app/synced_ids", "silver/synced_ids"));
        Assert.Contains("The URL has a password", synced.Messages, StringComparison.Ordinal);
        Assert.Contains("It is read by id, as no column says when a row was changed", synced.Messages, StringComparison.Ordinal);
        AssertIsNowhere(synced);
    }

    [Fact]
    public async Task A_password_may_be_a_reference()
    {
        await SqlAsync("DROP TABLE IF EXISTS synced_refs; CREATE TABLE synced_refs (id int PRIMARY KEY); INSERT INTO synced_refs VALUES (1)");
        var file = Path.Combine(_directory, "password");
        await File.WriteAllTextAsync(file, _server.Password, Cancel);

        var synced = await SyncAsync([], Url(), "synced_refs", "--password", $"secret:file:{file}");

        Assert.True(synced.ExitCode == ExitCode.Done, synced.ToString());
        Assert.Contains($"password = \"secret:file:{file}\"", synced.Data, StringComparison.Ordinal);
        File.Move(file, $"{_directory}-password");
        AssertIsNowhere(synced);
    }

    [Theory]
    [InlineData("secret:aws:shop/reader")]
    [InlineData("secret:ssm:/shop/reader")]
    public async Task A_reference_to_AWS_is_asked_of_AWS(string reference)
    {
        var synced = await SyncAsync([], Url(), "synced_refs", "--password", reference);

        Assert.NotEqual(ExitCode.Done, synced.ExitCode);
        Assert.Contains($"Secret {reference}: nobody says in which region it is. Set pipeline.secrets.region, for a source by its URL AWS_REGION, or write its ARN.", synced.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_topic_lands_and_its_fields_are_columns()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, ("web.clicks", 2));
        using (var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = kafka.Bootstrap }).Build())
            foreach (var value in (string[])["""{"user_id":1,"page":"/"}""", """{"user_id":2,"page":"/cart","ms":12.5}""", """{"user_id":3}"""])
                await producer.ProduceAsync("web.clicks", new Message<Null, byte[]> { Value = Encoding.UTF8.GetBytes(value) }, Cancel);

        var synced = await SyncAsync([], $"kafka://{kafka.Bootstrap}", "web.clicks");

        Assert.True(synced.ExitCode == ExitCode.Done, synced.ToString());
        Assert.Equal("3 3", await RowsAsync("bronze/kafka/web_clicks", "silver/web_clicks"));
        var columns = (await OpenAsync("silver/web_clicks"))!.Current.Schema.FieldsList.Select(field => field.Name).ToList();
        Assert.Empty(new[] { "partition", "offset", "key", "user_id", "page", "ms" }.Except(columns, StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_table_of_Snowflake_lands_by_what_the_URL_says_of_it()
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["PIPELINE_PASSWORD"] = "pipeline-secret" };

        var synced = await SyncAsync(environment, $"snowflake://pipeline@acme-prod/ENTERPRISE?role=PIPELINE&warehouse=INGEST_WH&token-url={Uri.EscapeDataString($"{_sources.Snowflake.TokenUrl}")}&account-url={Uri.EscapeDataString($"{_sources.Snowflake.Url}")}&watermark=UPDATED_AT&key=ORDER_ID", "CRM.ORDERS");

        Assert.True(synced.ExitCode == ExitCode.Done, synced.ToString());
        Assert.Equal("3 3", await RowsAsync("bronze/enterprise/orders", "silver/orders"));
        Assert.DoesNotContain("pipeline-secret", synced.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("kafka://db?tls=maybe", "t", "'maybe' is not a way to encrypt", "Allowed: verify-full, disable.")]
    [InlineData("snowflake://u@a/DB?role=R&warehouse=W&watermark=T&key=K", "S.T", "it says neither key-file nor token-url", "Write snowflake://USER@ORG-ACCOUNT/DATABASE?role=ROLE")]
    [InlineData("snowflake://a/DB", "S.T", "it does not say as whom to read", "&key=COLUMN,…")]
    [InlineData("snowflake://u@a/DB?role=R&warehouse=W&watermark=T&key=K&token-url=https://idp&account-url=nowhere", "S.T", "account-url: 'nowhere' is not an address", "Write https://HOST:PORT.")]
    [InlineData("snowflake://u@a/DB?role=R&warehouse=W&watermark=T&key=K&token-url=http://idp", "S.T", "token-url: it leads to idp in plain text", "Write https://HOST:PORT.")]
    [InlineData("mysql://u@db/shop", "t", "'mysql' is no kind of source that can be synced", "Allowed: kafka://, postgres://, snowflake://.")]
    [InlineData("postgresq://u@db/shop", "t", "'postgresq' is no kind of source", "Did you mean 'postgres'?")]
    [InlineData("postgres://db/shop", "t", "it does not say as whom to read", "Write postgres://USER@db/shop.")]
    [InlineData("postgres://u@db", "t", "it does not name one database", "Write postgres://USER@db/DATABASE.")]
    [InlineData("postgres://u@a,b/shop", "t", "it names several hosts", "Write one host.")]
    [InlineData("postgres://u@db/shop?sslmode=prefer", "t", "'prefer' is not a way to encrypt", "Allowed: verify-full, verify-ca, require, disable.")]
    [InlineData("kafka://db/shop", "t", "brokers have no path", "Write kafka://db and the topic behind it.")]
    [InlineData("kafka://db?format=xml", "t", "'xml' is not what a topic's values are", "Allowed: json, bytes, avro, protobuf, json-schema.")]
    [InlineData("SERVER", "public.keyless", "it has no primary key", "?key=name,…")]
    [InlineData("SERVER", "public.growless", "it has no column that grows with every change", "ALTER TABLE public.growless ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now()")]
    [InlineData("SERVER", "public.growles", "table public.growles does not exist", "Did you mean 'public.growless'?")]
    public async Task What_is_wrong_is_told_with_what_helps(string url, string table, string cause, string nextStep)
    {
        await SqlAsync("DROP TABLE IF EXISTS keyless, growless; CREATE TABLE keyless (name text, updated_at timestamptz NOT NULL); CREATE TABLE growless (code text PRIMARY KEY, seen timestamptz)");

        var run = await SyncAsync(Password, url == "SERVER" ? Url() : url, table);

        Assert.NotEqual(ExitCode.Done, run.ExitCode);
        Assert.Contains(cause, run.Messages, StringComparison.Ordinal);
        Assert.Contains(nextStep, run.Messages, StringComparison.Ordinal);
        Assert.True(run.Messages.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length <= 3, run.Messages);
        Assert.False(Directory.Exists(LakeDirectory));
    }

    [Fact]
    public async Task A_server_without_TLS_is_refused_unless_it_is_this_machine_or_it_is_said()
    {
        // What is this machine to others.
        var address = NetworkInterface.GetAllNetworkInterfaces().Where(one => one.OperationalStatus == OperationalStatus.Up)
            .SelectMany(one => one.GetIPProperties().UnicastAddresses).Select(one => one.Address).FirstOrDefault(one => one.AddressFamily == AddressFamily.InterNetwork && !IPAddress.IsLoopback(one));
        Assert.SkipWhen(address is null, "This machine has no address but its own.");
        await using var other = new AcceptingPort(AnswerWithoutTlsAsync, address);
        await using var server = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(Path.Combine(_directory, "plain")) { Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["listen_addresses"] = "*" } }, Cancel);
        await PlainAsync(server, address);
        var environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["PIPELINE_PASSWORD"] = server.Password };

        var refused = await SyncAsync(environment, $"postgres://{server.User}@{other.EndPoint}/{server.Database}", "public.plain");
        var said = await SyncAsync(environment, $"postgres://{server.User}@{address}:{server.Port}/{server.Database}?tls=disable", "public.plain");
        var here = await SyncAsync(environment, $"postgres://{server.User}@127.0.0.1:{server.Port}/{server.Database}", "public.plain");

        Assert.True((refused.ExitCode, said.ExitCode, here.ExitCode) == (ExitCode.NotAuthorised, ExitCode.Done, ExitCode.Done), $"{refused}\n{said}\n{here}");
        Assert.Contains("offers no TLS", refused.Messages, StringComparison.Ordinal);
        Assert.Contains("write ?tls=disable behind the URL", refused.Messages, StringComparison.Ordinal);
        Assert.Contains("tls = disable", said.Data, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_password_as_an_option_and_none_at_all_are_refused()
    {
        var given = await SyncAsync([], Url(), "t", "--password", _server.Password!);
        var none = await SyncAsync([], Url(), "t");

        Assert.Equal((ExitCode.Usage, ExitCode.NotAuthorised), (given.ExitCode, none.ExitCode));
        Assert.Contains("Set PIPELINE_PASSWORD instead", given.Messages, StringComparison.Ordinal);
        Assert.Contains("Set PIPELINE_PASSWORD, or give --password secret:file:PATH", none.Messages, StringComparison.Ordinal);
        AssertIsNowhere(given);
    }

    /// <summary>It takes connections without encryption from now on.</summary>
    private static async Task PlainAsync(ScratchPostgres server, IPAddress address)
    {
        await using (var database = NpgsqlDataSource.Create(server.ConnectionString))
        {
            await using var make = database.CreateCommand("CREATE TABLE plain (id int PRIMARY KEY); INSERT INTO plain VALUES (1)");
            await make.ExecuteNonQueryAsync(Cancel);
            await using var where = database.CreateCommand("SELECT current_setting('hba_file')");
            await File.WriteAllTextAsync((string)(await where.ExecuteScalarAsync(Cancel))!, "host all all all scram-sha-256\n", Cancel);
            await using var reload = database.CreateCommand("SELECT pg_reload_conf()");
            await reload.ExecuteNonQueryAsync(Cancel);
        }

        // It follows when it comes to it, which only it shows.
        var plain = new NpgsqlConnectionStringBuilder(server.ConnectionString) { Host = $"{address}", SslMode = SslMode.Disable, Pooling = false };
        for (var isPlain = false; !isPlain; await Task.Delay(20, Cancel))
        {
            await using var connection = new NpgsqlConnection(plain.ConnectionString);
            isPlain = await Record.ExceptionAsync(() => connection.OpenAsync(Cancel)) is null;
        }
    }

    /// <summary>Answers the question for encryption as a server does that has none.</summary>
    private static async Task AnswerWithoutTlsAsync(Socket client, CancellationToken stopping) => _ = await Record.ExceptionAsync(async () =>
    {
        await using var stream = new NetworkStream(client, ownsSocket: true);
        await stream.ReadExactlyAsync(new byte[8], stopping);
        await stream.WriteAsync("N"u8.ToArray(), stopping);
        // Until the client has gone, which does not go on without.
        _ = await stream.ReadAtLeastAsync(new byte[1], 1, throwOnEndOfStream: false, stopping);
    });

    /// <summary>The numbers of the last line of progress, when each line comes out.</summary>
    private static string LastSum(NodeRun run)
    {
        Assert.True(run.ExitCode == ExitCode.Done, run.ToString());
        var last = "";
        foreach (var line in run.Messages.Split('\n').Where(line => line.Contains(" rows/s", StringComparison.Ordinal)))
        {
            var sums = Sums().Matches(line).Select(sum => Numbers().Matches(sum.Value).Select(number => long.Parse(number.Value, NumberStyles.AllowThousands, CultureInfo.InvariantCulture)).ToList()).ToList();
            Assert.True(sums is [[_, var landed, _], [var bronze, _, _, _, _, _]] && landed == bronze && sums.TrueForAll(sum => sum[0] == sum.Skip(1).Sum()), line);
            last = string.Join("; ", sums.Select(sum => $"{sum[0]} = {string.Join(" + ", sum.Skip(1))}"));
        }

        return last;
    }

    private Task<NodeRun> SyncAsync(Dictionary<string, string> environment, string url, string table, params string[] more) =>
        NodeRun.OfAsync(environment, ["sync", url, table, "--lake", LakeDirectory, .. more]).WaitAsync(Deadline, Cancel);

    private string Url(string? password = null) => $"postgres://{_server.Username}{(password is null ? "" : $":{Uri.EscapeDataString(password)}")}@127.0.0.1:{_server.Port}/{_server.Database}";

    private void AssertIsNowhere(NodeRun run)
    {
        Assert.DoesNotContain(_server.Password!, run.Data + run.Messages, StringComparison.Ordinal);
        foreach (var file in Directory.EnumerateFiles(_directory, "*", SearchOption.AllDirectories))
            Assert.False(File.ReadAllBytes(file).AsSpan().IndexOf(Encoding.UTF8.GetBytes(_server.Password!)) >= 0, file);
    }

    private async Task<string> RowsAsync(params string[] tables)
    {
        var rows = new List<long?>();
        foreach (var table in tables) rows.Add((await OpenAsync(table))?.Current.RowCount);
        return string.Join(' ', rows);
    }

    private ValueTask<DeltaTable?> OpenAsync(string table) => new Lake(new LocalObjectStore(LakeDirectory), TimeProvider.System).TryOpenAsync(TableId.Parse(table), Cancel);

    private async Task SqlAsync(string sql)
    {
        await using var database = NpgsqlDataSource.Create(_sources.PostgresConnectionString);
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    [GeneratedRegex("[^;]+ = [^;]+")]
    private static partial Regex Sums();

    [GeneratedRegex("(?<= )[0-9,]+(?= |$)")]
    private static partial Regex Numbers();
}
