using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Aws;
using Pipeline.Aws.Emr;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Emulation.Emr;
using Pipeline.Testing;
using Pipeline.Transform.Engines.Emr;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Transform.Tests.Emr;

/// <summary>
/// One schedule: one or two coordinators that do not know of each other keep a few tables up to date on an emulated EMR, while
/// processes die and stand still, answers are lost, journals are lost, requests are throttled and clusters end. Then it is calm, and
/// what was intended has its time to be done. Everything happens on one thread, in virtual time.
/// </summary>
internal sealed class EmrSimulation
{
    private const string Pipeline = "simulated";
    private const int RunsOfATable = 3;

    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Chaos = TimeSpan.FromMinutes(25);
    private static readonly TimeSpan End = TimeSpan.FromHours(12);
    private static readonly TimeSpan JobTimeMax = TimeSpan.FromMinutes(8);

    /// <summary>All is over so long after the last mishap: what was sent has arrived, or never will.</summary>
    private static readonly TimeSpan Aftermath = TimeSpan.FromMinutes(15);

    private static readonly TableId[] Tables = [TableId.Parse("silver/users"), TableId.Parse("gold/totals")];

    private static readonly TimeSpan RealTimeMax = Deadlines.Test;

    private readonly int _seed;
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private readonly Random _random;
    private readonly Mutation _mutation;
    private readonly VirtualTime _time = new(Start);
    private readonly MemoryStore _artifacts = new();
    private readonly EmrService _service;
    private readonly List<TableCommit> _commits = [];
    private readonly HashSet<Intent> _intents = [];
    private readonly Dictionary<TableId, long> _lastRun = Tables.ToDictionary(table => table, _ => 0L);
    private readonly List<Coordinator> _coordinators = [];
    private readonly List<Task> _ended = [];
    private string _cluster;
    private int _deaths;

    private EmrSimulation(int seed, Mutation mutation)
    {
        (_seed, _random, _mutation) = (seed, new Random(seed), mutation);
        _service = new EmrService(new EmrOptions
        {
            Time = _time,
            StepStartsAfter = Seconds(1, 30),
            StepShowsAfter = Seconds(0, 20),
            CancelsAfter = Seconds(1, 30),
            ClusterStartsAfter = Seconds(1, 30),
            ClusterEndsAfter = Seconds(1, 60),
            ActiveStepsMax = Chance(0.3) ? 1 : 256,
            Work = WorkAsync,
        });
        _service.Faults.Chance = FaultOf;
        _cluster = _service.AddCluster("first", stepConcurrency: _random.Next(1, 4));
    }

    private bool IsCalm => _time.GetUtcNow() >= Start + Chaos;

