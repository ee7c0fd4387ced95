using System.Net;
using System.Net.Sockets;
using Npgsql;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Operations.Options;
using Pipeline.Operations.Planning;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>What keeps a node from its work is found by a check, and told as the node tells it.</summary>
[Collection(HealthySources.Name)]
public sealed class CheckAgreesSpec(HealthySources sources) : IDisposable
{
    private static readonly TimeSpan Deadline = Deadlines.Test;

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
    public async Task An_address_of_another_machine_is_told_by_a_node_and_not_tried_by_a_check()
    {
        var port = LoopbackPort.Free();
        await ConfigureAsync($"cluster {{ bind-hostname = \"192.0.2.1\", port = {port} }}");

        var check = await RunAsync("check");
        var fault = await Assert.ThrowsAsync<PipelineException>(async () => await OwnPort.CheckAsync(new ClusterOptions { BindHostname = "192.0.2.1", Port = port }, Cancel));

        Assert.Contains($"ok    Port {port}, cluster.port: is not tried: 192.0.2.1 is no address of this machine", check.Data, StringComparison.Ordinal);
        Assert.Equal($"This node: it cannot listen at 192.0.2.1:{port}: that is no address of this machine. Write one that is into cluster.bind-hostname, or 0.0.0.0 for all of them.", fault.Message);
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
    public async Task A_journal_without_a_schema_to_be_in_is_told()
    {
        await ConfigureAsync($"transform.journal {{ provider = postgresql, connection = \"{sources.PostgresConnectionString};Search Path=nowhere\" }}");

        var check = await RunAsync("check");

        Assert.Equal(ExitCode.Failed, check.ExitCode);
        Assert.Matches("FAIL  Journal of postgresql at .*: no schema of the search_path of .* is there, or may be used: nowhere", check.Data);
        Assert.Contains("Create one with CREATE SCHEMA", check.Data, StringComparison.Ordinal);
    }

    /// <summary>A journal is a cache: a node goes on without it, and says so.</summary>
    [Fact]
    public async Task A_right_that_is_missing_at_the_journal_is_told_by_both_and_granted_as_a_check_tells()
    {
        await SqlAsync("""
            DROP SCHEMA IF EXISTS journals CASCADE;
            DO $$ BEGIN CREATE ROLE journal_keeper LOGIN PASSWORD 'keeper'; EXCEPTION WHEN duplicate_object THEN END $$;
            CREATE SCHEMA journals;
            GRANT USAGE ON SCHEMA journals TO journal_keeper;
            """);
        var server = new NpgsqlConnectionStringBuilder(sources.PostgresConnectionString) { Username = "journal_keeper", Password = "keeper", SearchPath = "journals" };
        await ConfigureAsync($"transform.journal {{ provider = postgresql, connection = \"{server.ConnectionString}\" }}");

        var check = await RunAsync("check");
        var run = await RunAsync("run", "--once");

        Assert.True((check.ExitCode, run.ExitCode) == (ExitCode.Failed, ExitCode.Done), $"{check}\n{run}");
        Assert.Matches("FAIL  Journal of postgresql at .*: journal_keeper may not make its tables", check.Data);
        var told = run.Messages.Split('\n').Where(line => line.Contains(" WRN ", StringComparison.Ordinal) || line.Contains(" ERR ", StringComparison.Ordinal)).ToList();
        Assert.True(told.Count is >= 1 and <= 3, run.Messages);
        Assert.Contains(told, line => line.Contains("journal_keeper may not make its tables: the coordinator starts from the tables' logs. GRANT CREATE ON SCHEMA journals TO journal_keeper;", StringComparison.Ordinal));

        await SqlAsync(check.Data.Split('\n').Single(line => line.Trim().StartsWith("GRANT ", StringComparison.Ordinal)));
        var (checkedAgain, runAgain) = (await RunAsync("check"), await RunAsync("run", "--once"));

        Assert.True((checkedAgain.ExitCode, runAgain.ExitCode) == (ExitCode.Done, ExitCode.Done), $"{checkedAgain}\n{runAgain}");
        Assert.DoesNotContain("Journal of postgresql", runAgain.Messages, StringComparison.Ordinal);
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

    private async Task SqlAsync(string sql)
    {
        await using var database = NpgsqlDataSource.Create(sources.PostgresConnectionString);
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    private Task<string> ConfigureAsync(string settings = "") => RunningNode.ConfigureAsync(_directory, sources.PostgresOf(HealthySources.UsersTable), settings);

    private Task<NodeRun> RunAsync(params string[] arguments) => NodeRun.OfAsync([.. arguments, "--config", Path.Combine(_directory, "pipeline.conf")]).WaitAsync(Deadline, Cancel);
}
