using System.Text.Json.Nodes;
using Npgsql;
using Pipeline.Ingest;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>Tables that are in the lake already, beside what their source has now: told before a run, as the run tells it.</summary>
[Collection(HealthySources.Name)]
public sealed class CheckedTablesSpec(HealthySources sources) : IDisposable
{
    private const string Bad = "bronze/app/bad";
    private const string Good = "bronze/app/good";

    private readonly ScratchDirectory _directory = new("pipeline-checked-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_type_that_the_lakes_table_does_not_take_is_told_by_the_check_and_halts_that_table_alone()
    {
        await ExecuteAsync("DROP SCHEMA IF EXISTS checked CASCADE; CREATE SCHEMA checked; CREATE TABLE checked.bad (id bigint PRIMARY KEY, v integer, updated_at timestamptz NOT NULL DEFAULT now()); CREATE TABLE checked.good (LIKE checked.bad INCLUDING ALL); INSERT INTO checked.bad VALUES (1, 1); INSERT INTO checked.good VALUES (1, 1)");
        var configuration = sources.PostgresOf("""bad { table = "checked.bad", watermark = updated_at, key = [id] }, good { table = "checked.good", watermark = updated_at, key = [id] }""");
        string config, lake;
        await using (var node = await RunningNode.StartAsync(_directory, configuration))
        {
            (config, lake) = (node.ConfigPath, node.LakeDirectory);
            foreach (var table in (string[])[Bad, Good]) await node.WaitForRowsAsync(table, 1);
            Assert.Empty(await BrokenAsync(config, lake));
        }

        await ExecuteAsync("ALTER TABLE checked.bad ALTER COLUMN v TYPE text; ALTER TABLE checked.good ADD COLUMN w text; INSERT INTO checked.bad (id, v) VALUES (2, 'x'); INSERT INTO checked.good (id, v, w) VALUES (2, 2, 'y')");
        var told = Assert.Single(await BrokenAsync(config, lake))!;
        await using var again = await RunningNode.StartAsync(Directory.CreateDirectory(Path.Combine(_directory, "again")).FullName, configuration, lake);
        var fault = (await again.WaitForStateAsync(Bad, IngestState.Halted)).LastFault!;
        await again.WaitForRowsAsync(Good, 2);

        Assert.Equal($"{Bad}: columns", (string?)told["thing"]);
        Assert.Contains("column v is integer, not string", (string?)told["told"]!["cause"], StringComparison.Ordinal);
        Assert.Equal((fault.Cause, fault.NextStep), ((string?)told["told"]!["cause"], (string?)told["told"]!["next_step"]));
    }

    [Fact]
    public async Task A_table_that_cannot_be_read_is_named_and_keeps_no_other_from_its_outcome()
    {
        await ExecuteAsync("DROP SCHEMA IF EXISTS unread CASCADE; CREATE SCHEMA unread; CREATE TABLE unread.bad (id bigint PRIMARY KEY, v integer, updated_at timestamptz NOT NULL DEFAULT now()); CREATE TABLE unread.good (LIKE unread.bad INCLUDING ALL); INSERT INTO unread.bad VALUES (1, 1); INSERT INTO unread.good VALUES (1, 1)");
        string config, lake;
        await using (var node = await RunningNode.StartAsync(_directory, sources.PostgresOf("""bad { table = "unread.bad", watermark = updated_at, key = [id] }, good { table = "unread.good", watermark = updated_at, key = [id] }""")))
        {
            (config, lake) = (node.ConfigPath, node.LakeDirectory);
            foreach (var table in (string[])[Bad, Good]) await node.WaitForRowsAsync(table, 1);
        }

        await File.WriteAllTextAsync(Path.Combine(lake, Bad, "_delta_log", $"{0:D20}.json"), "{", TestContext.Current.CancellationToken);
        await ExecuteAsync("ALTER TABLE unread.good ALTER COLUMN v TYPE text");

        Assert.Equal([$"{Good}: columns", $"Table {Bad}"], (await BrokenAsync(config, lake)).Select(finding => (string?)finding!["thing"]));
    }

    private static async Task<IReadOnlyList<JsonNode?>> BrokenAsync(string config, string lake)
    {
        var run = await NodeRun.OfAsync("check", "--config", config, "--lake", lake, "-o", "json");
        var broken = run.Rows.Where(finding => !(bool)finding!["ok"]!).ToList();
        Assert.Equal(broken.Count == 0 ? ExitCode.Done : ExitCode.Failed, run.ExitCode);
        return broken;
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var database = NpgsqlDataSource.Create(sources.PostgresConnectionString);
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}
