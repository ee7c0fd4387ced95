using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Npgsql;
using Pipeline.Emulation.Kafka;
using Pipeline.Emulation.Postgres;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>
/// What newcomers do wrong: each is told in three lines at most that name the thing, the cause and the next step; and when that is done, what was typed works.
/// </summary>
[Collection(HealthySources.Name)]
public sealed class NewcomerMistakesSpec(HealthySources sources) : IAsyncLifetime
{
    private const string Role = "newcomer";
    private const string Word = "his word";

    private static readonly ScratchCertificates Certificates = ScratchCertificates.Create(TimeProvider.System);

    private readonly ScratchDirectory _directory = new("pipeline-newcomer-");
    private readonly NpgsqlConnectionStringBuilder _server = new(sources.PostgresConnectionString);
    private readonly List<IAsyncDisposable> _own = [];
    private EmbeddedKafka? _kafka;
    private NewcomerScene _scene = null!;

    public static TheoryData<string> All => [.. Mistakes.Keys.Order(StringComparer.Ordinal)];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>By what was done wrong: how the scene gets so, what is said, and how what is said is followed.</summary>
    private static Dictionary<string, Mistake> Mistakes { get; } = new(StringComparer.Ordinal)
    {
        ["a file that is not there"] = Of(spec => spec._scene.OtherConfig = "nowhere.conf", ["nowhere.conf", "there is no such file", "Correct the path"], (spec, _) => spec._scene.OtherConfig = null),
        ["a brace that is missing"] = Of(spec => spec._scene.Text = spec._scene.Text.TrimEnd()[..^1], ["shop.conf:1", "'{'"], (spec, _) => spec._scene.Text += "}"),
        ["a typo in a key"] = Misspelt("watermark =", "watermrk =", ["shop.conf:", "tables.orders.watermrk", "there is no such setting"]),
        ["a kind of source that there is not"] = Misspelt("type = postgres", "type = postgress", ["shop.conf:", "sources.app.type", "is not a kind of source"]),
        ["two sources of one name"] = Of(spec => spec._scene.Text = spec._scene.Text.Replace("  sources {", "  sources {\n    app { type = kafka, bootstrap = \"localhost:9092\", tables { t { topic = t } } }", StringComparison.Ordinal),
            ["shop.conf:", "there are two sources 'app', and the other is at", "Give one of them another name"], (spec, _) => spec._scene.Text = spec._scene.Text.Replace("    app { type = kafka, bootstrap = \"localhost:9092\", tables { t { topic = t } } }", "", StringComparison.Ordinal)),
        ["two contracts of one name"] = Of(spec => spec._scene.Text = spec._scene.Text.Replace("  silver {", "  silver {\n    orders { from = bronze/app/orders, columns { id { type = long } }, key = [id] }", StringComparison.Ordinal),
            ["shop.conf:", "silver.orders.from", "there are two tables 'orders'", "Give one of them another name"], (spec, _) => spec._scene.Text = spec._scene.Text.Replace("    orders { from = bronze/app/orders, columns { id { type = long } }, key = [id] }\n", "", StringComparison.Ordinal)),
        ["a contract of a table that no source has"] = Misspelt("from = bronze/app/orders", "from = bronze/app/order", ["shop.conf:", "silver.orders.from", "no source fills 'bronze/app/order'"], proposal: "bronze/app/orders"),
        ["a type that there is not"] = Misspelt("type = string", "type = strng", ["shop.conf:", "columns.note.type", "'strng' is not a type"]),
        ["a key that is no column"] = Misspelt("columns { id { type = long }, note { type = string } }, key = [id]", "columns { id { type = long }, note { type = string } }, key = [idd]", ["shop.conf:", "silver.orders.key", "the table has no column 'idd'"], proposal: "columns { id { type = long }, note { type = string } }, key = [id]"),
        ["a variable that may be missing, and is"] = Of(spec => spec._scene.Replace("host = \"localhost\"", "host = ${?SHOP_HOST}"), ["shop.conf:", "sources.app.host", "SHOP_HOST is not set. Set it"], (spec, _) => spec._scene.Environment["SHOP_HOST"] = "localhost"),
        ["a variable that must not be missing"] = Of(spec => spec._scene.Replace("host = \"localhost\"", "host = ${SHOP_HOST}"), ["shop.conf:", "${SHOP_HOST} is neither a setting nor an environment variable", "Set it"], (spec, _) => spec._scene.Environment["SHOP_HOST"] = "localhost"),
        ["a password that nobody has set"] = Of(spec => spec._scene.Replace($"password = \"{Word}\"", "password = ${?SHOP_PASSWORD}"), ["shop.conf:", "security.password", "SHOP_PASSWORD is not set. Set it"], (spec, _) => spec._scene.Environment["SHOP_PASSWORD"] = Word),
        ["a duration without a unit"] = Of(spec => spec._scene.Replace("type = postgres", "type = postgres, poll-interval = 5"), ["shop.conf:", "poll-interval", "'5' is not a duration", "Write a number with a unit: ms, s"], (spec, _) => spec._scene.Replace("poll-interval = 5", "poll-interval = 5s")),
        ["a secret whose file is not there"] = Of(spec => spec._scene.Replace($"password = \"{Word}\"", $"password = \"secret:file:{spec._scene.Directory}/word\""), ["/word", "the file cannot be read", "Create it or correct the path"],
            (spec, _) => File.WriteAllText(Path.Combine(spec._scene.Directory, "word"), Word)),
        ["a wrong port"] = Of(spec => spec._scene.Replace($"port = {spec._server.Port}", $"port = {spec.ClosedPort()}"), ["app", "cannot be reached: Connection refused", "Check host, port and firewall"], (spec, _) => spec.ConfigureAnew()),
        ["a wrong password"] = Of(spec => spec._scene.SqlAsync($"ALTER ROLE {Role} PASSWORD 'another'"), ["app", "password authentication failed", "to set one: ALTER ROLE"], (spec, told) => spec._scene.SqlAsync(NewcomerScene.SqlIn(told).Replace("'...'", $"'{Word}'", StringComparison.Ordinal))),
        ["a wrong database"] = Of(spec => spec._scene.Replace($"database = \"{spec._server.Database}\"", "database = \"shopp\""), ["app", "database \"shopp\" does not exist", "Correct the database's name"], (spec, _) => spec.ConfigureAnew()),
        ["a wrong table"] = Misspelt("table = \"public.newcomer_orders\"", "table = \"public.newcomer_order\"", ["app.orders", "public.newcomer_order does not exist"], proposal: "public.newcomer_orders"),
        ["a wrong watermark"] = Of(spec => spec._scene.Replace("watermark = updated_at", "watermark = changed_at"), ["app.orders", "changed_at", "updated_at"], (spec, _) => spec.ConfigureAnew()),
        ["a key that the source does not have"] = Of(spec => spec._scene.Replace("watermark = updated_at, key = [id]", "watermark = updated_at, key = [number]"), ["app.orders: key number", "there is no such column", "Correct the setting 'key'. Columns: id, note"], (spec, _) => spec.ConfigureAnew()),
        ["a column of the contract that the source does not have"] = Of(spec => spec._scene.Replace("note { type = string } }, key = [id]", "notes { type = string } }, key = [id]"), ["silver/orders.notes", "note"], (spec, _) => spec.ConfigureAnew()),
        ["a table that may not be read"] = Sql($"REVOKE SELECT ON newcomer_orders FROM {Role}", ["app.orders", "no right to read it", "GRANT SELECT ON"]),
        ["a schema that may not be used"] = Of(async spec =>
        {
            await spec._scene.SqlAsync($"DROP SCHEMA IF EXISTS closed CASCADE; CREATE SCHEMA closed; CREATE TABLE closed.newcomer_orders AS TABLE newcomer_orders; ALTER TABLE closed.newcomer_orders ALTER updated_at SET NOT NULL; GRANT SELECT ON closed.newcomer_orders TO {Role}");
            spec._scene.Replace("public.newcomer_orders", "closed.newcomer_orders");
        }, ["app.orders", "no right to use schema closed", "GRANT USAGE ON SCHEMA"], (spec, told) => spec._scene.SqlAsync(NewcomerScene.SqlIn(told))),
        ["a role that does not see others' transactions"] = Sql($"REVOKE pg_read_all_stats FROM {Role}", ["app", "late commits would be lost", "GRANT pg_read_all_stats"]),
        ["a role that may not log in"] = Sql($"ALTER ROLE {Role} NOLOGIN", ["app", "is not permitted to log in", "ALTER ROLE"]),
        ["a watermark that may be null"] = Sql("ALTER TABLE newcomer_orders ALTER updated_at DROP NOT NULL", ["app.orders: watermark updated_at", "may be null", "SET NOT NULL"]),
        ["rows that the role does not see"] = Sql("ALTER TABLE newcomer_orders ENABLE ROW LEVEL SECURITY", ["app.orders: row-level security", "hides rows", "BYPASSRLS"]),
        ["an authority that is not named"] = Of(spec => spec._scene.Replace($", ca-file = \"{spec._server.RootCertificate}\"", ""), ["app", "for localhost, 127.0.0.1 by CN=pipeline scratch authority, is of an authority that is not trusted here", "Name a PEM file with the authority that signed it: security.ca-file"], (spec, _) => spec.ConfigureAnew()),
        ["a host that the certificate does not name"] = Of(spec =>
        {
            var elsewhere = new TcpProxy(spec._server.Port, IPAddress.Parse("127.0.0.2"));
            spec._own.Add(elsewhere);
            spec._scene.Replace($"host = \"localhost\", port = {spec._server.Port}", $"host = \"127.0.0.2\", port = {elsewhere.Port}");
        }, ["app", "for localhost, 127.0.0.1 by CN=pipeline scratch authority, is not for 127.0.0.2", "Write one of the certificate's names: host"], (spec, _) => spec.ConfigureAnew()),
        ["a file of authorities that is not there"] = Of(spec => spec._scene.Replace($"{spec._server.RootCertificate}", "/nowhere/ca.pem"), ["/nowhere/ca.pem"], (spec, _) => spec.ConfigureAnew()),
        ["a broker's wrong port"] = Of(spec => spec.ConfigureKafka($"127.0.0.1:{spec.ClosedPort()}"), ["Source events", "no broker answers", "Check bootstrap"], (spec, _) => spec.ConfigureKafka(spec.Kafka.Bootstrap)),
        ["a topic that there is not"] = Of(spec => spec.ConfigureKafka(spec.Kafka.Bootstrap, topic: "click"), ["topic click", "the cluster has no such topic", "Create the topic, or correct the table's setting topic"], (spec, _) => spec.ConfigureKafka(spec.Kafka.Bootstrap)),
        ["plain text to a port that speaks TLS"] = Of(spec => spec.ConfigureKafka(spec.Gateway(new KafkaGatewayOptions { Certificate = ServerCertificate }), "protocol = plaintext"), ["Source events", "speaks TLS, and security.protocol says plain text", "security.protocol = ssl"],
            (spec, _) => spec._scene.Replace("protocol = plaintext", $"protocol = ssl, ca-file = \"{spec.AuthorityFile()}\"")),
        ["TLS to a port that speaks plain text"] = Of(spec => spec.ConfigureKafka(spec.Kafka.Bootstrap, $"protocol = ssl, ca-file = \"{spec.AuthorityFile()}\""), ["Source events", "speaks plain text, and security.protocol says TLS", "security.protocol = plaintext"],
            (spec, _) => spec._scene.Replace("protocol = ssl", "protocol = plaintext")),
        ["another authority than the broker's"] = Of(spec => spec.ConfigureKafka(spec.Gateway(new KafkaGatewayOptions { Certificate = ServerCertificate }), $"protocol = ssl, ca-file = \"{spec._server.RootCertificate}\""),
            ["Source events", "for localhost, 127.0.0.1 by CN=pipeline scratch authority, is of an authority that is not trusted here", "security.ca-file"], (spec, _) => spec._scene.Replace($"{spec._server.RootCertificate}", spec.AuthorityFile())),
        ["a broker that wants a certificate of ours"] = Of(spec => spec.ConfigureKafka(spec.Gateway(new KafkaGatewayOptions { Certificate = ServerCertificate, ClientAuthority = X509Certificate2.CreateFromPem(Certificates.AuthorityPem) }), $"protocol = ssl, ca-file = \"{spec.AuthorityFile()}\""),
            ["Source events", "wants a certificate of ours", "security.certificate-file and security.key-file"], (spec, _) => spec._scene.Replace("protocol = ssl", $"protocol = ssl, {spec.OwnCertificate()}")),
        ["a broker's wrong password"] = Of(spec => spec.ConfigureKafka(spec.Gateway(new KafkaGatewayOptions { Mechanism = "SCRAM-SHA-512", Username = "reader" }), "protocol = sasl-plaintext, username = reader, password = wrong"),
            ["Source events", "refused the credentials", "Check security.username, security.password"], (spec, _) => spec._scene.Replace("password = wrong", $"password = \"{Word}\"")),
        ["a lake that is a file"] = Of(spec => File.WriteAllText(spec.Lake, ""), ["lake"], (spec, _) => File.Delete(spec.Lake)),
        ["a port that another has"] = Of(spec => spec.Run($"cluster.port = {spec.TakenPort()}"), ["This node", "another process listens at 127.0.0.1:", "give this one another cluster.port"], (spec, _) => spec.Run("cluster.port = 0")),
        ["a port of its own that another has"] = Of(spec => spec.Run($"http.port = {spec.TakenPort()}"), ["This node", "it cannot listen at 127.0.0.1:", "give this one another http.host or http.port"], (spec, _) => spec.Run("http.port = 0")),
        ["a verb that there is not"] = Of(spec => spec._scene.Command = ["chek"], ["There is no verb 'chek'", "Did you mean 'check'?"], (spec, told) => spec._scene.Command = [NewcomerScene.ProposalIn(told)]),
    };

