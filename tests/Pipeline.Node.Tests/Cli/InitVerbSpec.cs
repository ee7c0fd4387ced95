using System.Text;
using Confluent.Kafka;
using Npgsql;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Emulation.Kafka;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>From what a source has to a configuration that runs.</summary>
[Collection(HealthySources.Name)]
public sealed class InitVerbSpec : IDisposable
{
    private static readonly TimeSpan Deadline = Deadlines.Test;

    private readonly HealthySources _sources;
    private readonly ScratchDirectory _directory = new("pipeline-init-");
    private readonly NpgsqlConnectionStringBuilder _server;

    public InitVerbSpec(HealthySources sources)
    {
        _sources = sources;
        _server = new NpgsqlConnectionStringBuilder(sources.PostgresConnectionString);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Url => $"postgres://{_server.Username}@127.0.0.1:{_server.Port}/{_server.Database}";

    private string ConfigPath => Path.Combine(_directory, "shop.conf");

    private string LakeDirectory => Path.Combine(_directory, "lake");

    private Dictionary<string, string> Password => new(StringComparer.Ordinal) { ["PIPELINE_PASSWORD"] = _server.Password! };

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task What_it_writes_is_checked_and_runs()
    {
        await SqlAsync("""
            DROP SCHEMA IF EXISTS one, two CASCADE;
            CREATE SCHEMA one; CREATE SCHEMA two;
            CREATE TABLE one.orders (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, updated_at timestamptz NOT NULL DEFAULT now());
            CREATE TABLE two.orders (code text, line int, note text, updated_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (line, code));
            INSERT INTO one.orders (id, total) SELECT i, i FROM generate_series(1, 5) AS i;
            INSERT INTO two.orders (code, line) VALUES ('a', 1), ('b', 2);
            """);

        var found = await NodeRun.OfAsync(Password, "discover", Url, "-o", "json").WaitAsync(Deadline, Cancel);
        var names = found.Rows.Select(table => (string)table!["name"]!).Where(name => name is "one.orders" or "two.orders").ToList();
        var written = await InitAsync([.. names.SelectMany(name => (string[])["--table", name])]);
        var text = await File.ReadAllTextAsync(ConfigPath, Cancel);
        var check = await NodeRun.OfAsync(Password, "check", "--config", ConfigPath).WaitAsync(Deadline, Cancel);
        await File.AppendAllTextAsync(ConfigPath, $"\npipeline.transform.journal.connection = \"Data Source={Path.Combine(_directory, "journal.db")}\"", Cancel);
        var run = await NodeRun.OfAsync(Password, "run", "--once", "--config", ConfigPath).WaitAsync(Deadline, Cancel);

        Assert.Equal(["one.orders", "two.orders"], names);
        Assert.Contains("key line, code", found.Data, StringComparison.Ordinal);
        Assert.True((written.ExitCode, check.ExitCode, run.ExitCode) == (ExitCode.Done, ExitCode.Done, ExitCode.Done), $"{written}\n{check}\n{run}");
        Assert.Contains($"./pipeline check --config {ConfigPath}, then ./pipeline run --config {ConfigPath}", written.Messages, StringComparison.Ordinal);
        Assert.Equal($"{ConfigPath}\n", written.Data);
        Assert.Contains("password = ${?PIPELINE_PASSWORD}", text, StringComparison.Ordinal);
        Assert.Contains("total { type = \"decimal(12,2)\", required = true }", text, StringComparison.Ordinal);
        Assert.Matches(@"key = \[(line, code|code, line)\]\n", text);
        Assert.DoesNotContain(_server.Password!, text + written, StringComparison.Ordinal);
        Assert.Equal("5 2", $"{await RowsAsync("silver/orders")} {await RowsAsync("silver/orders_2")}");
    }

    [Fact]
    public async Task Topics_are_listed_and_one_of_them_runs()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, ("clicks", 2), ("views", 1));
        using (var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = kafka.Bootstrap }).Build())
            await producer.ProduceAsync("clicks", new Message<Null, byte[]> { Value = Encoding.UTF8.GetBytes("""{"user_id":1}""") }, Cancel);

        var found = await NodeRun.OfAsync("discover", $"kafka://{kafka.Bootstrap}", "-o", "json").WaitAsync(Deadline, Cancel);
        var written = await NodeRun.OfAsync("init", "--source", $"kafka://{kafka.Bootstrap}", "--table", "clicks", "--to", ConfigPath, "--lake", LakeDirectory).WaitAsync(Deadline, Cancel);
        await File.AppendAllTextAsync(ConfigPath, $"\npipeline.transform.journal.connection = \"Data Source={Path.Combine(_directory, "journal.db")}\"", Cancel);
        var run = await NodeRun.OfAsync("run", "--once", "--config", ConfigPath).WaitAsync(Deadline, Cancel);

        Assert.Equal(["clicks 2 partitions", "views 1 partition"], found.Rows.Select(topic => $"{topic!["name"]} {topic["what"]}"));
        Assert.True((written.ExitCode, run.ExitCode) == (ExitCode.Done, ExitCode.Done), $"{written}\n{run}");
        Assert.Equal(1, await RowsAsync("silver/clicks"));
    }

    [Fact]
    public async Task A_file_that_is_there_stays_as_it_is()
    {
        await File.WriteAllTextAsync(ConfigPath, "mine", Cancel);

        var written = await InitAsync(["--table", "public.users"]);

        Assert.Equal(ExitCode.Failed, written.ExitCode);
        Assert.Contains("it is there already, and may be somebody's. Take it away, or name another: --to FILE.", written.Messages, StringComparison.Ordinal);
        Assert.Equal("mine", await File.ReadAllTextAsync(ConfigPath, Cancel));
    }

    [Fact]
    public async Task Who_cannot_be_asked_is_told_what_there_is_to_say()
    {
        var noSource = await NodeRun.OfAsync("init", "--to", ConfigPath);
        var noTable = await InitAsync([]);
        var found = await NodeRun.OfAsync(Password, "discover", Url, "-o", "json").WaitAsync(Deadline, Cancel);

        Assert.Contains("Write --source URL", noSource.Messages, StringComparison.Ordinal);
        Assert.Contains($"there are {(string)found.Rows[0]!["name"]!}", noTable.Messages, StringComparison.Ordinal);
        Assert.Contains("Write --table ", noTable.Messages, StringComparison.Ordinal);
        Assert.False(File.Exists(ConfigPath));
    }

    private Task<NodeRun> InitAsync(string[] more) => NodeRun.OfAsync(Password, ["init", "--source", Url, "--to", ConfigPath, "--lake", LakeDirectory, .. more]).WaitAsync(Deadline, Cancel);

    private async Task<long?> RowsAsync(string table) => (await new Lake(new LocalObjectStore(LakeDirectory), TimeProvider.System).TryOpenAsync(TableId.Parse(table), Cancel))?.Current.RowCount;

    private async Task SqlAsync(string sql)
    {
        await using var database = NpgsqlDataSource.Create(_sources.PostgresConnectionString);
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }
}
