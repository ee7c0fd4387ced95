using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Pipeline.Faults.Tests.Night;

/// <summary>
/// One node and one night: everything that it needs goes away or refuses, one after the other, and nobody restarts it. Each
/// outage is told once with its end, and nothing is lost.
/// </summary>
public sealed class LongNightSpec
{
    /// <summary>How long something that is told may take to be.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(15);

    /// <summary>Those outages of the long night whose names are like this, for who works on them; all where nothing is said.</summary>
    private static readonly string Chosen = Environment.GetEnvironmentVariable("PIPELINE_NIGHT") ?? "";

    [Fact]
    public async Task A_node_outlives_a_night_of_outages_of_a_minute_tells_each_once_with_its_end_and_loses_nothing()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1", "It takes three quarters of an hour: PIPELINE_NIGHTLY=1.");

        await LiveThroughAsync(NightPace.True, outages => outages.Where(outage => Regex.IsMatch(outage.Name, Chosen, RegexOptions.None, Patience)), TimeSpan.FromMinutes(1));
    }

    /// <summary>The same night, in which every outage ends as soon as it was told, and one or two of each thing that is asked have to do.</summary>
    [Fact]
    public async Task A_node_outlives_an_outage_of_all_that_it_asks_tells_each_once_with_its_end_and_loses_nothing() =>
        await LiveThroughAsync(NightPace.Hurried, outages => outages.Where(outage => outage.IsOfEveryDay), TimeSpan.Zero);

    /// <param name="least">How long each outage lasts, if it is told sooner.</param>
    private static async Task LiveThroughAsync(NightPace pace, Func<IEnumerable<NightOutage>, IEnumerable<NightOutage>> choose, TimeSpan least)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(TimeSpan.FromHours(2));
        var evening = Stopwatch.GetTimestamp();
        await using var scene = await NightScene.StartAsync(pace, deadline.Token);
        Say($"== evening: all is well after {Stopwatch.GetElapsedTime(evening).TotalSeconds:0.0} s, {scene.Requests} requests of the bucket");
        var (troubles, met) = (new List<string>(), 0);
        foreach (var outage in choose(scene.Outages()))
        {
            met++;
            var begun = (Line: scene.Log.BeginOutage(), At: Stopwatch.GetTimestamp());
            await outage.Begin(deadline.Token);
            await Within(scene.Log.LineAsync(begun.Line, line => Regex.IsMatch(line, outage.Told, RegexOptions.None, Patience), deadline.Token), $"{outage}: it is not told");
            var told = Stopwatch.GetElapsedTime(begun.At);
            if (told < least) await Task.Delay(least - told, deadline.Token);
            var mended = outage.Ended == outage.Told ? begun.Line : scene.Log.Count;
            await outage.End(deadline.Token);
            await Within(scene.Log.LineAsync(mended, line => Regex.IsMatch(line, outage.Ended, RegexOptions.None, Patience), deadline.Token), $"{outage}: its end is not told");
            // What takes a hurried night long need not be waited for: in the morning all must have ended.
            if (least > TimeSpan.Zero) await Within(scene.Log.AllEndedAsync(deadline.Token), $"{outage}: not everything has an end");
            Say($"== {met}. {outage}: told after {told.TotalSeconds:0.0} s, over after {Stopwatch.GetElapsedTime(begun.At).TotalSeconds:0.0} s\n{string.Join('\n', scene.Log.From(begun.Line))}");
            Assert.False(scene.Ended.IsCompleted, $"The node has ended: {outage}.");
        }

        var morning = Stopwatch.GetTimestamp();
        await scene.BalanceAsync(deadline.Token);
        // Whatever was told meanwhile, as a store that was slow, has its end before the node is stopped.
        await Within(scene.Log.AllEndedAsync(deadline.Token), "not everything has an end");
        var (report, checks) = await scene.StopAsync(deadline.Token);
        Say($"== morning: after {Stopwatch.GetElapsedTime(morning).TotalSeconds:0.0} s: {met} outages, {scene.Log.Troubles.Count + troubles.Count} troubles, {checks.Count} tables checked, {scene.Requests} requests of the bucket");
        Assert.True(troubles.Count + scene.Log.Troubles.Count == 0, string.Join('\n', [.. troubles, .. scene.Log.Troubles]));
        Assert.True(report.IsBalanced);
        Assert.All(checks, check => Assert.True(check.IsSound, check.ToString()));

        async Task Within(Task said, string trouble)
        {
            if (await Task.WhenAny(said, Task.Delay(Patience, deadline.Token)) != said) troubles.Add($"{trouble}; open: {string.Join(" | ", scene.Log.Open)}");
            else await said;
        }
    }

    private static void Say(string text) => TestContext.Current.TestOutputHelper?.WriteLine(text);
}