    private static X509Certificate2 ServerCertificate => X509CertificateLoader.LoadPkcs12(X509Certificate2.CreateFromPem(Certificates.ServerPem, Certificates.ServerKeyPem).Export(X509ContentType.Pkcs12), password: null);

    private EmbeddedKafka Kafka => _kafka ??= EmbeddedKafka.Start(brokers: 1, ("clicks", 1));

    private string Lake => Path.Combine(_directory, "lake");

    public async ValueTask InitializeAsync()
    {
        _scene = new NewcomerScene(_directory, sources.PostgresConnectionString);
        await _scene.SqlAsync($"""
            DO $$ BEGIN CREATE ROLE {Role}; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
            ALTER ROLE {Role} LOGIN NOBYPASSRLS PASSWORD '{Word}';
            GRANT pg_read_all_stats TO {Role};
            DROP TABLE IF EXISTS newcomer_orders;
            CREATE TABLE newcomer_orders (id bigint PRIMARY KEY, note text, updated_at timestamptz NOT NULL DEFAULT now());
            CREATE INDEX ON newcomer_orders (updated_at);
            INSERT INTO newcomer_orders (id, note) VALUES (1, 'a'), (2, 'b');
            GRANT SELECT ON newcomer_orders TO {Role};
            """);
        ConfigureAnew();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var one in _own) await one.DisposeAsync();
        if (_kafka is not null) await _kafka.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public void There_are_thirty() => Assert.True(Mistakes.Count >= 30, $"{Mistakes.Count}");

