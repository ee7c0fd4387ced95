using System.Text;
using System.Text.RegularExpressions;
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

/// <summary>A node that ends when its tables have what their sources had.</summary>
[Collection(HealthySources.Name)]
public sealed partial class OnceVerbSpec : IAsyncDisposable
{
    private const string MembersTable = """members { table = "public.once_members", watermark = updated_at, key = [id] }""";

    /// <summary>Below the age of any file or position that <see cref="ConfigureAsync"/> lets be committed by its age.</summary>
    private static readonly TimeSpan Deadline = Deadlines.Test;

    private readonly HealthySources _sources;
    private readonly ScratchDirectory _directory = new("pipeline-once-");
    private readonly EmbeddedKafka _kafka = EmbeddedKafka.Start(brokers: 1, ("people", 2));
    private readonly NpgsqlDataSource _postgres;

    public OnceVerbSpec(HealthySources sources)
    {
        _sources = sources;
        _postgres = NpgsqlDataSource.Create(sources.PostgresConnectionString);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Topic => $$"""events { type = kafka, bootstrap = "{{_kafka.Bootstrap}}", commit-group-offsets = false, ends-interval = 10m, tables { people { topic = people } } }""";

    public async ValueTask DisposeAsync()
    {
        await _postgres.DisposeAsync();
        await _kafka.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task It_lands_what_sources_have_makes_the_rest_of_it_and_ends_and_leaves_alone_what_is_not_meant()
    {
        await MakeMembersAsync();
        await ProduceAsync("""{"id":1,"name":"Ada"}""", """{"id":2,"name":"Grace"}""");
        foreach (var table in (string[])["people", "members"])
            await File.WriteAllTextAsync(Path.Combine(_directory, $"{table}.sql"), $"SELECT name, CAST(COUNT(*) AS BIGINT) AS many FROM silver.{table} GROUP BY name", Cancel);
        var config = await ConfigureAsync($"{_sources.PostgresOf(MembersTable)}\n{Topic}", """
            silver {
                    people { from = bronze/events/people, format = json, columns { id { type = long }, name { type = string } }, key = [id] }
                    members { from = bronze/app/members, columns { id { type = long }, name { type = string } }, key = [id] }
                  }
                  gold { names { sql = "people.sql", materialization = full }, member_names { sql = "members.sql", materialization = full } }
            """);

        await EndsWellAsync(config);
        Assert.Equal(("2 3", "2 3", "2 3"), (await RowsAsync("bronze/events/people", "bronze/app/members"), await RowsAsync("silver/people", "silver/members"), await RowsAsync("gold/names", "gold/member_names")));

        var made = await VersionsAsync("silver/people", "silver/members", "gold/names", "gold/member_names");
        await EndsWellAsync(config);
        Assert.Equal(("2 3", made), (await RowsAsync("bronze/events/people", "bronze/app/members"), await VersionsAsync("silver/people", "silver/members", "gold/names", "gold/member_names")));

        await SqlAsync("INSERT INTO once_members (id, name) VALUES (4, 'Barbara')");
        await ProduceAsync("""{"id":3,"name":"Edsger"}""");
        var others = await VersionsAsync("bronze/app/members", "silver/members", "gold/member_names");
        await EndsWellAsync(config, "+names");
        Assert.Equal(("3 3 3", others), (await RowsAsync("bronze/events/people", "silver/people", "gold/names"), await VersionsAsync("bronze/app/members", "silver/members", "gold/member_names")));
    }

    [Fact]
    public async Task Tables_that_are_halted_or_stopped_are_told_and_the_others_are_brought_up_to_date()
    {
        await MakeMembersAsync();
        var config = await ConfigureAsync(_sources.PostgresOf($$"""{{MembersTable}}, ghosts { table = "public.ghosts", watermark = updated_at, key = [id] }"""), """
            silver {
                    members { from = bronze/app/members, columns { id { type = long }, name { type = string } }, key = [id] }
                    masked { from = bronze/app/members, columns { id { type = long }, name { type = string, mask = hash } }, key = [id] }
                  }
            """);

        var run = await NodeRun.OfAsync("run", "--once", "--config", config).WaitAsync(Deadline, Cancel);

        Assert.True(run.ExitCode == ExitCode.Failed, run.ToString());
        var told = run.Messages.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => !Logged().IsMatch(line)).ToList();
        Assert.True(told.Count == 2, run.ToString());
        Assert.Contains("public.ghosts", told[0], StringComparison.Ordinal);
        Assert.Contains("pipeline.transform.mask-key", told[1], StringComparison.Ordinal);
        Assert.Equal("3 3", await RowsAsync("bronze/app/members", "silver/members"));

        // Nobody waits for what is not meant.
        await EndsWellAsync(config, "silver/members");
    }

    [Fact]
    public async Task Broken_off_it_says_so_by_its_exit_code()
    {
        var config = await ConfigureAsync("""events { type = kafka, bootstrap = "127.0.0.1:1", tables { people { topic = people } } }""", "");
        await using var process = NodeProcess.Start("run", "--once", "--config", config);
        await process.WaitForAsync(line => line.Contains("This node says how it is at http://127.0.0.1:", StringComparison.Ordinal));

        process.Terminate();
        var run = await process.WaitForEndAsync();

        Assert.True(run.ExitCode == ExitCode.Interrupted, run.Messages);
    }

    [Fact]
    public async Task Only_a_run_that_ends_is_told_which_tables_and_a_node_of_a_service_is_none()
    {
        var config = await ConfigureAsync("""events { type = kafka, bootstrap = "127.0.0.1:1", tables { people { topic = people } } }""", "cluster.seed-nodes = [\"127.0.0.1:4053\"]");

        var chosen = await NodeRun.OfAsync("run", "bronze/events/people", "--config", config);
        var divided = await NodeRun.OfAsync("run", "--once", "--role", "ingest", "--config", config);
        var seeded = await NodeRun.OfAsync("run", "--once", "--config", config);

        Assert.Equal((ExitCode.Usage, ExitCode.Usage, ExitCode.Failed), (chosen.ExitCode, divided.ExitCode, seeded.ExitCode));
        Assert.Contains("write --once", chosen.Messages, StringComparison.Ordinal);
        Assert.Contains("leave --role out", divided.Messages, StringComparison.Ordinal);
        Assert.Contains("cluster.seed-nodes", seeded.Messages, StringComparison.Ordinal);
    }

    /// <summary>Large files, and no age that could be what commits them.</summary>
    private async Task<string> ConfigureAsync(string sources, string behind)
    {
        var config = await RunningNode.ConfigureAsync(_directory, sources, behind);
        await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(config, Cancel)).Replace("file-age-max = 100ms", "profile = bulk, file-age-max = 1h, position-age-max = 1h", StringComparison.Ordinal), Cancel);
        return config;
    }

    private static async Task EndsWellAsync(string config, params string[] selectors)
    {
        var run = await NodeRun.OfAsync(["run", "--once", .. selectors, "--config", config]).WaitAsync(Deadline, Cancel);
        Assert.True(run.ExitCode == ExitCode.Done, run.ToString());
    }

    private Task MakeMembersAsync() => SqlAsync("""
        DROP TABLE IF EXISTS once_members;
        CREATE TABLE once_members (id bigint PRIMARY KEY, name text, updated_at timestamptz NOT NULL DEFAULT now());
        INSERT INTO once_members (id, name) VALUES (1, 'Ada'), (2, 'Grace'), (3, 'Frances')
        """);

    private async Task SqlAsync(string sql)
    {
        await using var command = _postgres.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    private async Task ProduceAsync(params string[] values)
    {
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = _kafka.Bootstrap }).Build();
        foreach (var value in values) await producer.ProduceAsync("people", new Message<Null, byte[]> { Value = Encoding.UTF8.GetBytes(value) }, Cancel);
    }

    private Task<string> RowsAsync(params string[] tables) => OfEachAsync(tables, table => table.Current.RowCount);

    private Task<string> VersionsAsync(params string[] tables) => OfEachAsync(tables, table => table.Current.Version);

    private async Task<string> OfEachAsync(string[] tables, Func<DeltaTable, long?> what)
    {
        var lake = new Lake(new LocalObjectStore(Path.Combine(_directory, "lake")), TimeProvider.System);
        var found = new List<long?>();
        foreach (var name in tables) found.Add(await lake.TryOpenAsync(TableId.Parse(name), Cancel) is { } table ? what(table) : null);
        return string.Join(' ', found);
    }

    [GeneratedRegex(@"^\d{4}-\d\d-\d\d |^ ")]
    private static partial Regex Logged();
}
