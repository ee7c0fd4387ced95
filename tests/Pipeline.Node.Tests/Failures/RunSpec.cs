using System.Text.Json;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Node.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Failures;

[Collection(HealthySources.Name)]
public sealed class RunSpec(HealthySources sources) : IDisposable
{
    private readonly ScratchDirectory _directory = new("pipeline-run-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_service_that_is_told_to_stop_drains_and_ends_well()
    {
        var config = await RunningNode.ConfigureAsync(_directory, sources.Configuration);
        var lake = new Lake(new LocalObjectStore(Path.Combine(_directory, "lake")), TimeProvider.System);
        await using var service = NodeProcess.Start("run", "--config", config);
        foreach (var table in (TableId[])[TableId.Bronze("app", "users"), TableId.Bronze("events", "clicks"), TableId.Bronze("crm", "orders")])
            await RunningNode.WaitForRowsAsync(lake, table, HealthySources.Rows);

        service.Terminate();
        var run = await service.WaitForEndAsync();

        Assert.True(run.ExitCode == ExitCode.Done, run.Messages);
        Assert.Empty(run.Data);
        Assert.DoesNotContain(run.Messages.Split('\n'), line => line.Contains(" ERR ", StringComparison.Ordinal) && !RunningNode.IsOfLoad(line));
    }

    /// <summary>However long it runs: what is said once a commit, a run or a look would pass this bound within seconds.</summary>
    private const int LinesMax = 60;

    [Fact]
    public async Task A_healthy_log_says_each_fact_once_in_UTC_and_more_when_it_is_told_to()
    {
        Assert.SkipWhen(NodeProcess.IsDeafToHangups, "Hangups are ignored here, as below nohup, and so by every process that is started.");
        var config = await RunningNode.ConfigureAsync(_directory, sources.Configuration);
        var lake = new Lake(new LocalObjectStore(Path.Combine(_directory, "lake")), TimeProvider.System);
        await using var service = NodeProcess.Start("run", "--config", config, "--log", "json");
        TableId[] tables = [TableId.Bronze("app", "users"), TableId.Bronze("events", "clicks"), TableId.Bronze("crm", "orders")];
        foreach (var table in tables) await RunningNode.WaitForRowsAsync(lake, table, HealthySources.Rows);
        foreach (var table in tables) await service.WaitForAsync(line => line.Contains($"Table {table}: the first rows", StringComparison.Ordinal));
        await service.WaitForAsync(line => line.Contains("This node says how it is at http://127.0.0.1:", StringComparison.Ordinal));
        var healthy = Entries(service.Messages).Where(entry => !RunningNode.IsOfLoad(entry.GetProperty("message").GetString()!)).ToList();

        await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(config, TestContext.Current.CancellationToken)).Replace("pipeline {\n", "pipeline {\n  log.level = debug\n", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        service.HangUp();
        await service.WaitForAsync(line => line.Contains("tells from level Debug on", StringComparison.Ordinal));
        service.Terminate();
        var run = await service.WaitForEndAsync();

        Assert.True(run.ExitCode == ExitCode.Done, run.Messages);
        Assert.All(Entries(run.Messages), entry => Assert.EndsWith("Z", entry.GetProperty("time").GetString(), StringComparison.Ordinal));
        Assert.All(healthy, entry => Assert.Equal("Information", entry.GetProperty("level").GetString()));
        Assert.InRange(healthy.Count, 1, LinesMax);
        var messages = healthy.Select(entry => entry.GetProperty("message").GetString()!).ToList();
        Assert.Equal(messages.Distinct(StringComparer.Ordinal), messages);
        var starts = Assert.Single(healthy, entry => entry.GetProperty("message").GetString()!.Contains(" starts: version ", StringComparison.Ordinal)).GetProperty("properties");
        Assert.Equal((config, Path.Combine(_directory, "lake"), 3), (starts.GetProperty("Configuration").GetString(), starts.GetProperty("Lake").GetString(), starts.GetProperty("Sources").GetInt32()));
        foreach (var source in (string[])["app", "events", "crm"]) Assert.Single(messages, message => message.StartsWith($"Source {source} (", StringComparison.Ordinal));
        Assert.Single(messages, message => message.Contains(" is up with ", StringComparison.Ordinal));
        Assert.Single(messages, message => message.StartsWith("This node says how it is at http://127.0.0.1:", StringComparison.Ordinal));
        foreach (var secret in Secrets(sources.Configuration)) Assert.DoesNotContain(secret, run.Messages, StringComparison.Ordinal);
    }

    private static List<JsonElement> Entries(string messages) =>
        [.. messages.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(line => JsonDocument.Parse(line).RootElement)];

    private static IEnumerable<string> Secrets(string configuration) =>
        System.Text.RegularExpressions.Regex.Matches(configuration, "(?:password|client-secret) = \"?([^\"\\s}]+)").Select(match => match.Groups[1].Value);
}