    [Theory]
    [MemberData(nameof(All))]
    public async Task Is_told_and_what_is_told_helps(string wrong)
    {
        var mistake = Mistakes[wrong];
        await mistake.Make(this);

        var (code, told) = await _scene.RunAsync();

        var text = string.Join('\n', told);
        Assert.True(code != ExitCode.Done, text);
        Assert.True(Array.TrueForAll(mistake.Told, words => text.Contains(words, StringComparison.Ordinal)), text);
        Assert.True(told.Count is >= 1 and <= 3, text);
        await mistake.Follow(this, told);
        var (after, still) = await _scene.RunAsync();
        Assert.True(after == ExitCode.Done, $"{text}\nand then\n{string.Join('\n', still)}");
    }

    /// <summary>It is nobody's mistake, and mends itself.</summary>
    [Fact]
    public async Task A_damaged_journal_is_told_in_one_line_and_set_aside()
    {
        var journal = Path.Combine(_directory, "journal.db");
        await File.WriteAllTextAsync(journal, new string('x', 10_000), Cancel);
        ConfigureAnew();
        _scene.Command = ["run", "--once"];

        var (code, told) = await _scene.RunAsync();

        Assert.True(code == ExitCode.Done, string.Join('\n', told));
        Assert.Contains($"{journal} is damaged", Assert.Single(told), StringComparison.Ordinal);
    }

