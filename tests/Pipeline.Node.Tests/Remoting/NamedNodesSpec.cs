using System.Text;
using Confluent.Kafka;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.DuckDb;
using Pipeline.Emulation.Kafka;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Remoting;

/// <summary>Nodes of a published folder that know each other by names alone, as a service does with Cloud Map, over TLS.</summary>
public sealed class NamedNodesSpec : IDisposable
{
    private const int Partitions = 6;
    private const int RecordsOfARound = 300;

    private static readonly TimeSpan Deadline = Deadlines.Test;

    private readonly ScratchDirectory _directory = new("pipeline-named-");
    private readonly NodeAuthority _authority = new("named");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string LakeDirectory => Path.Combine(_directory, "lake");

    public void Dispose()
    {
        _authority.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Three_find_each_other_by_their_names_and_when_one_is_killed_every_row_comes_once()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1", "It publishes the node and starts three: PIPELINE_NIGHTLY=1.");
        Assert.SkipUnless(Environment.UserName == "root" && File.Exists("/usr/bin/unshare"), "Only root can give processes names of their own, with unshare.");
        await using var kafka = EmbeddedKafka.Start(brokers: 1, ("orders", Partitions));
        var app = Path.Combine(_directory, "app");
        await BashAsync($"cd '{Repository.Root}' && dotnet publish src/Pipeline.Node -c Release -o '{app}' --nologo -v q -m:2");
        // Each has an address of its own, which only the names lead to.
        await File.WriteAllTextAsync(Path.Combine(_directory, "hosts"), "127.0.0.1 localhost\n" + string.Concat(Enumerable.Range(1, 3).Select(i => $"127.0.1.{i} {NameOf(i)}\n")), Cancel);
        var ports = LoopbackPort.Free(3);

        await using var first = Start(app, await ConfigureAsync(1, ports, kafka));
        await using var second = Start(app, await ConfigureAsync(2, ports, kafka));
        await using var third = Start(app, await ConfigureAsync(3, ports, kafka));
        var members = await Task.WhenAll(((OutsideProgram[])[first, second, third]).Select(node => node.WaitForLineAsync(line => line.Contains(": 3 in the cluster", StringComparison.Ordinal), Deadline, Cancel)));
        Assert.All(members, Assert.NotNull);
        await ProduceAsync(kafka);
        await RunningNode.WaitForRowsAsync(LakeOf(), TableId.Parse("bronze/events/orders"), RecordsOfARound);

        // As kill -9.
        await second.DisposeAsync();
        await ProduceAsync(kafka);
        await RunningNode.WaitForRowsAsync(LakeOf(), TableId.Parse("bronze/events/orders"), 2 * RecordsOfARound);

        var verified = await NodeRun.OfAsync("verify", "--deep", "--lake", LakeDirectory, "-o", "json");
        Assert.True(verified.ExitCode == ExitCode.Done, verified.Data + verified.Messages);
        using var session = DuckDbSession.Open(new DuckDbSettings(256L << 20, 1, Path.GetTempPath()), Cancel);
        var table = Assert.IsType<DeltaTable>(await LakeOf().TryOpenAsync(TableId.Parse("bronze/events/orders"), Cancel));
        var files = string.Join(", ", table.Current.FilesByPath.Keys.Select(path => Sql.Text(Path.Combine(LakeDirectory, "bronze", "events", "orders", path))));
        var found = Assert.Single(session.Rows($"SELECT count(*), count(DISTINCT (_partition, _offset)) FROM read_parquet([{files}])"));
        Assert.Equal((2L * RecordsOfARound, 2L * RecordsOfARound), ((long)found[0]!, (long)found[1]!));
    }

    private static string NameOf(int node) => $"node-{node}.shop.pipeline.internal";

    private Lake LakeOf() => new(new LocalObjectStore(LakeDirectory), TimeProvider.System);

    private OutsideProgram Start(string app, string config) =>
        OutsideProgram.TryStart("unshare", ["-m", "bash", "-c", $"mount --bind '{Path.Combine(_directory, "hosts")}' /etc/hosts && exec dotnet '{Path.Combine(app, "pipeline.dll")}' run -v --config '{config}'"])!;

    private async Task<string> ConfigureAsync(int node, int[] ports, EmbeddedKafka kafka)
    {
        var directory = Directory.CreateDirectory(Path.Combine(_directory, $"node-{node}")).FullName;
        var config = await RunningNode.ConfigureAsync(directory, $$"""events { type = kafka, bootstrap = "{{kafka.Bootstrap}}", commit-group-offsets = false, tables.orders { format = json } }""", $$"""
            name = shop
                  lake.location = "{{LakeDirectory}}"
                  cluster {
                    roles = [ingest]
                    hostname = "{{NameOf(node)}}", bind-hostname = "127.0.1.{{node}}", port = {{ports[node - 1]}}
                    seed-nodes = [{{string.Join(", ", Enumerable.Range(1, 3).Select(i => $"\"{NameOf(i)}:{ports[i - 1]}\""))}}]
                    {{_authority.Section(directory, "shop")}}
                  }
            """);
        return config;
    }

    private static async Task ProduceAsync(EmbeddedKafka kafka)
    {
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = kafka.Bootstrap, EnableIdempotence = true }).Build();
        await Task.WhenAll(Enumerable.Range(0, RecordsOfARound).Select(i => producer.ProduceAsync(new TopicPartition("orders", i % Partitions), new Message<Null, byte[]> { Value = Encoding.UTF8.GetBytes($$"""{"id":{{i}}}""") }, Cancel)));
    }

    private static async Task BashAsync(string command)
    {
        await using var bash = OutsideProgram.TryStart("bash", ["-euo", "pipefail", "-c", command])!;
        var (exitCode, lines) = await bash.WaitForExitAsync(Cancel);
        Assert.True(exitCode == 0, $"{command}\n{string.Join('\n', lines)}");
    }
}
