using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Demo.Data;
using Pipeline.Demo.Driver;
using Pipeline.Demo.Emr;
using Pipeline.Ingest;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;
using Pipeline.Operations.Inspection;
using Pipeline.Operations.Options;
using Pipeline.Operations.Verification;
using Pipeline.Remoting;
using Pipeline.Transform.Coordination;

namespace Pipeline.Demo.Session;

/// <summary>How a demo ended.</summary>
/// <param name="Report">Null when it was interrupted before everything could arrive.</param>
/// <param name="Verified">What <c>verify</c> finds in the lake, interrupted or not.</param>
/// <param name="FirstGoldAfter">From the start of the process's demo to the first rows of a Gold table.</param>
internal sealed record DemoOutcome(DemoReport? Report, VerifyLakeResult Verified, DemoProgress Progress, TimeSpan Took, TimeSpan? FirstGoldAfter,
    TimeSpan? AllGoldAfter);

/// <summary>
/// One demo: the sources that are filled, a whole node that reads them, and somebody who watches both. The node is the
/// service's own, with the reference configuration; only addresses and passwords are the demo's.
/// </summary>
internal sealed class DemoSession : IAsyncDisposable
{
    /// <summary>How long nothing in the lake may change before what is missing counts as lost.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(45);

    /// <summary>
    /// The same where runs are executed elsewhere, which look for what was cut off while it was sent before they send it again,
    /// and where the lake is in a bucket, which may be away for a while.
    /// </summary>
    private static readonly TimeSpan PatienceElsewhere = TimeSpan.FromMinutes(4);

    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    /// <summary>The same at a bucket, where each table costs two requests.</summary>
    private static readonly TimeSpan LookIntervalAtBucket = TimeSpan.FromSeconds(5);

    private readonly DemoDirectory _directory;
    private readonly DemoDriver _driver;
    private readonly EmulatedEmr? _emulation;
    private readonly NodeHost _node;
    private readonly PipelineOptions _options;
    private readonly Lake _lake;
    private readonly LakeWatch _watch;
    private readonly RowCounter _counter;
    private readonly TimeProvider _time;
    private readonly long _startedAt;
    private TimeSpan? _firstGoldAfter;
    private TimeSpan? _allGoldAfter;

    private DemoSession(DemoDirectory directory, DemoDriver driver, EmulatedEmr? emulation, NodeHost node, PipelineOptions options, Lake lake, TimeProvider time, long startedAt)
    {
        _directory = directory;
        _driver = driver;
        _emulation = emulation;
        _node = node;
        _options = options;
        _lake = lake;
        _time = time;
        _startedAt = startedAt;
        TableId[] counted = [.. BronzeTables];
        var made = options.Graph.Silver.SelectMany(contract => (TableId[])[contract.Table, TableId.Quarantine(contract.Table.Name)]).Concat(options.Graph.Gold.Select(node => node.Table));
        var turns = RowCounter.LookedAt(counted);
        _watch = new LakeWatch(lake, [.. turns, [.. made.Except(turns.SelectMany(turn => turn))]], time);
        _counter = new RowCounter(lake, counted, _watch.Seen);
    }

    private IEnumerable<TableId> BronzeTables => _options.Sources.SelectMany(source => source.Tables.Select(table => TableId.Bronze(source.Name, table.Name)));

    private bool IsInBucket => S3Location.IsS3(_directory.Lake);

    private TimeSpan Elapsed => _time.GetElapsedTime(_startedAt);

    /// <summary>Where its servers and its node can be asked while it runs.</summary>
    public IEnumerable<string> Addresses =>
    [
        $"PostgreSQL   {_driver.Sources.Postgres.Host}:{_driver.Sources.Postgres.Port}, database {_driver.Sources.Postgres.Database}, user {_driver.Sources.Postgres.User}",
        $"Kafka        {_driver.Sources.Kafka.Bootstrap}",
        $"Snowflake    {_driver.Sources.Snowflake.Url}",
        $"the node     {_node.HttpAddress}",
    ];

