using Npgsql;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Failures;

[Collection(HealthySources.Name)]
public sealed class SourceVerbsSpec(HealthySources sources) : IDisposable
{
    private const string Left = "select (select count(*) from pg_replication_slots where slot_name = 'pipeline_app') + (select count(*) from pg_publication where pubname = 'pipeline_app')";

    private readonly ScratchDirectory _directory = new("pipeline-source-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_captured_source_is_removed_only_when_it_was_shown_and_agreed_to()
    {
        var lake = Path.Combine(_directory, "lake");
        string config;
        await using (var node = await RunningNode.StartAsync(_directory, sources.CapturedConfiguration, lake))
        {
            await node.WaitForRowsAsync("bronze/app/users", HealthySources.Rows);
            config = node.ConfigPath;
        }

        var shown = await NodeRun.OfAsync("source", "remove", "app", "--config", config, "-o", "json");
        var leftByShowing = await CountAsync();
        var removed = await NodeRun.OfAsync("source", "remove", "app", "--yes", "--config", config, "-o", "json");
        var again = await NodeRun.OfAsync("source", "remove", "app", "--config", config, "-o", "json");

        Assert.Equal((ExitCode.PlanHasChanges, ExitCode.Done, ExitCode.Done), (shown.ExitCode, removed.ExitCode, again.ExitCode));
        Assert.Equal(["SELECT pg_drop_replication_slot('pipeline_app');", "DROP PUBLICATION \"pipeline_app\";"], shown.Rows.Select(row => (string)row!["sql"]!));
        Assert.Contains("--yes", shown.Messages, StringComparison.Ordinal);
        Assert.Equal((2, 0), (leftByShowing, await CountAsync()));
        Assert.Empty(again.Rows);
    }

    [Fact]
    public async Task A_source_that_makes_nothing_or_is_not_there_is_refused()
    {
        var config = await RunningNode.ConfigureAsync(_directory, sources.Configuration);

        var kafka = await NodeRun.OfAsync("source", "remove", "events", "--config", config);
        var unknown = await NodeRun.OfAsync("source", "remove", "evnts", "--config", config);
        var listed = await NodeRun.OfAsync("source", "list", "--config", config, "-o", "json");

        Assert.Equal((ExitCode.Failed, ExitCode.Failed, ExitCode.Done), (kafka.ExitCode, unknown.ExitCode, listed.ExitCode));
        Assert.Contains("sources of kind kafka make nothing on their server", kafka.Messages, StringComparison.Ordinal);
        Assert.Contains("Did you mean 'events'?", unknown.Messages, StringComparison.Ordinal);
        Assert.Equal(["app postgres users", "crm snowflake orders", "events kafka clicks"], listed.Rows.Select(row => $"{row!["source"]} {row["kind"]} {row["tables"]![0]}").Order());
    }

    private async Task<int> CountAsync()
    {
        await using var database = NpgsqlDataSource.Create(sources.PostgresConnectionString);
        await using var command = database.CreateCommand(Left);
        return (int)(long)(await command.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }
}
