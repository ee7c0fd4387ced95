using System.Collections.Concurrent;
using System.Text;
using Akka.Actor;
using Akka.Cluster.Tools.PublishSubscribe;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Ingest;
using Pipeline.Node.Composition;
using Pipeline.Node.Http.Api;
using Pipeline.Node.Http.Events;
using Pipeline.Operations.Control;
using Pipeline.Operations.Options;
using Pipeline.Testing;
using Pipeline.Transform.Coordination;

namespace Pipeline.Node.Tests.Failures;

/// <summary>A whole node in this process, with a lake and a configuration of its own.</summary>
internal sealed class RunningNode : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = Deadlines.Test;

    /// <summary>What Akka says of heartbeats and of places of shards that come late, and the coordinator of its journal.</summary>
    private static readonly string[] WordsOfLoad =
    [
        "heartbeat", "waiting-for-state-timeout", "updating-state-timeout", "to register to coordinator", "No coordinator found to register", "Graceful shutdown of shard region timed out",
        "has not been read within", ": it has been read for ",
    ];

    private readonly LogLines _log = new();
    private readonly NodeLoggerFactory _logs;
    private NodeHost? _host;

    private RunningNode(string configPath, string lake)
    {
        ConfigPath = configPath;
        LakeDirectory = lake;
        _logs = NodeLogs.Create(_log, LogLevel.Warning);
        Lake = Lakes.Open(new LakeOptions { Location = lake }, TimeProvider.System);
    }

    public string ConfigPath { get; }

    public string LakeDirectory { get; }

    public Lake Lake { get; }

    /// <summary>Warnings and errors so far, a line each; but for what tells of the machine's load only.</summary>
    public string[] Log => [.. _log.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => !IsOfLoad(line))];

    /// <summary>Whether a line is said on a machine that has no time for a node, and on no other.</summary>
    public static bool IsOfLoad(string line) => WordsOfLoad.Any(words => line.Contains(words, StringComparison.OrdinalIgnoreCase));

    public ActorSystem System => _host!.System;

    /// <summary>Its door for operators.</summary>
    public RunningControl Control => _host!.Control;

    /// <summary>Done when an operator wants it to end.</summary>
    public Task LeaveAsked => _host!.LeaveAsked;

    /// <summary>Done when an operator wants it to start again.</summary>
    public Task RestartAsked => _host!.RestartAsked;

    public Task<string> EssentialGone => _host!.EssentialGone;

    /// <summary>Where it says how it is.</summary>
    public Uri HttpAddress => _host!.HttpAddress;

    /// <summary>By which its own user asks it; null: there is none.</summary>
    public string? SocketPath => _host!.SocketPath;

    /// <summary>What its server answers at all.</summary>
    public IReadOnlyList<RouteEndpoint> Routes => _host!.Routes;

    /// <summary>The token that it has made; null: none.</summary>
    public FirstToken? FirstToken => _host!.FirstToken;

    /// <summary>Lets something have happened on it.</summary>
    public void Say(NodeEvent happened) => _host!.Events.Say(happened);

    /// <summary>Announces something to all nodes as whoever has done it, until it was heard: a subscription takes a moment to be known.</summary>
    public async Task AnnounceUntilAsync(BronzeCommitted committed, Task heard)
    {
        using var pulse = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        var mediator = DistributedPubSub.Get(System).Mediator;
        do mediator.Tell(new Publish(LakeEvents.Topic, committed), mediator);
        while (!heard.IsCompleted && await pulse.WaitForNextTickAsync(TestContext.Current.CancellationToken));
    }

    /// <summary>Why it must not go on.</summary>
    public Task<PipelineException> Refused => _host!.Refused;

    /// <summary>As others name it among their seeds.</summary>
    public string Address => $"127.0.0.1:{Akka.Cluster.Cluster.Get(System).SelfAddress.Port}";

    public Task WaitForMembersAsync(int members) => WaitAsync(() => Task.FromResult(Akka.Cluster.Cluster.Get(System).State.Members.Count(member => member.Status == Akka.Cluster.MemberStatus.Up)),
        found => found == members, $"{members} nodes in the cluster", () => _log.ToString());

    /// <param name="sources">The section <c>sources</c>.</param>
    /// <param name="behind">Sections that say what is made of Bronze.</param>
    /// <param name="through">What the node has instead of the lake; null: the lake.</param>
    public static async Task<RunningNode> StartAsync(string directory, string sources, string? lake = null, string behind = "", Func<Lake, Lake>? through = null)
    {
        var node = new RunningNode(await ConfigureAsync(directory, sources, behind), lake ?? Path.Combine(directory, "lake"));
        var options = PipelineOptions.Load(node.ConfigPath, SourceKinds.All, node.LakeDirectory, _ => null);
        node._host = await NodeHost.StartAsync(options, through is null ? node.Lake : through(node.Lake), node._logs, TimeProvider.System, TestContext.Current.CancellationToken);
        return node;
    }

    /// <summary>Writes a configuration with these sources, and nothing behind Bronze unless it is given; returns its path.</summary>
    public static async Task<string> ConfigureAsync(string directory, string sources, string behind = "")
    {
        var path = Path.Combine(directory, "pipeline.conf");
        await File.WriteAllTextAsync(path, $$"""
            pipeline {
              lake.location = "{{Path.Combine(directory, "lake")}}"
              ingest { file-age-max = 100ms, commit-interval = 20ms, retry { backoff-min = 50ms, backoff-max = 500ms } }
              transform.journal.connection = "Data Source={{Path.Combine(directory, "journal.db")}}"
              sources {
                {{sources}}
              }
              {{behind}}
            }
            """);
        File.Copy(Path.Combine(Repository.Root, "hocon", "akka.conf"), Path.Combine(directory, "akka.conf"));
        return path;
    }

    /// <summary>Waits until a table's ingest is in a state; fails with what it was last.</summary>
    public Task<Ingest.TableStatus> WaitForStateAsync(string table, params IngestState[] states) =>
        WaitAsync(async () => (await StatusAsync()).FirstOrDefault(status => status.Table == TableId.Parse(table)),
            status => status is not null && states.Contains(status.State) && (status.LastFault is not null || states.Contains(IngestState.Running)), $"{table} in state {string.Join(" or ", states)}", () => _log.ToString())!;

    /// <summary>Waits until the log, which is written behind the actors' backs, holds a line with this text.</summary>
    /// <param name="after">So many lines do not count.</param>
    public Task WaitForLogAsync(string text, int after = 0) =>
        WaitAsync(() => Task.FromResult(Log), log => log.Skip(after).Any(line => line.Contains(text, StringComparison.Ordinal)), $"'{text}' in the log", () => _log.ToString());

    public Task WaitForRowsAsync(string table, long rows) => WaitForRowsAsync(Lake, TableId.Parse(table), rows, () => _log.ToString());

    public static Task WaitForRowsAsync(Lake lake, TableId table, long rows, Func<string>? log = null) =>
        WaitAsync(async () => (await lake.TryOpenAsync(table, TestContext.Current.CancellationToken))?.Current.RowCount ?? 0, found => found >= rows, $"{rows} rows in {table}", log);

    /// <summary>Waits until the pipeline's nodes together say so.</summary>
    public async Task<PipelineStatus> WaitForStatusAsync(Func<PipelineStatus, bool> isReached) =>
        (await WaitAsync(() => Control.StatusAsync(TestContext.Current.CancellationToken), status => status is not null && isReached(status), "the pipeline's status", () => _log.ToString()))!;

    /// <summary>Waits until the pipeline's nodes together say so of a table.</summary>
    public Task<TableLine?> WaitForTableAsync(string table, Func<TableLine, bool> isReached) =>
        WaitAsync(async () => (await Control.StatusAsync(TestContext.Current.CancellationToken))?.Tables.FirstOrDefault(line => line.Table == TableId.Parse(table)),
            line => line is not null && isReached(line), $"{table} in the pipeline's status", () => _log.ToString());

    /// <summary>Waits until every node acts by an entry of the record of what operators want.</summary>
    public Task WaitForNodesAsync(long number) =>
        WaitAsync(async () => (await Control.StatusAsync(TestContext.Current.CancellationToken))?.Nodes ?? [], nodes => nodes.Count > 0 && nodes.All(known => known.Number >= number), $"nodes that act by entry {number}", () => _log.ToString());

    /// <summary>Waits until the record of what operators want is so.</summary>
    public Task<ControlState> WaitForControlAsync(Func<ControlState, bool> isReached) =>
        WaitAsync(() => Control.StateAsync(TestContext.Current.CancellationToken), isReached, "the record of what operators want", () => _log.ToString());

    /// <inheritdoc cref="NodeHost.LookAgain"/>
    public void LookAgain() => _host!.LookAgain();

    /// <summary>Waits until the coordinator, wherever it is, says so of a table.</summary>
    public Task<Transform.Coordination.TableStatus> WaitForTransformAsync(TableId table, Func<Transform.Coordination.TableStatus, bool> isReached) =>
        WaitAsync(async () => (await _host!.Actors.Get<MedallionCoordinatorActor>().Ask<MedallionStatus>(new GetMedallionStatus(), Deadline)).Tables.Single(status => status.Table == table),
            isReached, $"{table}", () => _log.ToString());

    public async ValueTask DisposeAsync()
    {
        if (_host is not null) await _host.DisposeAsync();
        _logs.Dispose();
    }

    private async Task<IEnumerable<Ingest.TableStatus>> StatusAsync() =>
        (await _host!.Actors.Get<IngestMonitorActor>().Ask<IngestStatus>(new GetIngestStatus(), Deadline)).Tables;

    private static async Task<T> WaitAsync<T>(Func<Task<T>> look, Func<T, bool> isReached, string what, Func<string>? log)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadline);
        using var pulse = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        T last;
        do last = await look();
        while (!isReached(last) && !deadline.IsCancellationRequested && await pulse.WaitForNextTickAsync(TestContext.Current.CancellationToken));
        Assert.True(isReached(last), $"Waited {Deadline} for {what}; it is: {last}. Log:\n{log?.Invoke()}");
        return last;
    }

    /// <summary>What the log says, readable while it is being written.</summary>
    private sealed class LogLines : TextWriter
    {
        private readonly ConcurrentQueue<string> _entries = new();

        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => _entries.Enqueue(value.ToString());

        public override void Write(string? value) => _entries.Enqueue(value ?? "");

        public override string ToString() => string.Concat(_entries);
    }
}