    /// <summary>What was wrong with a schedule; none: all was well. And what happened in it.</summary>
    public static SimulationResult Run(int seed, Mutation mutation = Mutation.None)
    {
        var before = SynchronizationContext.Current;
        // Without one, what is awaited goes on where it ends: on this thread, in the timer that it has waited for.
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            return new EmrSimulation(seed, mutation).Run();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    private SimulationResult Run()
    {
        for (var i = Chance(0.5) ? 2 : 1; i > 0; i--) _coordinators.Add(new Coordinator());
        foreach (var coordinator in _coordinators) Begin(coordinator);
        if (Chance(0.3)) Later(Seconds(60, 1200), EndCluster);
        for (var i = _random.Next(4); i > 0; i--) Later(Seconds(1, 1500), () => Pick(_coordinators).Process?.Kill());

        bool IsDone() => _lastRun.Values.All(run => run == RunsOfATable);
        while (!IsDone() && _time.Step(Start + End)) Fail();

        // What is still under way when all is committed may do harm yet.
        while (_time.Step(Start + Chaos + Aftermath)) Fail();
        var log = _service.Log.Events;
        return new SimulationResult(EmrOracle.Judge(log, _commits, [.. _intents], isOver: true), log, _commits, _deaths, _time.GetUtcNow() - Start);
    }

    private void Fail()
    {
        if (_time.Intruder is { } intruder) throw new InvalidOperationException($"Schedule {_seed} has left its thread: {intruder}");
        if (_watch.Elapsed > RealTimeMax) throw new InvalidOperationException($"Schedule {_seed} does not come to its end: it is at {_time.GetUtcNow() - Start}, and has {_service.Log.Events.Count} events.");
        if (_ended.Find(task => task.IsFaulted) is { } broken) throw new InvalidOperationException("A coordinator has broken.", broken.Exception!.InnerException);
    }

    private void Begin(Coordinator coordinator)
    {
        var process = new SimulatedProcess(_time, Fate, dead =>
        {
            _deaths++;
            if (Chance(0.3)) coordinator.Journal.Clear();
            Later(Seconds(1, 120), () => Begin(coordinator));
        });
        coordinator.Process = process;
        _ended.Add(CoordinateAsync(process, coordinator.Journal));
    }

    private async Task CoordinateAsync(SimulatedProcess process, Dictionary<TableId, Kept> journal)
    {
        var store = new ProcessStore(process, _artifacts);
        var settings = new AwsSettings { Region = "eu-central-1", Endpoint = new Uri("http://emr.simulated"), Retry = new RetryPolicy { BackoffMin = TimeSpan.FromMilliseconds(500), BackoffMax = TimeSpan.FromSeconds(20), Jitter = 0, AttemptsMax = 8, TimeMax = TimeSpan.FromMinutes(1) } };
        using var client = new EmrClient(settings, _time, new Amazon.Runtime.BasicAWSCredentials("test", "test"), new ProcessTransport(process, new EmrMessageHandler(_service)));
        var artifacts = new JobArtifacts(store);
        // As with a real cluster, which takes its time.
        var options = new EmrStepOptions { Aws = settings, ClusterId = _cluster, JobTimeMax = JobTimeMax, Dialect = EngineDialect.Spark };
        var steps = new EmrStepEngine(options, client, new ConfiguredCluster(options), new SparkSubmission(artifacts, SparkSettings.Default), logs: null, _time, _random, NullLogger.Instance);
        var engine = MutatedEngine.Of(steps, _mutation);
        var remote = new RemoteRuns(Pipeline, new Lake(_artifacts, _time), artifacts, [engine]);
        await Task.WhenAll(Tables.Select(table => KeepAsync(table, process, journal, engine, remote)));
    }

    /// <summary>Makes the runs of one table, one after the other, as a coordinator and its runner do.</summary>
    private async Task KeepAsync(TableId table, SimulatedProcess process, Dictionary<TableId, Kept> journal, IRemoteEngine engine, RemoteRuns remote)
    {
        while (true)
        {
            var last = await process.DoAsync(() => Task.FromResult(_lastRun[table]));
            if (last == RunsOfATable) return;
            try
            {
                var kept = journal.GetValueOrDefault(table) is { } known && known.Pins.Run == last + 1 ? known : null;
                if (kept is null)
                {
                    // What is new meanwhile makes another document of the same run.
                    var planned = PinsOf(table, last + 1);
                    kept = new Kept(await remote.UnderWayAsync(planned, CancellationToken.None) ?? planned, null);
                    await KeepAsync(kept);
                }

                await RunAsync(kept);
            }
            catch (PipelineException)
            {
                await Task.Delay(Seconds(1, 20), _time, CancellationToken.None);
                // A run that has failed is planned anew.
                journal.Remove(table);
            }
        }

        async Task KeepAsync(Kept kept) => await process.DoAsync(() =>
        {
            _intents.Add(new Intent(table.ToString(), $"{kept.Pins.Run}"));
            journal[table] = kept;
            return Task.FromResult(true);
        });

        async Task RunAsync(Kept kept)
        {
            var document = DocumentOf(kept.Pins);
            var utf8 = document.ToUtf8();
            var submission = new JobSubmission(kept.Handle, async (handle, _) => await KeepAsync(kept with { Handle = handle }));
            var execution = await remote.ExecutionAsync(engine, kept.Pins, submission, _time, CancellationToken.None);
            var accepted = await execution.RunAsync(document, utf8, _ => ValueTask.CompletedTask, (answer, found) => answer.Document == JobDocument.Sha256Of(utf8) && answer.Execution == found.Handle.Execution
                ? Task.FromResult(answer.Execution)
                : throw new PipelineException(FaultKind.Damaged, "Answer", "it is another's", "Look."), CancellationToken.None);
            await process.DoAsync(() => Task.FromResult(Commit(table, kept.Pins.Run, accepted)));
        }
    }

    /// <summary>A table takes a run once, and after the run before it: its log has no room for two.</summary>
    private bool Commit(TableId table, long run, string execution)
    {
        if (_lastRun[table] != run - 1) return false;
        _lastRun[table] = run;
        _commits.Add(new TableCommit(_time.GetUtcNow(), table.ToString(), $"{run}", execution));
        return true;
    }

    /// <summary>A step: for some time nothing, then its answer, if it has not been ended before.</summary>
    private async Task<EmrOutcome> WorkAsync(EmrWork work)
    {
        var takes = Chance(0.05) ? TimeSpan.FromMinutes(15) : Seconds(2, Chance(0.3) ? 480 : 60);
        var fails = Chance(0.1);
        var endsAfter = Seconds(0, 60);
        _service.Note(work, "writes");
        // A wait that is cancelled would go on on another thread.
        var comesToItsEnd = new TaskCompletionSource<bool>();
        Later(takes, () => comesToItsEnd.TrySetResult(true));
        await using (work.Cancelled.Register(() => comesToItsEnd.TrySetResult(false)))
        {
            if (!await comesToItsEnd.Task)
            {
                await Task.Delay(endsAfter, _time, CancellationToken.None);
                return new EmrOutcome(143);
            }
        }

        if (fails) return new EmrOutcome(1, null, "It has failed.");
        var answer = new JobAnswer { Format = JobDocument.CurrentFormat, Document = work.Argument("--sha256")!, Execution = work.Argument("--execution")! };
        await _artifacts.PutIfAbsentAsync(work.Argument("--answer")![(_artifacts.Location.Length + 1)..], answer.ToUtf8(), CancellationToken.None);
        _service.Note(work, "wrote");
        return EmrOutcome.Done;
    }

    private JobPins PinsOf(TableId table, long run) => new()
    {
        Table = table,
        Run = run,
        RequestedAt = _time.GetUtcNow(),
        Inputs = [new PinnedInput(TableId.Parse("bronze/app/users"), null, _random.Next(3))],
        Targets = [new PinnedTarget(table, run - 1)],
        Engine = "emr",
    };

    private static JobDocument DocumentOf(JobPins pins) => new()
    {
        Format = JobDocument.CurrentFormat,
        Dialect = "duckdb",
        Run = new DocumentRun(pins.Table, pins.Run),
        Root = JsonSerializer.Serialize(pins.Inputs[0].Version),
    };

    /// <summary>The cluster is gone, and people set the coordinators up for another.</summary>
    private void EndCluster()
    {
        _service.TerminateCluster(_cluster, isFailure: Chance(0.5));
        Later(Seconds(1, 300), () =>
        {
            _cluster = _service.AddCluster("next", stepConcurrency: 2);
            foreach (var coordinator in _coordinators) coordinator.Process?.Kill();
        });
    }

    private (Mishap Mishap, TimeSpan For) Fate()
    {
        if (IsCalm) return (Mishap.None, default);
        return _random.NextDouble() switch
        {
            < 0.006 => (Mishap.DiesBefore, default),
            < 0.012 => (Mishap.DiesAfter, default),
            < 0.017 => (Mishap.StandsStillBefore, Seconds(1, Chance(0.5) ? 60 : 900)),
            < 0.027 => (Mishap.StandsStillAfter, Seconds(1, Chance(0.5) ? 60 : 900)),
            _ => (Mishap.None, default),
        };
    }

    private EmrFault? FaultOf(string operation)
    {
        if (IsCalm) return null;
        return _random.NextDouble() switch
        {
            < 0.05 => new EmrFault(EmrFaultKind.Throttle),
            < 0.06 => new EmrFault(EmrFaultKind.InternalError),
            < 0.09 => new EmrFault(EmrFaultKind.LoseRequest),
            < 0.14 => new EmrFault(EmrFaultKind.LoseAnswer),
            < 0.19 => new EmrFault(EmrFaultKind.ActLate, Seconds(1, 320)),
            _ => null,
        };
    }

    private void Later(TimeSpan after, Action act) => _time.CreateTimer(_ => act(), null, after, Timeout.InfiniteTimeSpan);

    private bool Chance(double share) => _random.NextDouble() < share;

    private TimeSpan Seconds(double from, double to) => TimeSpan.FromSeconds(from + (_random.NextDouble() * (to - from)));

    private T Pick<T>(IReadOnlyList<T> of) => of[_random.Next(of.Count)];

    /// <summary>What a coordinator has in its journal of a run: until it is lost.</summary>
    private sealed record Kept(JobPins Pins, JobHandle? Handle);

    private sealed class Coordinator
    {
        public Dictionary<TableId, Kept> Journal { get; } = [];

        public SimulatedProcess? Process { get; set; }
    }
}

/// <param name="Wrong">What the oracle says.</param>
internal sealed record SimulationResult(IReadOnlyList<string> Wrong, IReadOnlyList<EmrEvent> Log, IReadOnlyList<TableCommit> Commits, int Deaths, TimeSpan Took)
{
    /// <summary>What happened, in its order, a line each.</summary>
    public IEnumerable<string> Told => Log.Where(happened => happened.What != "call").Select(happened => (happened.At, Text: $"{happened.What} {happened.Operation}{happened.State} {happened.Step} {happened.Name} {happened.Error}"))
        .Concat(Commits.Select(commit => (commit.At, Text: $"committed {commit.Table} {commit.Run} of {commit.Execution}"))).OrderBy(told => told.At).Select(told => $"{told.At:HH:mm:ss.fff} {told.Text}");
}