    private static Mistake Of(Action<NewcomerMistakesSpec> make, string[] told, Action<NewcomerMistakesSpec, IReadOnlyList<string>> follow) => new(spec => Done(() => make(spec)), told, (spec, lines) => Done(() => follow(spec, lines)));

    private static Mistake Of(Func<NewcomerMistakesSpec, Task> make, string[] told, Func<NewcomerMistakesSpec, IReadOnlyList<string>, Task> follow) => new(make, told, follow);

    /// <summary>A word that is written wrong, and is written as it is proposed.</summary>
    private static Mistake Misspelt(string right, string wrong, string[] told, string? proposal = null) => new(spec => Done(() => spec._scene.Replace(right, wrong)), told, (spec, lines) => Done(() =>
    {
        var proposed = NewcomerScene.ProposalIn(lines);
        // Where the word is a part of what was written.
        Assert.Contains(proposed, right, StringComparison.Ordinal);
        Assert.True(proposal is null || proposal == proposed || right == proposal, proposed);
        spec._scene.Replace(wrong, right);
    }));

    /// <summary>Something that is wrong at the server, and a statement that mends it.</summary>
    private static Mistake Sql(string wrong, string[] told) => new(spec => spec._scene.SqlAsync(wrong), told, (spec, lines) => spec._scene.SqlAsync(NewcomerScene.SqlIn(lines)));

