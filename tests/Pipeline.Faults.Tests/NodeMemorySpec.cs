using System.Collections.Concurrent;
using System.Globalization;
using DuckDB.NET.Data;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;
using Pipeline.Demo.Data;
using Pipeline.Demo.Driver;
using Pipeline.Testing;

namespace Pipeline.Faults.Tests;

/// <summary>
/// A node with the reference configuration, as it is shipped, behind sources that always have more than it has read. The
/// sources live in this process, so that the node's memory is its own.
/// </summary>
public sealed class NodeMemorySpec
{
    private static readonly bool IsNightly = Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1";

    private const long ResidentBytesMax = 512L << 20;

    /// <summary>More than two cores transform, so that there is a backlog from the first tick to the last.</summary>
    private static readonly int RowsPerTick = IsNightly ? 40_000 : 10_000;

    private static readonly int Ticks = IsNightly ? 40 : 12;

    /// <summary>Rows of two kilobytes in each of three tables that wait for their parents in quarantine, so long as these do not come.</summary>
    private const int WaitingRowsOfTable = 17_000;

    [Fact]
    public async Task All_eleven_tables_with_a_backlog_and_many_rows_that_wait_for_parents_stay_within_the_limit()
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadlines.Test);
        using var root = new ScratchDirectory("pipeline-memory-");
        var lake = Path.Combine(root, "lake");
        var options = new DemoOptions(Path.Combine(root, "sources")) { RowsPerSecond = RowsPerTick, Ticks = Ticks, TickInterval = TimeSpan.Zero };
        var progress = new LakeProgress(lake);
        await using var sources = await DemoDriver.StartAsync(options, progress, TimeProvider.System, deadline.Token);
        var waiting = progress.Waiting = new WaitingRows(sources.Sources, WaitingRowsOfTable);
        await waiting.SendAsync(deadline.Token);
        await using var node = PipelineProcess.Start(Path.Combine(AppContext.BaseDirectory, "hocon", "pipeline.conf"), ["run"], killPoint: null,
            new Dictionary<string, string>(sources.Sources.Environment, StringComparer.Ordinal)
            {
                ["PIPELINE_LAKE"] = lake,
                ["PIPELINE_MASK_KEY"] = "a key of thirty-two letters or more",
                ["PIPELINE_JOURNAL"] = $"Data Source={Path.Combine(root, "journal.db")}",
            });

        var released = ReleaseHalfAsync(lake, waiting, deadline.Token);
        var expectation = await sources.RunAsync(deadline.Token);
        var peakWhileReading = node.PeakBytes;
        var waited = await released;
        await waiting.SendParentsAsync(areEven: false, deadline.Token);
        await UntilAllThereAsync(lake, expectation, waiting, node, deadline.Token);

        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{expectation.Tables.Sum(table => table.Sent) + (3 * waiting.WaitingOfEach)} rows, {waited} of them waited at once; peak {peakWhileReading >> 20} MiB while reading, {node.PeakBytes >> 20} MiB in all"));
        Assert.InRange(node.PeakBytes, 1, ResidentBytesMax);
        Assert.Equal(0, await node.StopAsync(deadline.Token));
    }

    /// <summary>Brings half of the parents once all rows wait for them.</summary>
    private static async Task<long> ReleaseHalfAsync(string lake, WaitingRows waiting, CancellationToken cancellationToken)
    {
        await using var duck = new DuckDBConnection("DataSource=:memory:");
        await duck.OpenAsync(cancellationToken);
        while (true)
        {
            var held = WaitingRows.Quarantines.Select(table => Rows(duck, Path.Combine(lake, table.ToString()))).ToArray();
            if (held.All(rows => rows >= waiting.WaitingOfEach))
            {
                await waiting.SendParentsAsync(areEven: true, cancellationToken);
                return held.Sum();
            }

            await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken);
        }
    }

    /// <summary>Every table of every layer has the rows that the generator and those that waited say, counted in the files that the logs name.</summary>
    private static async Task UntilAllThereAsync(string lake, Expectation expectation, WaitingRows waiting, PipelineProcess node, CancellationToken cancellationToken)
    {
        var wanted = expectation.Tables.SelectMany(table => ((TableId Table, long Rows)[])
        [
            (TableId.Bronze(table.Source, table.Table), table.Bronze),
            (TableId.Silver(table.Table), table.Silver),
            (TableId.Quarantine(table.Table), table.Quarantined),
        ]).Concat(expectation.Gold.Select(table => (Table: TableId.Gold(table.Table), table.Rows))).ToDictionary(table => table.Table.ToString(), table => table.Rows + waiting.RowsOf(table.Table));
        await using var duck = new DuckDBConnection("DataSource=:memory:");
        await duck.OpenAsync(CancellationToken.None);
        while (true)
        {
            // The first that differs is enough to wait on.
            if (wanted.Where(table => Rows(duck, Path.Combine(lake, table.Key)) != table.Value).Select(table => table.Key).FirstOrDefault() is not { } missing) return;
            if (cancellationToken.IsCancellationRequested)
                Assert.Fail($"{missing} has {Rows(duck, Path.Combine(lake, missing))} rows of {wanted[missing]}. The node says:\n{node.Log}");
            await Task.Delay(TimeSpan.FromSeconds(1), CancellationToken.None);
        }
    }

    private static long Rows(DuckDBConnection duck, string table)
    {
        var files = LogReplay.Of(table).Files;
        if (files.Count == 0) return 0;
        using var query = duck.CreateCommand();
        query.CommandText = $"SELECT count(*) FROM read_parquet([{string.Join(", ", files.Select(file => $"'{file}'"))}])";
        return (long)query.ExecuteScalar()!;
    }

    /// <summary>What the generator may not run away from: its own rows, which are behind those that wait. No oracle: it only paces.</summary>
    private sealed class LakeProgress(string lake) : IReaderProgress
    {
        private readonly Lake _lake = new(new LocalObjectStore(lake), TimeProvider.System);
        private readonly ConcurrentDictionary<TableId, DeltaTable> _open = new();

        public WaitingRows? Waiting { get; set; }

        public async ValueTask<long> RowsAsync(TableId table, CancellationToken cancellationToken) =>
            ((await TrySnapshotAsync(table, cancellationToken))?.RowCount ?? 0) - (Waiting?.RowsOf(table) ?? 0);

        public async ValueTask<long?> PositionAsync(TableId table, SplitId split, CancellationToken cancellationToken) =>
            (await TrySnapshotAsync(table, cancellationToken))?.Position(split.ToString());

        private async ValueTask<Snapshot?> TrySnapshotAsync(TableId id, CancellationToken cancellationToken)
        {
            if (_open.TryGetValue(id, out var table)) return await table.RefreshAsync(cancellationToken);
            return await _lake.TryOpenAsync(id, cancellationToken) is { } opened ? _open.GetOrAdd(id, opened).Current : null;
        }
    }
}
