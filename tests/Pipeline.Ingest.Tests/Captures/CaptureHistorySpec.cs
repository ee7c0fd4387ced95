using System.Collections.Concurrent;
using System.Globalization;
using Npgsql;

namespace Pipeline.Ingest.Tests.Captures;

/// <summary>
/// Whatever happens to tables, their publication, the server and the node: at the end the lake has what the server has, row by row. Each table has
/// a history of its own; what happens to the server and the node happens to all. <c>PIPELINE_SEED</c> repeats one round, <c>PIPELINE_NIGHTLY=1</c> runs 1,000 histories of seeds that nobody has tried.
/// </summary>
public sealed class CaptureHistorySpec
{
    private const int Histories = 100, Clients = 4, Daily = 1548, BackUp = 6;

    /// <summary>The node is killed, the publication is dropped, a standby takes over, and a backup is put back.</summary>
    private static readonly int[] OfTheDay = [0, 3, 7, BackUp];

    private static readonly bool IsNightly = Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1";

    private static readonly IngestOptions Calm = IngestNode.Fast with { FileAgeMax = TimeSpan.FromMilliseconds(500), PositionAgeMax = TimeSpan.FromSeconds(2), CommitInterval = TimeSpan.FromMilliseconds(100), SplitsInterval = TimeSpan.FromMilliseconds(400) };

    [Fact]
    public async Task After_any_history_the_lake_has_what_the_server_has()
    {
        if (Environment.GetEnvironmentVariable("PIPELINE_SEED") is { } seed) await RunAsync(int.Parse(seed, CultureInfo.InvariantCulture));
        else if (!IsNightly) await RunAsync(Daily, OfTheDay);
        else for (var (round, first) = (0, Random.Shared.Next(1_000_000)); round < 10; round++) await RunAsync(first + round);
    }

