using System.Collections.Immutable;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Akka.Cluster;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Node.Tests.Failures;
using Pipeline.Remoting.Tls;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Remoting;

/// <summary>Whatever a stranger sends to a node's port is not acted on, and is told in one line.</summary>
public sealed class StrangersSpec : IAsyncLifetime
{
    private static readonly TableId Orders = TableId.Bronze("shop", "orders");
    private static readonly Guid Stage = Guid.Parse("0f8fad5b-d9cb-469f-a165-70867728950e");
    private static readonly string[] SystemOrders = ["Terminate", "Suspend", "Resume", "Create", "Recreate", "Supervise", "Failed"];

    private readonly ScratchDirectory _root = new("pipeline-strangers-");
    private readonly NodeAuthority _authority = new("authority of sales");
    private RunningNode _node = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _node.DisposeAsync();
        _authority.Dispose();
        _root.Dispose();
    }

    [Fact]
    public async Task No_message_of_a_stranger_is_acted_on()
    {
        await StartAsync(isTls: false);
        var table = await TableAsync();
        await using var stranger = new Stranger();
        var attempts = Attempts().ToList();
        Assert.Equal(71, attempts.Count);
        Assert.Distinct(attempts);

        foreach (var (path, serializer, manifest, text, said) in attempts)
        {
            var before = _node.Log.Length;

            stranger.Send(_node.Address, path, serializer, manifest, Encoding.UTF8.GetBytes(text));
            await _node.WaitForLogAsync(said, after: before);

            // One line each, whatever was sent, and it names that.
            Assert.Contains(said, Assert.Single(_node.Log[before..]), StringComparison.Ordinal);
        }

        Assert.Equal(100, (await _node.Lake.TryOpenAsync(Orders, Cancel))!.Current.Position(new SplitId("shop", "orders")));
        Assert.Equal(table.Version, (await _node.Lake.TryOpenAsync(Orders, Cancel))!.Current.Version);
        Assert.Single(Cluster.Get(_node.System).State.Members);
        Assert.Equal(MemberStatus.Up, Cluster.Get(_node.System).SelfMember.Status);
        Assert.False(_node.System.WhenTerminated.IsCompleted);
    }

    [Fact]
    public async Task Nobody_without_a_certificate_of_the_pipeline_gets_as_far_as_a_message()
    {
        await StartAsync(isTls: true);
        using var others = new NodeAuthority("authority of others");
        var ours = NodeCertificates.UriOf("sales");
        (X509Certificate2 Shown, string Said)[] wrong =
        [
            (others.Issue([ours]), "was not signed by this pipeline's authority"),
            (_authority.Issue([ours], isSelfSigned: true), "was not signed by this pipeline's authority"),
            (_authority.Issue([ours], validFor: -1), "expired on"),
            (_authority.Issue([ours], validFrom: 5), "is valid from"),
            (_authority.Issue([NodeCertificates.UriOf("marketing")]), "made out to pipeline://marketing"),
            (_authority.Issue([NodeCertificates.UriOf("sales-2"), "https://sales"]), "made out to pipeline://sales-2"),
            (_authority.Issue([]), "made out to no pipeline"),
            (_authority.Issue([], dns: "sales"), "made out to no pipeline"),
        ];

        Func<Stream, Task>[] wordless = [SpeakPlainAsync, SpeakHttpAsync, SpeakWithoutCertificateAsync];
        Assert.Equal(11, wrong.Length + wordless.Length);

        foreach (var (shown, said) in wrong)
        {
            var before = _node.Log.Length;
            using (shown)
            {
                await using var stranger = new Stranger(shown);
                stranger.Send(_node.Address, "/user/ingest-monitor", 1, "Pipeline.Ingest.PauseIngest, Pipeline.Ingest", "{}"u8);
                await _node.WaitForLogAsync(said, after: before);
            }
        }

        foreach (var speak in wordless)
        {
            var before = _node.Log.Length;
            using var socket = new TcpClient();
            await socket.ConnectAsync(IPAddress.Loopback, Cluster.Get(_node.System).SelfAddress.Port!.Value, Cancel);
            await speak(socket.GetStream());
            await _node.WaitForLogAsync("refused", after: before);
        }

        Assert.All(_node.Log, line => Assert.Matches(@"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ (WRN|ERR) ", line));
        Assert.DoesNotContain(_node.Log, line => line.Contains("manifest", StringComparison.Ordinal));
        Assert.Single(Cluster.Get(_node.System).State.Members);
    }

    [Fact]
    public async Task A_node_of_the_release_before_which_speaks_no_TLS_is_named_in_one_line_by_whoever_meets_it()
    {
        await using var before = new Stranger();
        await StartAsync(isTls: true, seed: before.Address);

        await _node.WaitForLogAsync("release before");
        before.Send(_node.Address, "/user/ingest-monitor", 4201, "get-positions-1", "{}"u8);

        await _node.WaitForLogAsync("A connection with");
        Assert.Contains(_node.Log, line => line.Contains(before.Address, StringComparison.Ordinal) && line.Contains("speaks no TLS", StringComparison.Ordinal) && line.Contains("stop its whole cluster", StringComparison.Ordinal));
    }

    /// <summary>What is sent to which actor, and the words by which the log must name it.</summary>
    private static IEnumerable<(string Path, int Serializer, string Manifest, string Bytes, string Said)> Attempts()
    {
        const string committers = "/system/sharding/bronze-committer";
        const string coordinator = "/user/medallion-coordinator/medallion-coordinator";

        // By the serializer that makes what is named.
        foreach (var order in (string[])["PauseIngest", "ResumeIngest", "DrainNode", "GetIngestStatus", "WorkerReport"])
            yield return ("/user/ingest-monitor", 1, $"Pipeline.Ingest.{order}, Pipeline.Ingest", "{}", order);
        foreach (var order in (string[])["StopWorker", "DrainWorker", "ResumeWorker", "WorkerEvent+StopAsked"])
            yield return (committers, 1, $"Pipeline.Ingest.Worker.{order}, Pipeline.Ingest", "{}", order);
        yield return (committers, 1, "Pipeline.Ingest.Committer.CommitterEvent+FlushDue, Pipeline.Ingest", "{}", "CommitterEvent");
        yield return ("/user/ingest-monitor", 1, "System.IO.FileInfo, System.Private.CoreLib", """{"$type":"System.IO.FileInfo","OriginalPath":"/etc/passwd"}""", "System.IO.FileInfo");
        yield return ("/user/ingest-monitor", 2, "Google.Protobuf.WellKnownTypes.Any, Google.Protobuf", "", "WellKnownTypes.Any");
        yield return ("/remote", 3, "Akka.Remote.DaemonMsgCreate, Akka.Remote", "", "DaemonMsgCreate");

        // Orders of Akka's own.
        yield return (coordinator, 16, "PP", "", "PP");
        yield return (coordinator, 16, "K", "", "manifest K");
        yield return ("/user/ingest-monitor", 16, "STF", "", "STF");
        foreach (var order in SystemOrders) yield return (coordinator, 22, $"Akka.Dispatch.SysMsg.{order}, Akka", "", $"SysMsg.{order}");
        yield return ("/system/cluster/core/daemon", 5, "Akka.Cluster.ClusterUserAction+Leave, Akka.Cluster", "", "Leave");
        yield return ("/system/cluster/core/daemon", 5, "Akka.Cluster.ClusterUserAction+Down, Akka.Cluster", "", "Down");

        // Of serializers and in forms that nobody knows.
        yield return ("/user/ingest-monitor", 77, "whatever", "", "[77]");
        yield return (committers, 4201, "stage-files-9", "{}", "stage-files-9");
        yield return (coordinator, 4202, "pause-table-9", "{}", "pause-table-9");
        yield return (committers, 4201, "Pipeline.Ingest.PauseIngest, Pipeline.Ingest", "{}", "PauseIngest");
        yield return (committers, 4201, "line\nbreak", "{}", "line break");

        // In forms that are ours, from one who is no member: files of others, positions that nobody reached, a pause.
        yield return (committers, 4201, "stage-files-1", StageJson("../../../../../etc/passwd", from: 100, to: 101), "StageFiles");
        yield return (committers, 4201, "stage-files-1", StageJson("/etc/passwd", from: 100, to: 101), "StageFiles");
        yield return (committers, 4201, "stage-files-1", StageJson(file: null, from: 100, to: 5_000), "StageFiles");
        yield return (committers, 4201, "stage-files-1", StageJson(file: null, from: 5_000, to: 5_001), "StageFiles");
        yield return (committers, 4201, "get-positions-1", """{"table":"bronze/shop/orders","tag":1,"splits":["shop/orders"]}""", "GetPositions");
        yield return (coordinator, 4201, "bronze-committed-1", $$"""{"table":"{{Orders}}","version":1000000,"rows":1,"newestEventAt":null,"committedAt":"2026-03-01T12:00:00Z"}""", "BronzeCommitted");
        yield return (coordinator, 4202, "table-advanced-1", """{"table":"silver/orders","version":1000000,"rows":1,"committedAt":"2026-03-01T12:00:00Z"}""", "TableAdvanced");
        const string pins = """{"table":"silver/orders","run":1,"requestedAt":"2026-03-01T12:00:00Z","inputs":[],"targets":[]}""";
        foreach (var (manifest, order) in ((string, string)[])[("run-job-1", "RunJob"), ("cancel-job-1", "CancelJob"), ("job-end-kept-1", "JobEndKept")])
            yield return ("/user/job-runners", 4202, manifest, $$"""{ "pins": {{pins}} }""", order);
        yield return ("/user/job-runners", 4202, "get-running-jobs-1", "{}", "GetRunningJobs");
        var ended = $$"""{"table":"silver/orders","pins":{{pins}},"fault":{"kind":"invalid","thing":"a","cause":"b","nextStep":"c"} }""";
        yield return (coordinator, 4202, "job-ended-1", ended, "JobEnded");
        yield return ($"{coordinator}/coordinator/runners", 4202, "job-ended-1", ended, "JobEnded");
        yield return ($"{coordinator}/coordinator/runners", 4202, "running-jobs-1", $$"""{"jobs":[{{pins}}]}""", "RunningJobs");
        foreach (var order in (string[])["pause", "resume", "trigger", "cancel"])
            yield return (coordinator, 4202, $"{order}-table-1", """{"table":"silver/orders"}""", $"{char.ToUpperInvariant(order[0])}{order[1..]}Table");
        yield return (coordinator, 4202, "look-again-1", "{}", "LookAgain");
        const string control = "/user/pipeline-control/pipeline-control";
        const string wish = """{"id":"a","kind":"paused","target":{"kind":"table","name":"bronze/shop/orders"},"holds":true,"who":"x","at":"2026-03-01T12:00:00Z","why":"y"}""";
        foreach (var (path, manifest, text, order) in ((string, string, string, string)[])
        [
            ("/user/control-monitor", "desired-work-1", """{"singleton":"x","number":9,"tables":["bronze/shop/orders"],"sources":["shop"],"nodes":[],"scheduled":[],"unrecorded":[]}""", "DesiredWork"),
            ("/user/control-monitor", "restart-work-1", """{"orderId":"o","target":{"kind":"source","name":"shop"},"at":"9999-01-01T00:00:00Z"}""", "RestartWork"),
            ("/user/control-monitor", "leave-work-1", """{"orderId":"o","node":"127.0.0.1:1","at":"9999-01-01T00:00:00Z"}""", "LeaveWork"),
            ("/user/control-monitor", "log-level-work-1", """{"orderId":"o","node":"127.0.0.1:1","value":"debug","at":"9999-01-01T00:00:00Z"}""", "LogLevelWork"),
            ("/user/control-monitor", "look-again-at-1", """{"table":"bronze/shop/orders"}""", "LookAgainAt"),
            (control, "take-unrecorded-1", $$"""{"wish":{{wish}} }""", "TakeUnrecorded"),
            (control, "restart-unrecorded-1", """{"order":{"id":"o","number":0,"kind":"restart","target":{"kind":"source","name":"shop"},"who":"x","at":"9999-01-01T00:00:00Z","why":"y"}}""", "RestartUnrecorded"),
            (control, "node-report-1", """{"facts":{"node":"x:1","incarnation":"i","release":"1","startedAt":"2026-03-01T12:00:00Z","roles":[],"configuration":""},"isHeld":false,"bufferBytes":0,"tables":[],"gone":[]}""", "NodeReport"),
            (control, "control-recorded-1", "{}", "ControlRecorded"),
            (control, "get-pipeline-1", "{}", "GetPipeline"),
        ]) yield return (path, 4204, manifest, text, order);

        // What a journal holds, and what is said to one.
        const string journal = $"{coordinator}/coordinator/journal";
        foreach (var (path, manifest, text, order) in new[] { journal, $"{journal}/events-1" }.SelectMany(path => (IEnumerable<(string, string, string, string)>)
        [
            (path, "medallion-snapshot-1", """{"tables":[]}""", "MedallionSnapshot"),
            (path, "table-paused-1", """{"table":"silver/orders","at":"2026-03-01T12:00:00Z"}""", "TablePaused"),
            (path, "job-requested-1", $$"""{"table":"silver/orders","at":"2026-03-01T12:00:00Z","pins":{{pins}} }""", "JobRequested"),
        ])) yield return (path, 4202, manifest, text, order);
        yield return (journal, 7, "Akka.Persistence.Persistent, Akka.Persistence", "", "Persistence.Persistent");
        yield return (journal, 7, "System.IO.FileInfo, System.Private.CoreLib", "", "System.IO.FileInfo");
        yield return (journal, 8, "Akka.Persistence.Serialization.Snapshot, Akka.Persistence", "", "Serialization.Snapshot");
        yield return ($"{journal}/events-1", 1, "Akka.Persistence.WriteMessages, Akka.Persistence", "{}", "WriteMessages");
        yield return ($"{journal}/events-1", 1, "Akka.Persistence.ReplayedMessage, Akka.Persistence", "{}", "ReplayedMessage");
        yield return ($"{journal}/events-1", 1, "Akka.Persistence.LoadSnapshotResult, Akka.Persistence", "{}", "LoadSnapshotResult");
    }

    private static string StageJson(string? file, long from, long to) => JsonSerializer.Serialize(new
    {
        table = Orders.ToString(), id = Stage, ranges = new[] { new { split = "shop/orders", from, to } },
        files = file is null ? [] : new[] { new { path = file, partitionValues = new Dictionary<string, string>(), size = 100, modifiedAt = "2026-03-01T12:00:00Z" } }, rows = 1,
    });

    private static async Task SpeakPlainAsync(Stream stream)
    {
        // A frame of a node that encrypts nothing.
        await stream.WriteAsync((byte[])[20, 0, 0, 0, .. Enumerable.Range(0, 20).Select(n => (byte)n)], Cancel);
        await ReadToEndAsync(stream);
    }

    private static async Task SpeakHttpAsync(Stream stream)
    {
        await stream.WriteAsync("GET / HTTP/1.1\r\nHost: node\r\n\r\n"u8.ToArray(), Cancel);
        await ReadToEndAsync(stream);
    }

    private static async Task SpeakWithoutCertificateAsync(Stream stream)
    {
        await using var tls = new SslStream(stream, leaveInnerStreamOpen: true, (_, _, _, _) => true);
        await tls.AuthenticateAsClientAsync("node");
        await ReadToEndAsync(tls);
    }

    private static async Task ReadToEndAsync(Stream stream)
    {
        try
        {
            await stream.CopyToAsync(Stream.Null, Cancel);
        }
        catch (IOException)
        {
            // Cut off: that is an end too.
        }
    }

    /// <summary>A table whose split stands at 100.</summary>
    private async Task<Snapshot> TableAsync()
    {
        var schema = BronzeColumns.TableSchema(new Apache.Arrow.Schema([new Apache.Arrow.Field("id", Apache.Arrow.Types.Int64Type.Default, nullable: true), BronzeColumns.OpField, BronzeColumns.PositionField], null));
        var table = await _node.Lake.OpenOrCreateAsync(Orders, schema, [BronzeColumns.IngestDate], ImmutableDictionary<string, string>.Empty, Cancel);
        await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove("shop/orders", From: null, To: 100)] }, Cancel);
        return table.Current;
    }

    private async Task StartAsync(bool isTls, string? seed = null)
    {
        var directory = Directory.CreateDirectory(Path.Combine(_root, "node")).FullName;
        _node = await RunningNode.StartAsync(directory, "", behind: $$"""
            name = sales
            cluster {
              roles = [ingest{{(seed is null ? ", transform" : "")}}]
              seed-nodes = [{{(seed is null ? "" : $"\"{seed}\"")}}]
              {{(isTls ? _authority.Section(directory, "sales") : "")}}
            }
            """);
        if (seed is null) await _node.WaitForMembersAsync(1);
    }
}
