using Pipeline.Core;
using Pipeline.Testing;

namespace Pipeline.Releases.Making;

/// <summary>
/// Makes what this release leaves behind, with its own nodes and verbs as processes: each step is one that operators and
/// accidents make.
/// </summary>
internal sealed class ReleaseMaker(string name, string commit, string directory)
{
    /// <summary>Enough for a checkpoint of every Silver table (10 versions) and a snapshot of the coordinator (200 events).</summary>
    private const int Rounds = 12;

    /// <summary>Enough for a checkpoint of two Bronze tables (50 versions).</summary>
    private const int QuickRounds = 45;

    /// <summary>The table whose run is cut off.</summary>
    private static readonly TableId HalfWay = TableId.Silver("order_events");

    private static readonly TableId Gap = TableId.Bronze("events", "system_metrics");
    private static readonly TableId Letters = TableId.Bronze("events", "user_events");

    private static string Rows => Path.Combine(AppContext.BaseDirectory, "rows");

    public async Task MakeAsync(CancellationToken cancellationToken)
    {
        using var postgres = new ScratchDirectory("pipeline-release-");
        var configurations = Path.Combine(directory, "hocon");
        Copy(Path.Combine(AppContext.BaseDirectory, "hocon"), configurations);
        Copy(Rows, Path.Combine(directory, "rows"));
        Copy(Path.Combine(AppContext.BaseDirectory, "configuration"), configurations);

        await using (var sources = await SourceSystems.StartAsync(postgres, Rows, cancellationToken))
        await using (var state = new ReleaseState(configurations))
        {
            await LiveAsync(state, sources, cancellationToken);
            await AcceptGapAsync(state, sources, cancellationToken);
            var run = await CutOffAsync(state, sources, cancellationToken);
            await new Release(name, commit, run).PackAsync(state.Root, directory, cancellationToken);
        }

        MessageSamples.Write(Path.Combine(directory, "messages"));
    }

    private static async Task LiveAsync(ReleaseState state, SourceSystems sources, CancellationToken cancellationToken)
    {
        await using var node = state.Start(["run"], sources);
        for (var n = 1; n <= Rounds; n++)
        {
            await sources.WriteAsync("round", n, cancellationToken);
            await state.UntilTakenInAsync(sources, cancellationToken);
            if (n != 2) continue;
            await sources.WriteAsync("dirt", n, cancellationToken);
            await state.UntilTakenInAsync(sources, cancellationToken);
        }

        for (var n = 1_001; n <= 1_000 + QuickRounds; n++)
        {
            await sources.WriteAsync("quick", n, cancellationToken);
            var lake = state.OpenLake();
            foreach (var (bronze, splits) in sources.Written)
                await ReleaseState.UntilAsync(lake, bronze, table => splits.All(split => table.Current.Position(split.Key) >= split.Value), cancellationToken);
        }

        await state.UntilTakenInAsync(sources, cancellationToken);
        // The reference configuration takes longer records than the quick one; what is not text stays a dead letter, which is answered with 1.
        await RunAsync(state, sources, ["dlq", "redrive", Letters.ToString()], cancellationToken, Path.Combine(Path.GetDirectoryName(state.Configuration)!, "pipeline.conf"), exitCode: 1);
        await RunAsync(state, sources, ["compact", "bronze/app/users"], cancellationToken);
        await state.UntilTakenInAsync(sources, cancellationToken);
        await LeaveAsync(node, cancellationToken);
    }

    /// <summary>The broker forgets records that nobody has read, and an operator gives them up.</summary>
    private static async Task AcceptGapAsync(ReleaseState state, SourceSystems sources, CancellationToken cancellationToken)
    {
        for (var n = 2_001; n <= 2_003; n++) await sources.WriteAsync("round", n, cancellationToken);
        var behind = sources.Written[Gap].Single(split => split.Key.EndsWith("/1", StringComparison.Ordinal)).Value;
        sources.Kafka.DeleteRecords(Gap.Name, partition: 1, behind - 1);
        await RunAsync(state, sources, ["resume", Gap.ToString(), "--accept-gap"], cancellationToken);

        await using var node = state.Start(["run"], sources);
        await state.UntilTakenInAsync(sources, cancellationToken);
        await LeaveAsync(node, cancellationToken);
    }

    /// <summary>
    /// Kills a node between two commits of one Silver run: stops it as soon as the table's own commit is seen, and looks
    /// whether the quarantine's has been made already; then it runs on and the next run is tried.
    /// </summary>
    private static async Task<HalfWayRun> CutOffAsync(ReleaseState state, SourceSystems sources, CancellationToken cancellationToken)
    {
        await using var node = state.Start(["run"], sources);
        for (var n = 100; ; n++)
        {
            var (table, quarantine) = (NextCommit(state, HalfWay), NextCommit(state, TableId.Quarantine(HalfWay.Name)));
            await sources.WriteAsync("half-way", n, cancellationToken);
            while (!File.Exists(table))
            {
                cancellationToken.ThrowIfCancellationRequested();
                Thread.Yield();
            }

            node.Freeze();
            if (!File.Exists(quarantine)) break;
            node.Thaw();
            await state.UntilTakenInAsync(sources, cancellationToken);
        }

        node.Kill();
        await node.DisposeAsync();
        var silver = await state.OpenLake().TryOpenAsync(HalfWay, cancellationToken);
        return new HalfWayRun(HalfWay.ToString(), silver!.Current.Position("run")!.Value);
    }

    /// <summary>The file of the commit that a table gets next.</summary>
    private static string NextCommit(ReleaseState state, TableId table)
    {
        var log = Path.Combine(state.LakeDirectory, table.ToString(), "_delta_log");
        var last = Directory.EnumerateFiles(log, "*.json").Select(path => long.Parse(Path.GetFileNameWithoutExtension(path), System.Globalization.CultureInfo.InvariantCulture)).Max();
        return Path.Combine(log, $"{last + 1:D20}.json");
    }

    private static async Task RunAsync(ReleaseState state, SourceSystems sources, IReadOnlyList<string> verb, CancellationToken cancellationToken, string? configuration = null,
        int exitCode = 0)
    {
        await using var process = state.Start(verb, sources, configuration: configuration);
        if (await process.ExitAsync(cancellationToken) != exitCode) throw new InvalidOperationException($"pipeline {string.Join(' ', verb)} failed:\n{process.Log}");
    }

    private static async Task LeaveAsync(PipelineProcess node, CancellationToken cancellationToken)
    {
        if (await node.StopAsync(cancellationToken) != 0) throw new InvalidOperationException($"The node did not leave well:\n{node.Log}");
    }

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target, overwrite: true);
        }
    }
}