    /// <param name="phases">What happens to all in each phase; null: in five as chance has it.</param>
    private static async Task RunAsync(int seed, int[]? phases = null)
    {
        TestContext.Current.TestOutputHelper?.WriteLine($"PIPELINE_SEED={seed}, {Histories} histories");
        var random = new Random(seed);
        var log = new ConcurrentQueue<string>();
        var tables = Enumerable.Range(0, Histories).Select(i => new TableHistory($"t{i}", unchecked((seed * 1000) + i))).ToList();
        await using var scene = await CaptureScene.StartAsync(string.Join("; ", tables.Select(table => table.Create())), [.. tables.Select(table => table.Name)], Calm);
        await scene.StartNodeAsync();
        if (IsSo()) await scene.UntilCapturedAsync();
        Func<Task>? loss = null;
        for (var phase = 0; phase < (phases?.Length ?? 5); phase++)
        {
            var isNodeUp = await BeginAsync(phases?[phase] ?? random.Next(9));
            await EachAsync(table => table.Some());
            if (loss is not null)
            {
                // What is lost with the server may be in the lake by then.
                if (isNodeUp && (phases is null ? random.Next(2) == 0 : phases[phase] == BackUp)) await scene.UntilCapturedAsync();
                await loss();
                loss = null;
            }

            if (!isNodeUp) await scene.StartNodeAsync();
            if (phases is null && random.Next(2) == 0) await scene.UntilCapturedAsync();
        }

        await scene.UntilCapturedAsync();
        var differences = new List<string>();
        foreach (var table in tables)
            if (await scene.DifferenceAsync(table.Name) is { } difference) differences.Add($"{difference}\n  {string.Join("\n  ", log.Where(line => line.StartsWith(table.Name + ":", StringComparison.Ordinal) || line[0] == '*'))}");
        TestContext.Current.TestOutputHelper?.WriteLine($"{string.Join("\n", log.Where(line => line.StartsWith("* the", StringComparison.Ordinal)))}\ngaps told: {scene.GapsTold}");
        Assert.True(differences.Count == 0, $"PIPELINE_SEED={seed}: {differences.Count} of {Histories} differ\n{string.Join("\n", differences)}");

        // Of the day it is: what is lost is told.
        bool IsSo() => phases is not null || random.Next(2) == 0;

        async Task<bool> BeginAsync(int what)
        {
            switch (what)
            {
                case 0:
                    log.Enqueue("* the node is killed, and started at the end of this");
                    await scene.KillNodeAsync();
                    return false;
                case 1:
                    log.Enqueue("* the node is killed and started");
                    await scene.KillNodeAsync();
                    await scene.StartNodeAsync();
                    break;
                case 2:
                    log.Enqueue("* the server crashes");
                    await scene.CrashServerAsync();
                    break;
                case 3:
                    await ExecuteAsync($"drop publication if exists {CaptureScene.Publication}");
                    break;
                case 4 when await scene.ScalarAsync<bool>("select exists (select from pg_publication)"):
                    await ExecuteAsync($"alter publication {CaptureScene.Publication} set (publish = 'insert')");
                    await EachAsync(table => [table.Next()]);
                    await ExecuteAsync($"alter publication {CaptureScene.Publication} set (publish = 'insert, update, delete, truncate')");
                    break;
                case BackUp:
                    var (isOfDisk, onNewTimeline) = (IsSo(), IsSo());
                    var (backup, then) = (await scene.BackUpServerAsync(isOfDisk), Save());
                    log.Enqueue($"* a backup ({(isOfDisk ? "the disk of a stopped server" : "pg_basebackup")})");
                    loss = async () =>
                    {
                        log.Enqueue($"* the backup is put back{(onNewTimeline ? " and begins a timeline" : "")}");
                        await scene.PutBackAsync(backup, onNewTimeline);
                        then();
                    };
                    break;
                case 7:
                    var standby = await scene.StartStandbyAsync();
                    await scene.UntilReplayedAsync(standby);
                    var isBehind = IsSo();
                    var back = isBehind ? Save() : null;
                    log.Enqueue($"* a standby follows{(isBehind ? " no further" : "")}");
                    if (isBehind) await standby.StopAsync(scene.Cancel);
                    loss = async () =>
                    {
                        if (!isBehind) await scene.UntilReplayedAsync(standby);
                        log.Enqueue("* the standby takes over");
                        await scene.PromoteAsync(standby, isBehind);
                        back?.Invoke();
                    };
                    break;
                case 8:
                    loss = async () =>
                    {
                        log.Enqueue("* the server is upgraded");
                        await scene.UpgradeServerAsync();
                    };
                    break;
            }

            return true;
        }

        // Some clients beside each other, each with tables of its own.
        Task EachAsync(Func<TableHistory, IEnumerable<string>> steps) => Task.WhenAll(Enumerable.Range(0, Clients).Select(async client =>
        {
            foreach (var table in tables.Where((_, i) => i % Clients == client))
                foreach (var step in steps(table)) await ExecuteAsync(step, table);
        }));

        Action Save()
        {
            var states = tables.Select(table => (Table: table, State: table.Save())).ToList();
            return () => states.ForEach(saved => saved.Table.GoBackTo(saved.State));
        }

        async Task ExecuteAsync(string sql, TableHistory? table = null)
        {
            log.Enqueue($"{table?.Name ?? "*"}: {sql}");
            while (true)
            {
                try
                {
                    await scene.ExecuteAsync(sql);
                    return;
                }
                catch (PostgresException e)
                {
                    // Nothing of it was done: who locks tables in another order than a look does is sent away.
                    if (e.SqlState == PostgresErrorCodes.DeadlockDetected) continue;
                    if (!sql.StartsWith("alter publication", StringComparison.Ordinal)) throw;
                    // There is none just now, or the table is not in it.
                    log.Enqueue($"{table?.Name ?? "*"}:   not done: {e.SqlState}");
                    return;
                }
            }
        }
    }
}