    /// <summary>Starts sources and node. Whatever was started ends again when this fails.</summary>
    /// <param name="s3">How the lake's bucket is reached; null: it is in a directory.</param>
    public static async Task<DemoSession> StartAsync(DemoSettings settings, string configPath, NodeContext context, NodeLoggerFactory logs, DemoDirectory directory,
        Lake lake, S3Options? s3, CancellationToken cancellationToken)
    {
        var startedAt = context.Time.GetTimestamp();
        var driver = await DemoDriver.StartAsync(DriverOptions(settings, directory), new LakeProgress(lake), context.Time, cancellationToken);
        EmulatedEmr? emulation = null;
        try
        {
            if (settings.Engine.IsEmulated)
            {
                // With a bucket this process needs its own, as the emulation does, which reads the bucket too.
                if (s3 is null) EmulatedEmr.TakeMadeUpCredentials();
                emulation = await EmulatedEmr.StartAsync(directory.Servers, s3, logs, context.Time, cancellationToken);
            }

            MaskKeyFile.Ensure(Path.Combine(directory.Servers, "mask.key"));
            var options = PipelineOptions.Load(configPath, SourceKinds.All, directory.Lake, name => name == "DEMO_DIRECTORY" ? directory.Servers
                : driver.Sources.Environment.GetValueOrDefault(name) ?? emulation?.Environment.GetValueOrDefault(name) ?? context.Environment(name));
            var node = await NodeHost.StartAsync(options, lake, logs, context.Time, cancellationToken);
            return new DemoSession(directory, driver, emulation, node, options, lake, context.Time, startedAt);
        }
        catch
        {
            if (emulation is not null) await emulation.DisposeAsync();
            await driver.DisposeAsync();
            throw;
        }
    }

