using System.Net;
using System.Net.Sockets;
using Akka.Cluster;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Delta;
using Pipeline.Configuration;
using Pipeline.Delta.Storage;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Remoting.Tls;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Remoting;

/// <summary>Who comes into a cluster, and who does not.</summary>
public sealed class JoiningSpec : IDisposable
{
    private readonly ScratchDirectory _root = new("pipeline-joining-");
    private readonly NodeAuthority _authority = new("authority of sales");

    public void Dispose()
    {
        _authority.Dispose();
        _root.Dispose();
    }

    [Fact]
    public async Task Nodes_of_one_pipeline_find_each_other_over_mutual_tls()
    {
        using var figures = new Measurements();
        await using var first = await StartAsync("a", "sales", lake: "lake", isTls: true);
        await using var second = await StartAsync("b", "sales", lake: "lake", isTls: true, seed: first);

        await Task.WhenAll(first.WaitForMembersAsync(2), second.WaitForMembersAsync(2));
        // Of both nodes, and of those of other tests that run now.
        Assert.InRange(figures.Observe(Instruments.CertificateDays, "node")!.Value, 19.9, 150);
        Assert.InRange(figures.Observe(Instruments.CertificateDays, "authority")!.Value, 59.9, 450);
        foreach (var address in new[] { first, second }.Select(node => Cluster.Get(node.System).SelfAddress)) Assert.Equal(0, figures.Observe(Instruments.NodeState, $"{address.Host}:{address.Port}"));
        Assert.All(["resident", "managed", "native"], kind => Assert.True(figures.Observe(Instruments.NodeMemory, kind) > 1 << 20));
        Assert.All(["work", "spool", "lake"], directory => Assert.True(figures.Observe(Instruments.DiskFree, directory) > 1 << 20));
        Assert.True(figures.Observe(Instruments.NodeCpu) >= 0);
        Assert.Equal("akka.ssl.tcp", Cluster.Get(first.System).SelfAddress.Protocol);
        Assert.DoesNotContain(first.Log.Concat(second.Log), line => line.Contains("refused", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("marketing", "lake", "belongs to the pipeline sales, and this node to marketing")]
    [InlineData("sales", "other lake", "writes to the lake")]
    public async Task A_node_with_the_seeds_of_another_pipeline_does_not_join_and_both_say_so(string name, string lake, string said)
    {
        await using var first = await StartAsync("a", "sales", lake: "lake");
        await using var stranger = await StartAsync("b", name, lake, seed: first);

        var refusal = await stranger.Refused.WaitAsync(Deadlines.Test, TestContext.Current.CancellationToken);

        Assert.Contains(said, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
        Assert.Single(Cluster.Get(first.System).State.Members);
    }

    [Fact]
    public async Task A_second_process_does_not_get_the_port_of_the_first()
    {
        await using var first = await StartAsync("a", "sales", lake: "lake");
        var port = Cluster.Get(first.System).SelfAddress.Port!.Value;

        var taken = await Assert.ThrowsAsync<PipelineException>(() => StartAsync("b", "sales", lake: "lake", port: port));

        Assert.Contains($"127.0.0.1:{port}", taken.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', taken.Message);
    }

    [Fact]
    public async Task A_node_that_was_reached_a_moment_ago_gets_its_own_port_again()
    {
        var port = LoopbackPort.Free();
        var first = await StartAsync("a", "sales", lake: "lake", port: port);
        using (var reached = new TcpClient())
        {
            await reached.ConnectAsync(IPAddress.Loopback, port, TestContext.Current.CancellationToken);
            // The server ends first, so that the connection lingers at its side.
            await first.DisposeAsync();
        }

        await using var again = await StartAsync("b", "sales", lake: "lake", port: port);
        Assert.Equal(port, Cluster.Get(again.System).SelfAddress.Port);
    }

    [Fact]
    public async Task A_node_that_others_reach_starts_only_with_certificates()
    {
        var refused = await Assert.ThrowsAsync<ConfigurationException>(() => StartAsync("a", "sales", lake: "lake", hostname: "0.0.0.0"));

        var problem = Assert.Single(refused.Problems);
        Assert.Equal("pipeline.cluster.tls", problem.Path);
        Assert.Contains("is required", problem.Message, StringComparison.Ordinal);
        await using var started = await StartAsync("b", "sales", lake: "lake", hostname: "0.0.0.0", isTls: true);
    }

    [Fact]
    public async Task A_node_whose_name_leads_nowhere_yet_listens_at_an_address_of_its_own()
    {
        await using var node = await StartAsync("a", "sales", lake: "lake", hostname: "node-1.invalid", isTls: true, bindHostname: "0.0.0.0");

        await node.WaitForMembersAsync(1);
        var own = Cluster.Get(node.System).SelfAddress;
        Assert.Equal("node-1.invalid", own.Host);
        using var reached = new TcpClient();
        await reached.ConnectAsync(IPAddress.Parse("127.0.0.2"), own.Port!.Value, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_node_that_listens_where_others_reach_it_starts_only_with_certificates_whatever_its_name_is()
    {
        var refused = await Assert.ThrowsAsync<ConfigurationException>(() => StartAsync("a", "sales", lake: "lake", bindHostname: "0.0.0.0"));

        Assert.Equal("pipeline.cluster.tls", Assert.Single(refused.Problems).Path);
    }

    [Fact]
    public async Task A_lake_that_depends_on_where_a_process_was_started_is_not_shared_by_a_cluster()
    {
        var refused = await Assert.ThrowsAsync<ConfigurationException>(() => StartAsync("a", "sales", lake: null, behind: """cluster.seed-nodes = ["127.0.0.1:4053"]"""));

        Assert.Equal("pipeline.lake.location", Assert.Single(refused.Problems).Path);
    }

    [Fact]
    public async Task A_check_says_everything_for_which_a_node_would_be_refused()
    {
        var config = await RunningNode.ConfigureAsync(_root, "", """cluster { seed-nodes = ["node-1:4053"], hostname = "10.1.2.3" }""");
        var lake = Path.GetRelativePath(Directory.GetCurrentDirectory(), Path.Combine(_root, "lake"));

        var check = await NodeRun.OfAsync("check", "--config", config, "--lake", lake, "-o", "json");
        var run = await NodeRun.OfAsync("run", "--config", config, "--lake", lake);

        Assert.Equal((ExitCode.Failed, ExitCode.Usage), (check.ExitCode, run.ExitCode));
        string[] settings = ["pipeline.cluster.tls", "pipeline.lake.location", "pipeline.transform.journal.provider"];
        Assert.Equal(settings.Select(setting => $"configuration of a node: {setting}"),
            check.Rows.Where(row => !(bool)row!["ok"]!).Select(row => (string)row!["thing"]!));
        Assert.All(settings, setting => Assert.Contains(setting, run.Messages, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_check_says_what_is_wrong_with_a_node_s_certificate()
    {
        using var own = _authority.Issue([NodeCertificates.UriOf("sales")], validFor: -1);
        var config = await RunningNode.ConfigureAsync(_root, "", $"name = sales\ncluster {{ {_authority.Section(_root, "sales", own)} }}");

        var check = await NodeRun.OfAsync("check", "--config", config, "-o", "json");

        var found = Assert.Single(check.Rows, row => !(bool)row!["ok"]!);
        Assert.Contains("expired", (string)found!["told"]!["cause"]!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("expired", "expired")]
    [InlineData("of another pipeline", "pipeline://marketing")]
    [InlineData("of another authority", "was not signed")]
    public async Task A_node_whose_own_certificate_the_others_would_refuse_does_not_start(string which, string said)
    {
        using var other = new NodeAuthority("authority of others");
        using var own = which switch
        {
            "expired" => _authority.Issue([NodeCertificates.UriOf("sales")], validFor: -1),
            "of another pipeline" => _authority.Issue([NodeCertificates.UriOf("marketing")]),
            _ => other.Issue([NodeCertificates.UriOf("sales")]),
        };
        var directory = Directory.CreateDirectory(Path.Combine(_root, "a")).FullName;

        var refused = await Assert.ThrowsAsync<PipelineException>(() => RunningNode.StartAsync(directory, "", Path.Combine(_root, "lake"),
            $"name = sales\ncluster {{ {_authority.Section(directory, "sales", own)} }}"));

        Assert.Contains(said, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_lake_has_one_id_for_ever_whoever_asks_first()
    {
        var ids = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => new Lake(new LocalObjectStore(Path.Combine(_root, "lake")), TimeProvider.System).IdAsync(TestContext.Current.CancellationToken).AsTask()));

        Assert.Single(ids.Distinct());
        Assert.NotEqual(ids[0], await new Lake(new LocalObjectStore(Path.Combine(_root, "other")), TimeProvider.System).IdAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task The_command_ends_with_what_keeps_the_node_from_joining()
    {
        await using var first = await StartAsync("a", "sales", lake: "lake");
        var directory = Directory.CreateDirectory(Path.Combine(_root, "b")).FullName;
        var config = await RunningNode.ConfigureAsync(directory, "", $"name = marketing\ncluster.roles = [ingest]\ncluster.seed-nodes = [\"{first.Address}\"]");

        await using var process = NodeProcess.Start("run", "--config", config);
        var run = await process.WaitForEndAsync();

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("belongs to the pipeline sales, and this node to marketing", run.Messages.TrimEnd().Split('\n')[^1], StringComparison.Ordinal);
    }

    private Task<RunningNode> StartAsync(string at, string name, string? lake, bool isTls = false, RunningNode? seed = null, int port = 0, string hostname = "127.0.0.1", string bindHostname = "", string behind = "")
    {
        var directory = Directory.CreateDirectory(Path.Combine(_root, at)).FullName;
        return RunningNode.StartAsync(directory, "", lake is null ? "./lake" : Path.Combine(_root, lake), $$"""
            name = {{name}}
            cluster {
              roles = [ingest]
              hostname = "{{hostname}}"
              bind-hostname = "{{bindHostname}}"
              port = {{port}}
              seed-nodes = [{{(seed is null ? "" : $"\"{seed.Address}\"")}}]
              {{(isTls ? _authority.Section(directory, name) : "")}}
            }
            {{behind}}
            """);
    }
}
