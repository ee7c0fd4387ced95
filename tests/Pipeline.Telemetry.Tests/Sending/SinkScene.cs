using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Configuration;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Telemetry.Collecting;
using Pipeline.Testing;

namespace Pipeline.Telemetry.Tests.Sending;

/// <summary>A node's telemetry with one sink that does as it is told, and time that only the test moves.</summary>
internal sealed class SinkScene : IAsyncDisposable
{
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(5);
    private readonly ScratchDirectory _directory = new("pipeline-spool-");
    private readonly ConcurrentQueue<OutageNotice> _said = [];
    private readonly ConcurrentQueue<string> _log = [];
    private readonly Measurements _measured;
    private readonly OutageWatch _outages;
    private ActorSystem? _actors;
    private NodeTelemetry? _telemetry;
    private IActorRef _metrics = ActorRefs.Nobody;
    private IActorRef _keeper = ActorRefs.Nobody;

    public SinkScene()
    {
        Time = new FakeTimeProvider(new DateTimeOffset(2026, 3, 1, 10, 0, 0, TimeSpan.Zero));
        Sink = new ScriptedSink(Time);
        _measured = new Measurements("sink", Sink.Name);
        _outages = new OutageWatch(Time, _said.Enqueue);
        Options = new TelemetryOptions { SpoolLocation = _directory.Path };
    }

    public FakeTimeProvider Time { get; }

    public ScriptedSink Sink { get; }

    public TelemetryOptions Options { get; set; }

    public IEnumerable<OutageNotice> Said => _said;

    /// <summary>Lines of the actors' log from information on.</summary>
    public IEnumerable<string> Log => _log;

    public long SpoolBytes => new DirectoryInfo(_directory.Path).EnumerateFiles("*.interval", SearchOption.AllDirectories).Sum(file => file.Length);

    public string SpoolDirectory => Path.Combine(_directory.Path, Sink.Name, "0");

    /// <summary>A node starts, or starts again with what it finds.</summary>
    public void Start()
    {
        _actors = ActorSystem.Create("telemetry", ConfigurationFactory.ParseString($"""
            akka.scheduler.implementation = "{typeof(VirtualScheduler).AssemblyQualifiedName}"
            akka.loglevel = INFO
            akka.stdout-loglevel = OFF
            akka.loggers = []
            """));
        _keeper = _actors.ActorOf(Props.Create(() => new LogKeeper(_log)));
        _actors.EventStream.Subscribe(_keeper, typeof(Akka.Event.LogEvent));
        _telemetry = new NodeTelemetry(Options, [Sink], Time, new MetricCollector(Time, [Instruments.BufferBytes]));
        _metrics = TelemetryRegistration.Start(_actors, _telemetry, _outages);
    }

    /// <summary>Time passes, in which actors have their turn.</summary>
    public async Task PassAsync(TimeSpan time)
    {
        for (var passed = TimeSpan.Zero; passed < time; passed += Step)
        {
            Time.Advance(Step);
            ((VirtualScheduler)_actors!.Scheduler).Advance(Step);
            await SettleAsync();
        }
    }

    public async Task PassUntilAsync(Func<bool> isReached)
    {
        for (var passed = TimeSpan.Zero; !isReached(); passed += Step)
        {
            Assert.True(passed < TimeSpan.FromDays(1), $"Not reached. Taken: {Sink.Taken.Count}, tried: {Sink.Attempts}. Said: {string.Join("; ", _said)}. Log: {string.Join("; ", _log)}");
            await PassAsync(Step);
        }
    }

    /// <summary>As coordinated shutdown does.</summary>
    public Task FlushAsync() => _metrics.Ask<MetricsFlushed>(new FlushMetrics(), Timeout.InfiniteTimeSpan);

    public async Task StopAsync()
    {
        await _actors!.Terminate();
        _telemetry!.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _outages.Dispose();
        _measured.Dispose();
        _directory.Dispose();
    }

    /// <summary>Whatever was begun has been told to the actors, and they have done with it.</summary>
    private async Task SettleAsync()
    {
        await _metrics.Ask<ActorIdentity>(new Identify(null), Deadlines.Test);
        var sink = await _actors!.ActorSelection($"/user/metrics/{Sink.Name}").ResolveOne(TimeSpan.FromMinutes(1));
        while (true)
        {
            var attempts = Sink.Attempts;
            var isEnded = Sink.Holding is not null || attempts == _measured.Sum(Instruments.TelemetrySent) + _measured.Sum(Instruments.TelemetryFailures);
            await sink.Ask<ActorIdentity>(new Identify(null), Deadlines.Test);
            if (isEnded && Sink.Attempts == attempts) break;
        }

        await _keeper.Ask<ActorIdentity>(new Identify(null), Deadlines.Test);
    }

    private sealed class LogKeeper : ReceiveActor
    {
        public LogKeeper(ConcurrentQueue<string> log) => Receive<Akka.Event.LogEvent>(said => log.Enqueue($"{said.LogLevel()} {said.Message}"));
    }
}

/// <summary>Takes what it is given, or does as it is told.</summary>
internal sealed class ScriptedSink(TimeProvider time) : IMetricSink
{
    private int _attempts;

    // Its own: what is measured is measured for all of a process.
    public string Name { get; } = $"scripted-{Guid.NewGuid():N}";

    public TimeSpan? AgeMax { get; set; } = TimeSpan.FromDays(14);

    /// <summary>What an attempt comes to; null: it is taken.</summary>
    public Func<MetricInterval, Exception?> Answer { get; set; } = _ => null;

    /// <summary>What takes what is to be taken; null: nobody else.</summary>
    public IMetricSink? Behind { get; set; }

    /// <summary>Awaited before it answers; null: nothing is.</summary>
    public Task? Holding { get; set; }

    public ConcurrentQueue<MetricInterval> Taken { get; } = [];

    public ConcurrentQueue<DateTimeOffset> AttemptedAt { get; } = [];

    public int Attempts => _attempts;

    public static PipelineException Fault(FaultKind kind, string cause = "said so") => new(kind, "Metrics", cause, "Mend it.");

    public async Task SendAsync(MetricInterval interval, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _attempts);
        AttemptedAt.Enqueue(time.GetUtcNow());
        if (Holding is { } holding) await holding.WaitAsync(cancellationToken);
        if (Answer(interval) is { } failure) throw failure;
        if (Behind is { } behind) await behind.SendAsync(interval, cancellationToken);
        Taken.Enqueue(interval);
    }
}