    /// <summary>Until everything generated has reached Gold, or interrupted; then the node has drained.</summary>
    public async Task<DemoOutcome> RunAsync(IDemoDisplay display, CancellationToken cancellationToken)
    {
        DemoReport? report = null;
        try
        {
            var expectation = await FeedAsync(display, cancellationToken);
            report = await SettleAsync(expectation, display, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Interrupted: what is in the lake is right as far as it goes, and a resumed demo takes it from there.
        }

        var took = Elapsed;
        await _node.StopAsync();
        var verified = await VerifyLake.RunAsync(new VerifyLakeRequest(), () => _options, _lake, CancellationToken.None);
        return new DemoOutcome(report, verified, await LookAsync(CancellationToken.None), took, _firstGoldAfter, _allGoldAfter);
    }

    public async ValueTask DisposeAsync()
    {
        await _node.DisposeAsync();
        if (_emulation is not null) await _emulation.DisposeAsync();
        await _driver.DisposeAsync();
    }

    private static DemoOptions DriverOptions(DemoSettings settings, DemoDirectory directory)
    {
        var defaults = new DemoOptions(directory.Servers);
        return defaults with
        {
            IsResumed = directory.IsResumed,
            Ticks = settings.IsOnce ? DemoOptions.OnceTicks : null,
            // A resumed demo has no fixed end: once means no more than what there is already.
            Duration = settings is { IsOnce: true, IsResumed: true } ? TimeSpan.Zero : settings.Duration,
            RowsPerSecond = settings.RowsPerSecond ?? defaults.RowsPerSecond,
        };
    }

    private async Task<Expectation> FeedAsync(IDemoDisplay display, CancellationToken cancellationToken)
    {
        var feeding = _driver.RunAsync(cancellationToken);
        while (!feeding.IsCompleted)
        {
            display.Show(await LookAsync(cancellationToken));
            await Task.WhenAny(feeding, Task.Delay(IsInBucket ? LookIntervalAtBucket : LookInterval, _time, cancellationToken));
        }

        return await feeding;
    }

    /// <summary>Waits until the lake holds what it must, or nothing moves any more.</summary>
    private async Task<DemoReport> SettleAsync(Expectation expectation, IDemoDisplay display, CancellationToken cancellationToken)
    {
        var versions = -1L;
        var movedAt = Elapsed;
        while (true)
        {
            var progress = await LookAsync(cancellationToken) with { IsAllGenerated = true };
            display.Show(progress);
            if (progress.Versions != versions) (versions, movedAt) = (progress.Versions, Elapsed);

            var isQuiet = Elapsed - movedAt > (_emulation is null && !IsInBucket ? Patience : PatienceElsewhere);
            if (isQuiet || HasRowsOf(progress, expectation))
            {
                var report = await TryReportAsync(expectation, isLast: isQuiet, cancellationToken);
                if (isQuiet || report is { IsBalanced: true }) return report!;
            }

            await Task.Delay(IsInBucket ? LookIntervalAtBucket : LookInterval, _time, cancellationToken);
        }
    }

    /// <summary>Null: the lake is away just now, and there is time to try again.</summary>
    private async Task<DemoReport?> TryReportAsync(Expectation expectation, bool isLast, CancellationToken cancellationToken)
    {
        try
        {
            return await new DemoReportBuilder(_lake, cancellationToken).BuildAsync(expectation);
        }
        catch (PipelineException) when (!isLast)
        {
            // Its pipeline says so, and waits as well.
            return null;
        }
    }

    /// <summary>A cheap look at row counts: only when they fit are sums worth their queries.</summary>
    private static bool HasRowsOf(DemoProgress progress, Expectation expectation)
    {
        var rows = progress.Gold.ToDictionary(table => table.Table.Name, table => table.Glance.Rows, StringComparer.Ordinal);
        foreach (var table in progress.Sources) rows[table.Bronze.ToString()] = table.Rows.Bronze;
        return expectation.Tables.All(table => rows.GetValueOrDefault(TableId.Bronze(table.Source, table.Table).ToString()) == table.Bronze)
            && expectation.Gold.All(table => rows.GetValueOrDefault(table.Table) == table.Rows);
    }

    private async Task<DemoProgress> LookAsync(CancellationToken cancellationToken)
    {
        var glances = await _watch.LookAsync(cancellationToken);
        var rows = await _counter.CountAsync(() => _driver.Sent, cancellationToken);
        var states = await IngestStatesAsync(cancellationToken);
        var transforms = await TransformStatesAsync(cancellationToken);
        var progress = new DemoProgress(Elapsed,
            [.. BronzeTables.Select(bronze => new SourceTableProgress(bronze, rows[bronze], glances[bronze].RowsPerSecond, states.GetValueOrDefault(bronze, "starting")))],
            [.. _options.Graph.Gold.Select(node => new GoldTableProgress(node.Table, glances[node.Table], transforms.GetValueOrDefault(node.Table, "starting")))],
            glances.Values.Sum(glance => glance.Version));

        if (progress.GoldTablesWithRows > 0) _firstGoldAfter ??= progress.Elapsed;
        if (progress.GoldTablesWithRows == progress.Gold.Count) _allGoldAfter ??= progress.Elapsed;
        return progress;
    }

    private async Task<IReadOnlyDictionary<TableId, string>> IngestStatesAsync(CancellationToken cancellationToken)
    {
        if (_node.Terminated.IsCompleted) return new Dictionary<TableId, string>();
        var status = await _node.Actors.Get<IngestMonitorActor>().TryAskAsync<IngestStatus>(new GetIngestStatus(), TimeSpan.FromSeconds(5), cancellationToken);
        return (status?.Tables ?? []).ToDictionary(table => table.Table,
            table => table.State is IngestState.Retrying or IngestState.Halted && table.LastFault is { } fault
                ? $"{table.State.ToString().ToLowerInvariant()}: {fault.Cause}"
                : table.State.ToString().ToLowerInvariant());
    }

    private async Task<IReadOnlyDictionary<TableId, string>> TransformStatesAsync(CancellationToken cancellationToken)
    {
        if (_node.Terminated.IsCompleted) return new Dictionary<TableId, string>();
        // While the singleton is not up yet, or on its way to another node, the state is unknown.
        var status = await _node.Actors.Get<MedallionCoordinatorActor>().TryAskAsync<MedallionStatus>(new GetMedallionStatus(), TimeSpan.FromSeconds(2), cancellationToken);
        return (status?.Tables ?? []).ToDictionary(table => table.Table, table => table switch
        {
            { Error: { } error } => $"{table.Activity.ToString().ToLowerInvariant()}: {error}",
            { Activity: TableActivity.Current } => "up to date",
            _ => table.Activity.ToString().ToLowerInvariant(),
        });
    }
}
