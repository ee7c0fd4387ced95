using System.Text.Json.Nodes;
using Pipeline.Core.Metrics;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests;
using Pipeline.Node.Tests.Cli;
using Pipeline.Testing;

namespace Pipeline.Demo.Tests.Session;

/// <summary>The README's first command, as processes: to the end, interrupted, killed and resumed.</summary>
public sealed class DemoProcessSpec : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("pipeline-demo-").FullName;

    private string Lake => Path.Combine(_root, "lake");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task Once_fills_every_table_balances_to_the_row_and_measures_what_the_list_of_instruments_says()
    {
        var instruments = Path.Combine(_root, "instruments");
        await using var demo = NodeProcess.StartMeasured(instruments, "demo", "--once", "--lake", Lake, "-o", "json");

        var run = await demo.WaitForEndAsync();

        Assert.True(run.ExitCode == ExitCode.Done, run.Messages);
        var report = ExpectBalanced(run);
        var tables = report["tables"]!.AsArray();
        Assert.Equal(11, tables.Count);
        Assert.All(tables, table => Assert.True((long)table!["generated"]! > 0 && (long)table["bronze"]!["found"]! > 0 && (long)table["silver"]!["found"]! > 0, table.ToJsonString()));
        var gold = report["gold"]!.AsArray();
        Assert.Equal(11, gold.Count);
        Assert.All(gold, table => Assert.True((long)table!["rows"]!["found"]! > 0, table.ToJsonString()));
        Assert.NotEmpty(report["dirt"]!.AsArray());
        Assert.InRange((double)report["first_gold_seconds"]!, 0.1, 120);
        var measured = await File.ReadAllLinesAsync(instruments, TestContext.Current.CancellationToken);
        Assert.Empty(measured.Except(Instruments.All.Select(Measurements.Describe)));
        Assert.Empty(Instruments.All.Where(info => info.OnlyWhen is null).Select(Measurements.Describe).Except(measured));
    }

    [Fact]
    public async Task Ctrl_C_commits_what_is_open_and_says_how_to_go_on()
    {
        await using var demo = NodeProcess.Start("demo", "--lake", Lake, "-o", "json");
        await demo.WaitForAsync(line => line.Contains("rows/s", StringComparison.Ordinal) && !line.Contains("bronze 0 ", StringComparison.Ordinal));

        demo.Interrupt();
        var run = await demo.WaitForEndAsync();

        Assert.True(run.ExitCode == ExitCode.Interrupted, run.Messages);
        Assert.Contains($"Continue with: pipeline demo --resume --lake {Lake}", run.Messages);
        var report = JsonNode.Parse(run.Data)!;
        Assert.True((bool)report["is_interrupted"]!);
        Assert.True((bool)report["verify"]!["is_sound"]!, run.Data);
    }

    [Fact]
    public async Task Killed_at_random_moments_and_resumed_nothing_is_lost_and_nothing_is_there_twice()
    {
        var kills = Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1" ? 20 : 2;
        var seed = Environment.GetEnvironmentVariable("PIPELINE_SEED") is { } given ? int.Parse(given) : Random.Shared.Next();
        TestContext.Current.TestOutputHelper!.WriteLine($"PIPELINE_SEED={seed}");
        var random = new Random(seed);

        for (var i = 0; i < kills; i++)
        {
            await using var demo = NodeProcess.Start(["demo", "--once", "--lake", Lake, .. i == 0 ? Array.Empty<string>() : ["--resume"]]);
            // A random moment is a moment in time: of the start, of reading, of the first Silver and Gold runs.
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1_000, 25_000)), TestContext.Current.CancellationToken);
            await demo.KillAsync();
        }

        await using var last = NodeProcess.Start("demo", "--once", "--resume", "--lake", Lake, "-o", "json");
        var run = await last.WaitForEndAsync();

        Assert.True(run.ExitCode == ExitCode.Done, $"PIPELINE_SEED={seed}\n{run.Messages}\n{run.Data}");
        ExpectBalanced(run);
        var verified = await NodeRun.OfAsync("verify", "--lake", Lake, "--config", Path.Combine(Repository.Root, "hocon", "pipeline.conf"), "-o", "json");
        Assert.True(verified.ExitCode == ExitCode.Done, verified.Data);
    }

    /// <summary>Standard output is one document and nothing else.</summary>
    private static JsonNode ExpectBalanced(NodeRun run)
    {
        var report = JsonNode.Parse(run.Data)!;
        Assert.True((bool)report["balanced"]!, run.Data);
        Assert.True((bool)report["verify"]!["is_sound"]!, run.Data);
        return report;
    }
}
