using Pipeline.Core;
using Pipeline.Emulation.Snowflake;
using Pipeline.Ingest;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Failures;

/// <summary>One thing is broken: it is told once and clearly, and everything else goes on.</summary>
[Collection(HealthySources.Name)]
public sealed class FailureSpec(HealthySources sources) : IDisposable
{
    private const string Users = "bronze/app/users";
    private const string Clicks = "bronze/events/clicks";
    private const string Orders = "bronze/crm/orders";

    private readonly ScratchDirectory _directory = new("pipeline-failure-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Nothing_broken_nothing_said()
    {
        await using var node = await StartAsync("");

        foreach (var table in (string[])[Users, Clicks, Orders]) await node.WaitForRowsAsync(table, HealthySources.Rows);
        Assert.Empty(node.Log);
    }

    [Fact]
    public async Task A_wrong_password_halts_its_source_only()
    {
        await using var node = await StartAsync("app.security.password = wrong");

        await ExpectHaltedAsync(node, Users, FaultKind.NotAuthorised, "password");
        await ExpectRowsAsync(node, Clicks, Orders);
        await ExpectCheckAsync(node, "password");
    }

    [Fact]
    public async Task An_unreachable_broker_is_retried_while_the_others_go_on()
    {
        await using var node = await StartAsync("events.bootstrap = \"127.0.0.1:1\"");

        var status = await node.WaitForStateAsync(Clicks, IngestState.Retrying);
        Assert.Equal(FaultKind.Unreachable, status.LastFault!.Kind);
        Assert.Contains("127.0.0.1:1", status.LastFault.ToString());
        await ExpectRowsAsync(node, Users, Orders);
    }

    [Fact]
    public async Task A_token_that_is_refused_halts_its_source_only()
    {
        await using var node = await StartAsync("crm.security.client-secret = expired");

        await ExpectHaltedAsync(node, Orders, FaultKind.NotAuthorised, "client");
        await ExpectRowsAsync(node, Users, Clicks);
        await ExpectCheckAsync(node, "client");
    }

    [Fact]
    public async Task A_token_that_expires_on_the_way_is_renewed_and_nobody_notices()
    {
        sources.Snowflake.Faults.Inject(SnowflakeOperation.Submit, SnowflakeFault.TokenExpired);

        await using var node = await StartAsync("");

        await ExpectRowsAsync(node, Users, Clicks, Orders);
        Assert.Empty(node.Log);
    }

    [Fact]
    public async Task A_missing_table_halts_alone_even_within_its_source()
    {
        await using var node = await StartAsync("app.tables.ghosts { table = \"public.ghosts\", watermark = updated_at, key = [id] }");

        await ExpectHaltedAsync(node, "bronze/app/ghosts", FaultKind.Missing, "public.ghosts");
        await ExpectRowsAsync(node, Users, Clicks, Orders);
        await ExpectCheckAsync(node, "ghosts");
    }

    [Fact]
    public async Task A_full_disk_is_waited_for_and_then_everything_is_there_once()
    {
        using var disk = SmallDisk.TryMount(megabytes: 2);
        Assert.SkipWhen(disk is null, "Mounting a small file system needs root.");
        disk.Fill();
        await using var node = await StartAsync("", disk.Path);
        var status = await node.WaitForStateAsync(Users, IngestState.Retrying);
        Assert.True(status.LastFault!.Kind == FaultKind.StorageFull, status.LastFault.ToString());
        Assert.Contains("no space is left on the disk", status.LastFault.Cause);

        disk.Free();

        await ExpectRowsAsync(node, Users, Clicks, Orders);
        foreach (var table in (string[])[Users, Clicks, Orders])
            Assert.Equal(HealthySources.Rows, (await node.Lake.TryOpenAsync(TableId.Parse(table), TestContext.Current.CancellationToken))!.Current.RowCount);
    }

    private Task<RunningNode> StartAsync(string mistake, string? lake = null) => RunningNode.StartAsync(_directory, $"{sources.Configuration}\n{mistake}", lake);

    private static async Task ExpectHaltedAsync(RunningNode node, string table, FaultKind kind, string about)
    {
        var status = await node.WaitForStateAsync(table, IngestState.Halted);
        Assert.Equal(kind, status.LastFault!.Kind);
        Assert.Contains(about, status.LastFault.ToString(), StringComparison.OrdinalIgnoreCase);
        Assert.NotEmpty(status.LastFault.NextStep);
        await node.WaitForLogAsync($"{table} is halted");
        Assert.Single(node.Log, line => line.Contains($"{table} is halted", StringComparison.Ordinal));
        Assert.DoesNotContain(node.Log, line => line.TrimStart().StartsWith("at ", StringComparison.Ordinal));
    }

    private static async Task ExpectRowsAsync(RunningNode node, params string[] tables)
    {
        foreach (var table in tables)
        {
            await node.WaitForRowsAsync(table, HealthySources.Rows);
            await node.WaitForStateAsync(table, IngestState.Running);
        }
    }

    /// <summary>What stops a running node is found by <c>check</c> beforehand.</summary>
    private static async Task ExpectCheckAsync(RunningNode node, string about)
    {
        var run = await NodeRun.OfAsync("check", "--config", node.ConfigPath, "--lake", node.LakeDirectory, "-o", "json");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        var broken = run.Rows.Where(finding => !(bool)finding!["ok"]!).ToList();
        Assert.Contains(broken, finding => finding!.ToJsonString().Contains(about, StringComparison.OrdinalIgnoreCase) && (string?)finding["told"]!["next_step"] is { Length: > 0 });
    }
}