    private static Task Done(Action action)
    {
        action();
        return Task.CompletedTask;
    }

    private void ConfigureAnew() => _scene.Text = $$"""
        pipeline {
          lake.location = "{{Lake}}"
          transform.journal.connection = "Data Source={{Path.Combine(_directory, "journal.db")}}"
          sources {
            app {
              type = postgres, host = "localhost", port = {{_server.Port}}, database = "{{_server.Database}}"
              security { username = {{Role}}, password = "{{Word}}", ca-file = "{{_server.RootCertificate}}" }
              tables { orders { table = "public.newcomer_orders", watermark = updated_at, key = [id] } }
            }
          }
          silver {
            orders { from = bronze/app/orders, columns { id { type = long }, note { type = string } }, key = [id] }
          }
        }
        """;

    private void ConfigureKafka(string bootstrap, string security = "protocol = plaintext", string topic = "clicks") => _scene.Text = $$"""
        pipeline {
          lake.location = "{{Lake}}"
          transform.journal.connection = "Data Source={{Path.Combine(_directory, "journal.db")}}"
          sources { events { type = kafka, bootstrap = "{{bootstrap}}", security { {{security}} }, commit-group-offsets = false, tables { clicks { topic = {{topic}}, format = json } } } }
        }
        """;

    private void Run(string setting)
    {
        ConfigureAnew();
        _scene.Text = _scene.Text.TrimEnd()[..^1] + $"  {setting}\n}}";
        _scene.Command = ["run", "--once"];
    }

    private string Gateway(KafkaGatewayOptions options)
    {
        var gateway = KafkaGateway.Start(Kafka, Word, options);
        _own.Add(gateway);
        return gateway.Bootstrap;
    }

    private string AuthorityFile() => Write("authority.pem", Certificates.AuthorityPem);

    private string OwnCertificate()
    {
        var (certificate, key) = Certificates.IssueClient("reader");
        return $"certificate-file = \"{Write("own.pem", certificate)}\", key-file = \"{Write("own.key", key)}\"";
    }

    private string Write(string name, string text)
    {
        var path = Path.Combine(_directory, name);
        File.WriteAllText(path, text);
        return path;
    }

    /// <summary>Nobody listens there, and nobody else gets it while the test runs.</summary>
    private int ClosedPort()
    {
        var held = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        held.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _own.Add(new Held(held));
        return ((IPEndPoint)held.LocalEndPoint!).Port;
    }

    private int TakenPort()
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        _own.Add(new Held(listener));
        return ((IPEndPoint)listener.LocalEndPoint!).Port;
    }

    /// <param name="Told">What must be among it: the thing, the cause, the next step.</param>
    /// <param name="Follow">Does what was told.</param>
    private sealed record Mistake(Func<NewcomerMistakesSpec, Task> Make, string[] Told, Func<NewcomerMistakesSpec, IReadOnlyList<string>, Task> Follow);

    private sealed class Held(Socket socket) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            socket.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
