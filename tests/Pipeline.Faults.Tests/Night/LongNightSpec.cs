using System.Text.RegularExpressions;

namespace Pipeline.Faults.Tests.Night;

/// <summary>
/// One node and one night: everything that it needs goes away or refuses, one after the other, for a minute each, and nobody
/// restarts it: <c>PIPELINE_NIGHTLY=1</c>.
/// </summary>
public sealed partial class LongNightSpec
{
    [Fact]
    public async Task A_node_outlives_a_night_of_outages_tells_each_once_with_its_end_and_loses_nothing()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1", "It takes half an hour: PIPELINE_NIGHTLY=1.");
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(TimeSpan.FromHours(2));
        await using var scene = await NightScene.StartAsync(deadline.Token);
        var troubles = new List<string>();

        foreach (var outage in scene.Outages())
        {
            var begun = scene.Log.Count;
            await outage.Begin(deadline.Token);
            await Within(scene.Log.LineAsync(begun, line => IsAbout(outage, line) && Away().IsMatch(line), deadline.Token), outage, "is not told", troubles);
            await Task.Delay(TimeSpan.FromMinutes(1), deadline.Token);
            var mended = scene.Log.Count;
            await outage.End(deadline.Token);
            await Within(scene.Log.LineAsync(mended, line => IsAbout(outage, line) && Back().IsMatch(line), deadline.Token), outage, "does not end", troubles);
            TestContext.Current.TestOutputHelper?.WriteLine($"== {outage}\n{string.Join('\n', scene.Log.From(begun))}");
            if (scene.Ended.IsCompleted) Assert.Fail($"The node has ended: {outage}.");
        }

        var (report, checks) = await scene.BalanceAsync(deadline.Token);
        Assert.Empty(troubles);
        Assert.True(report.IsBalanced);
        Assert.All(checks, check => Assert.True(check.IsSound, check.ToString()));
        Assert.DoesNotContain(scene.Log.From(0), line => line.Contains("should not happen", StringComparison.Ordinal));
    }

    private static bool IsAbout(NightOutage outage, string line) => Regex.IsMatch(line, outage.Thing, RegexOptions.None, TimeSpan.FromSeconds(1));

    private static async Task Within(Task<string> line, NightOutage outage, string trouble, List<string> troubles)
    {
        if (await Task.WhenAny(line, Task.Delay(TimeSpan.FromMinutes(3))) != line) troubles.Add($"{outage} {trouble}");
    }

    [GeneratedRegex("has been away|has been full|is halted|cannot be|refused", RegexOptions.None, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Away();

    [GeneratedRegex("is back|again", RegexOptions.None, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Back();
}
