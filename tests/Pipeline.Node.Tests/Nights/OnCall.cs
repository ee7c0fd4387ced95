using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Nights;

/// <summary>Who is called at night: asks why a table is kept, and does what he is told, in these words and no others.</summary>
/// <param name="lake">Where it is.</param>
internal sealed partial class OnCall(string config, string lake)
{
    /// <summary>A loaded machine is no failure.</summary>
    private static readonly TimeSpan Patience = Deadlines.Test;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>By which he sees how long ago something was.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <param name="why">It is not made by day.</param>
    public static void OnlyByNight(string why) => Assert.SkipUnless(Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1", $"{why}: PIPELINE_NIGHTLY=1.");

    /// <summary>Asks until what keeps the table is told; fails with what was told last.</summary>
    public async Task<JsonNode> UntilToldAsync(string table, string kind) => (await UntilAsync(table, (_, rows) => rows.Any(row => (string)row["kind"]! == kind))).First(row => (string)row["kind"]! == kind);

    /// <summary>Asks until nothing keeps the table any more.</summary>
    public Task UntilWellAsync(string table) => UntilAsync(table, (code, rows) => code == ExitCode.Done && rows.Count == 0);

    /// <summary>Types what stands in <c>help</c>.</summary>
    public async Task<NodeRun> HelpAsync(JsonNode hindrance)
    {
        var run = await RunAsync([.. HelpOf(hindrance).Select(word => word == "WHY" ? "it was mended" : word)]);
        Assert.True(run.ExitCode == ExitCode.Done, run.Data + run.Messages);
        return run;
    }

    /// <summary>Types each command that stands in the words of what helps, as it stands there but for the reason, and then what stands in <c>help</c>.</summary>
    public async Task TypeNextStepAsync(JsonNode hindrance)
    {
        var commands = Typed().Matches((string)hindrance["next_step"]!).Select(command => command.Groups["command"].Value).ToList();
        Assert.NotEmpty(commands);
        foreach (var command in commands)
        {
            // It stands there where no node was asked.
            var node = command.Contains("NODE", StringComparison.Ordinal) ? (string)(await RunAsync("cluster", "show", "-o", "json")).Rows[0]!["node"]! : "";
            var run = await RunAsync([.. command.Split(' ').Select(word => word switch { "WHY" => "it was mended", "NODE" => node, _ => word })]);
            Assert.True(run.ExitCode == ExitCode.Done, $"{command}: {run}");
        }

        await HelpAsync(hindrance);
    }

    /// <summary>The arguments that are shown.</summary>
    public static string[] HelpOf(JsonNode hindrance) => [.. hindrance["help"]!.AsArray().Select(word => (string)word!)];

    public Task<NodeRun> RunAsync(params string[] args) => NodeRun.OfAsync(Time, new Dictionary<string, string>(StringComparer.Ordinal), [.. args, "--config", config, "--lake", lake]);

    /// <summary>The rows of a verb's JSON.</summary>
    public static List<JsonNode> RowsOf(string data) => [.. JsonNode.Parse(data)!["rows"]!.AsArray().Select(row => row!)];

    private async Task<List<JsonNode>> UntilAsync(string table, Func<int, List<JsonNode>, bool> isSo)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        deadline.CancelAfter(Patience);
        using var pulse = new PeriodicTimer(TimeSpan.FromMilliseconds(300));
        NodeRun run;
        List<JsonNode> rows;
        do
        {
            run = await RunAsync("why", table, "-o", "json");
            Assert.True(run.Data.Length > 0, run.Messages);
            rows = RowsOf(run.Data);
        }
        while (!isSo(run.ExitCode, rows) && !deadline.IsCancellationRequested && await pulse.WaitForNextTickAsync(Cancel));
        Assert.True(isSo(run.ExitCode, rows), $"{table}: it ended with {run.ExitCode} and says {run.Data}");
        return rows;
    }

    [GeneratedRegex(@"'\./pipeline (?<command>[^']+)'", RegexOptions.None, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Typed();
}
