using System.Net;
using System.Net.Sockets;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>What keeps a node from its work is found by a check, and told as the node tells it.</summary>
[Collection(HealthySources.Name)]
public sealed class CheckAgreesSpec(HealthySources sources) : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2.5);

    private readonly ScratchDirectory _directory = new("pipeline-agrees-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("cluster.port")]
    [InlineData("http.port")]
    public async Task A_port_that_another_process_has_is_told_by_both(string setting)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        await ConfigureAsync($"{setting} = {port}");

        var check = await RunAsync("check");
        var run = await RunAsync("run", "--once");

        Assert.True((check.ExitCode, run.ExitCode) == (ExitCode.Failed, ExitCode.Failed), $"{check}\n{run}");
        Assert.Contains($"FAIL  Port {port}, {setting}: another process listens at 127.0.0.1:{port}", check.Data, StringComparison.Ordinal);
        Assert.Contains($"{port}", run.Messages, StringComparison.Ordinal);
        Assert.True(run.Messages.Split('\n', StringSplitOptions.RemoveEmptyEntries).Count(line => line.Contains($"{port}", StringComparison.Ordinal)) <= 3, run.Messages);
    }

    [Fact]
    public async Task A_secret_that_nobody_has_is_told_with_its_setting_and_its_line_by_both()
    {
        var missing = Path.Combine(_directory, "mask.key");
        await ConfigureAsync($"transform.mask-key = \"secret:file:{missing}\"");

        var check = await RunAsync("check");
        var run = await RunAsync("run", "--once");

        Assert.Equal(ExitCode.Failed, check.ExitCode);
        var told = $"Secret secret:file:{missing}: the file cannot be read";
        Assert.Contains($"FAIL  {told}", check.Data, StringComparison.Ordinal);
        Assert.Matches(@"It is pipeline\.transform\.mask-key \(.*pipeline\.conf:\d+\)\.", check.Data);
        Assert.Contains($"{told}. Create it or correct the path. It is pipeline.transform.mask-key", run.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_journal_is_opened_and_what_a_node_would_do_with_a_damaged_one_is_told()
    {
        await ConfigureAsync();
        var journal = Path.Combine(_directory, "journal.db");

        var before = await RunAsync("check");
        Assert.False(File.Exists(journal));
        await File.WriteAllTextAsync(journal, "no journal at all, but long enough to be looked at as one", Cancel);
        var damaged = await RunAsync("check");
        var run = await RunAsync("run", "--once");
        var after = await RunAsync("check");

        Assert.True((before.ExitCode, damaged.ExitCode, run.ExitCode, after.ExitCode) == (ExitCode.Done, ExitCode.Done, ExitCode.Done, ExitCode.Done), $"{before}\n{damaged}\n{run}\n{after}");
        Assert.Contains($"ok    Journal {journal}: is made by the first node", before.Data, StringComparison.Ordinal);
        Assert.Contains($"ok    Journal {journal}: it is damaged", damaged.Data, StringComparison.Ordinal);
        Assert.Contains("was set aside as", run.Messages, StringComparison.Ordinal);
        Assert.Contains($"ok    Journal {journal}: can be read and written", after.Data, StringComparison.Ordinal);
        Assert.DoesNotContain(Directory.EnumerateFiles(_directory), file => file.Contains(".pipeline-check", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_journal_that_cannot_be_is_told()
    {
        await File.WriteAllTextAsync(Path.Combine(_directory, "file"), "", Cancel);
        await ConfigureAsync($"transform.journal {{ provider = postgresql, connection = \"Host=127.0.0.1;Port={LoopbackPort.Free()};Username=u;Password=p;Database=d;Timeout=5\" }}");

        var check = await RunAsync("check");

        Assert.Equal(ExitCode.Failed, check.ExitCode);
        Assert.True(check.Data.Contains("FAIL  Journal of postgresql at 127.0.0.1, database d: it cannot be opened", StringComparison.Ordinal), check.ToString());
        Assert.Contains("Correct transform.journal.connection, or see that the server runs", check.Data, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Beside_a_node_that_runs_what_it_has_is_no_fault()
    {
        var port = LoopbackPort.Free();
        await using var node = await RunningNode.StartAsync(_directory, sources.PostgresOf(HealthySources.UsersTable), Path.Combine(_directory, "lake"), $"cluster.port = {port}");

        var check = await RunAsync("check");

        Assert.Equal(ExitCode.Done, check.ExitCode);
        Assert.Contains($"ok    Port {port}, cluster.port: a node of this pipeline that runs here has it", check.Data, StringComparison.Ordinal);
        Assert.Contains("journal.db: another node is using it, and no other may", check.Data, StringComparison.Ordinal);
    }

    private Task<string> ConfigureAsync(string settings = "") => RunningNode.ConfigureAsync(_directory, sources.PostgresOf(HealthySources.UsersTable), settings);

    private Task<NodeRun> RunAsync(params string[] arguments) => NodeRun.OfAsync([.. arguments, "--config", Path.Combine(_directory, "pipeline.conf")]).WaitAsync(Deadline, Cancel);
}
