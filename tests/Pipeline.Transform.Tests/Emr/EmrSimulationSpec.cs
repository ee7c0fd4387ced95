using System.Diagnostics;

namespace Pipeline.Transform.Tests.Emr;

/// <summary>One run for one intent, whatever dies, is lost or comes late: judged from the emulated EMR's own log.</summary>
public sealed class EmrSimulationSpec
{
    private static int Schedules => Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1" ? 10_000 : 300;

    [Fact]
    public void Whatever_goes_wrong_a_run_is_committed_once_and_nothing_is_submitted_beside_what_can_still_write()
    {
        var given = Environment.GetEnvironmentVariable("PIPELINE_SEED") is { } seed ? int.Parse(seed) : (int?)null;
        var first = given ?? Random.Shared.Next(1_000_000_000);
        var watch = Stopwatch.StartNew();
        var results = Enumerable.Range(first, given is null ? Schedules : 1).AsParallel().WithDegreeOfParallelism(2).Select(at => (Seed: at, Result: EmrSimulation.Run(at))).ToList();

        TestContext.Current.TestOutputHelper!.WriteLine($"{results.Count} schedules from PIPELINE_SEED={first}: {results.Sum(r => r.Result.Commits.Count)} commits, "
            + $"{results.Sum(r => r.Result.Log.Count(e => e.What == "submitted"))} submissions, {results.Sum(r => r.Result.Log.Count(e => e.What == "lost-answer"))} lost answers, "
            + $"{results.Sum(r => r.Result.Deaths)} deaths, {results.Sum(r => r.Result.Took.TotalHours):0} h in {watch.Elapsed.TotalSeconds:0.0} s");
        foreach (var line in results.Where(r => given is not null || r.Result.Wrong.Count > 0).Take(1).SelectMany(r => r.Result.Told)) TestContext.Current.TestOutputHelper!.WriteLine(line);
        var wrong = results.Where(r => r.Result.Wrong.Count > 0).Select(r => $"PIPELINE_SEED={r.Seed}: {string.Join("; ", r.Result.Wrong)}").ToList();
        Assert.True(wrong.Count == 0, $"{wrong.Count} schedules are wrong.\n{string.Join('\n', wrong.Take(20))}");
    }

    [Theory]
    [InlineData(Mutation.SearchByHashOnly, 700), InlineData(Mutation.ResubmitOnTimeout, 0), InlineData(Mutation.CancelWithoutWaiting, 0)]
    public void A_mistake_is_caught_by_a_seed(Mutation mutation, int first)
    {
        for (var seed = first; seed < first + 1_000; seed++)
        {
            if (EmrSimulation.Run(seed, mutation).Wrong is not { Count: > 0 } wrong) continue;
            TestContext.Current.TestOutputHelper!.WriteLine($"{mutation}: seed {seed}: {wrong[0]}");
            Assert.StartsWith("replacement: ", wrong[0], StringComparison.Ordinal);
            return;
        }

        Assert.Fail($"1,000 seeds have not caught {mutation}.");
    }
}
