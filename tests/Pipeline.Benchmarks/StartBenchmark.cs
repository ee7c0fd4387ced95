using System.Diagnostics;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Testing;

namespace Pipeline.Benchmarks;

/// <summary>
/// From the start of a node's process to its first committed row, on a cluster of one with a topic of 2,000 records: as the
/// image has it, compiled ahead, beside the same program that compiles itself while it starts. Both are published first.
/// </summary>
public sealed class StartBenchmark : IBenchmark
{
    private const int Rounds = 7;
    private const int Records = 2_000;

    private static readonly TimeSpan LooksEvery = TimeSpan.FromMilliseconds(10);

    public string Name => "start";

    public async Task<IReadOnlyList<Verdict>> RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        using var published = new ScratchDirectory("start-");
        var (compiling, ahead) = (Path.Combine(published, "compiling"), Path.Combine(published, "ahead"));
        await PublishAsync(compiling, isAhead: false, cancellationToken);
        await PublishAsync(ahead, isAhead: true, cancellationToken);
        await using var broker = await KafkaBroker.StartAsync(partitions: 1, Records, cancellationToken);

        var alternation = new Alternation("starts", 1, "compiling itself", "compiled ahead");
        for (var round = 0; round <= Rounds; round++)
            await alternation.RoundAsync(() => FirstRowAsync(compiling, broker, cancellationToken), () => FirstRowAsync(ahead, broker, cancellationToken));

        await alternation.PrintAsync(output);
        return
        [
            Goal.AtMost($"{Name}-wall", 0.34).Judge(alternation.Time("compiled ahead").Median),
            Goal.AtMost($"{Name}-cpu", 0.34).Judge(alternation.Cost("compiled ahead").Median),
        ];
    }

    private static async Task PublishAsync(string folder, bool isAhead, CancellationToken cancellationToken)
    {
        using var publish = Process.Start(new ProcessStartInfo("dotnet", ["publish", "src/Pipeline.Node", "-c", "Release", $"-p:PublishReadyToRun={(isAhead ? "true" : "false")}", "-o", folder, "--nologo", "-v", "quiet"])
        {
            WorkingDirectory = Repository.Root, UseShellExecute = false, RedirectStandardOutput = true,
        })!;
        var said = await publish.StandardOutput.ReadToEndAsync(cancellationToken);
        await publish.WaitForExitAsync(cancellationToken);
        if (publish.ExitCode != 0) throw new InvalidOperationException($"The node cannot be published: {said}");
    }

    private static async Task<Usage> FirstRowAsync(string folder, KafkaBroker broker, CancellationToken cancellationToken)
    {
        using var directory = new ScratchDirectory("start-node-");
        var configuration = Path.Combine(directory, "pipeline.conf");
        await File.WriteAllTextAsync(configuration, $$"""
            pipeline {
              lake { location = "{{directory}}/lake" }
              ingest { file-age-max = 100ms, commit-interval = 100ms }
              transform { temp-directory = "{{directory}}/tmp", journal { provider = sqlite, connection = "Data Source={{directory}}/journal.db" } }
              cluster { hostname = 127.0.0.1, port = 0 }
              sources { start { type = kafka, bootstrap = "{{broker.Bootstrap}}", tables { {{KafkaBroker.Topic}} { topic = {{KafkaBroker.Topic}} } } } }
            }
            """, cancellationToken);
        var lake = new Lake(new LocalObjectStore(Path.Combine(directory, "lake")), TimeProvider.System);
        var started = Stopwatch.GetTimestamp();
        using var node = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(folder, "pipeline.dll"), "run", "--config", configuration]) { UseShellExecute = false, RedirectStandardError = true })!;
        var says = node.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            while (await lake.TryOpenAsync(TableId.Bronze("start", KafkaBroker.Topic), cancellationToken) is not { Current.RowCount: > 0 })
            {
                if (node.HasExited) throw new InvalidOperationException($"The node ended with {node.ExitCode}: {await says}");
                await Task.Delay(LooksEvery, cancellationToken);
            }

            var elapsed = Stopwatch.GetElapsedTime(started);
            node.Refresh();
            return new Usage(elapsed, node.TotalProcessorTime, node.PeakWorkingSet64);
        }
        finally
        {
            node.Kill();
            await node.WaitForExitAsync(CancellationToken.None);
        }
    }
}
