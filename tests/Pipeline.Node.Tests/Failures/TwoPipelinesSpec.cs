using Npgsql;
using Pipeline.Core;
using Pipeline.Ingest;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Failures;

/// <summary>A second pipeline whose source has the name, the server, and so the slot and publication of the first.</summary>
[Collection(HealthySources.Name)]
public sealed class TwoPipelinesSpec(HealthySources sources) : IAsyncLifetime
{
    /// <summary>Halted for so long that only a word can be what ends it within a test.</summary>
    private const string LooksSeldom = "ingest.retry { halted-min = 1h, halted-max = 1h }";

    private readonly ScratchDirectory _directory = new("pipeline-two-");
    private RunningNode _first = null!;

    public async ValueTask InitializeAsync()
    {
        _first = await RunningNode.StartAsync(Directory.CreateDirectory(Path.Combine(_directory, "first")).FullName, sources.CapturedConfiguration, behind: "name = sales");
        await _first.WaitForRowsAsync("bronze/app/users", HealthySources.Rows);
    }

    public async ValueTask DisposeAsync()
    {
        await _first.DisposeAsync();
        await NodeRun.OfAsync("source", "remove", "app", "--yes", "--config", _first.ConfigPath);
        await ExecuteAsync($"delete from users where user_id > {HealthySources.Rows}");
        _directory.Dispose();
    }

    [Theory]
    [InlineData("marketing")]
    [InlineData("sales")]
    public async Task The_second_lands_nothing_and_goes_on_by_itself_when_the_first_has_given_its_things_back(string name)
    {
        await using var second = await StartSecondAsync(name, "ingest.retry { halted-min = 200ms, halted-max = 200ms }");
        var halted = await second.WaitForStateAsync("bronze/app/users", IngestState.Halted);
        await ExecuteAsync($"insert into users values ({HealthySources.Rows + 1})");
        await _first.WaitForRowsAsync("bronze/app/users", HealthySources.Rows + 1);
        var said = second.Log.Where(line => line.Contains("slot pipeline_app", StringComparison.Ordinal)).ToList();
        var check = await CheckAsync(second);
        var remove = await NodeRun.OfAsync("source", "remove", "app", "--yes", "--config", second.ConfigPath, "-o", "json");

        Assert.True((await second.Lake.TryOpenAsync(TableId.Bronze("app", "users"), TestContext.Current.CancellationToken))?.Current.RowCount is null or 0);
        Assert.Contains("is read by source app of pipeline sales", Assert.Single(said), StringComparison.Ordinal);
        Assert.Contains(halted.LastFault!.Cause, check, StringComparison.Ordinal);
        Assert.All(remove.Rows, row => Assert.False((bool)row!["dropped"]!));
        Assert.DoesNotContain(_first.Log, line => line.Contains("slot", StringComparison.Ordinal));

        await _first.DisposeAsync();
        await NodeRun.OfAsync("source", "remove", "app", "--yes", "--config", _first.ConfigPath);
        await second.WaitForRowsAsync("bronze/app/users", HealthySources.Rows + 1);
        await second.DisposeAsync();
        Assert.Equal(ExitCode.Done, (await NodeRun.OfAsync("source", "remove", "app", "--yes", "--config", second.ConfigPath)).ExitCode);
    }

    [Fact]
    public async Task A_lake_that_was_made_anew_takes_the_slot_over_by_the_statement_at_a_word()
    {
        Assert.SkipWhen(NodeProcess.IsDeafToHangups, "Hangups are ignored here, as below nohup, and so by every process that is started.");
        await _first.DisposeAsync();
        ScratchDirectory.Delete(_first.LakeDirectory);
        await using var again = NodeProcess.Start("run", "--config", await ConfigureSecondAsync("sales", LooksSeldom));
        await again.WaitForAsync(line => line.Contains("COMMENT ON PUBLICATION", StringComparison.Ordinal));
        var line = again.Messages.Split('\n').First(line => line.Contains("COMMENT ON PUBLICATION", StringComparison.Ordinal));

        var statement = line[line.IndexOf("COMMENT ON", StringComparison.Ordinal)..];
        await ExecuteAsync(statement[..(statement.IndexOf(';', statement.LastIndexOf(" with lake ", StringComparison.Ordinal)) + 1)]);
        again.HangUp();
        await again.WaitForAsync(line => line.Contains("Told by SIGHUP", StringComparison.Ordinal));
        await RunningNode.WaitForRowsAsync(Operations.Options.Lakes.Open(new Operations.Options.LakeOptions { Location = Path.Combine(_directory, "second", "lake") }, TimeProvider.System),
            TableId.Bronze("app", "users"), HealthySources.Rows, () => again.Messages);

        again.Terminate();
        var run = await again.WaitForEndAsync();
        Assert.True(run.ExitCode == ExitCode.Done, run.Messages);
        Assert.Equal(ExitCode.Done, (await NodeRun.OfAsync("source", "remove", "app", "--yes", "--config", Path.Combine(_directory, "second", "pipeline.conf"))).ExitCode);
    }

    private async Task<string> ConfigureSecondAsync(string name, string behind) =>
        await RunningNode.ConfigureAsync(Directory.CreateDirectory(Path.Combine(_directory, "second")).FullName, sources.CapturedConfiguration, $"name = {name}\n{behind}");

    private Task<RunningNode> StartSecondAsync(string name, string behind) =>
        RunningNode.StartAsync(Directory.CreateDirectory(Path.Combine(_directory, "second")).FullName, sources.CapturedConfiguration, behind: $"name = {name}\n{behind}");

    private static async Task<string> CheckAsync(RunningNode node) => (await NodeRun.OfAsync("check", "--config", node.ConfigPath, "-o", "json")).Data;

    private async Task ExecuteAsync(string sql)
    {
        await using var database = NpgsqlDataSource.Create(sources.PostgresConnectionString);
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}
