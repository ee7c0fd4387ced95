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
        Assert.DoesNotContain(" ERR ", run.Messages);
    }
}
