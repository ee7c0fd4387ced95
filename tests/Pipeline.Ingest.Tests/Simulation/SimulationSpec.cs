using System.Globalization;

namespace Pipeline.Ingest.Tests.Simulation;

/// <summary>
/// Thousands of histories of the commit protocol. A failing seed is in the message; <c>PIPELINE_SEED=N</c> runs it alone and
/// writes all its decisions to <c>simulation-N.log</c> in the temporary directory; <c>PIPELINE_NIGHTLY=1</c> runs 10,000,
/// <c>PIPELINE_SIMULATION_SEEDS=N</c> the first N.
/// </summary>
public sealed class SimulationSpec
{
    private static int Seeds =>
        Environment.GetEnvironmentVariable("PIPELINE_SIMULATION_SEEDS") is { } few ? int.Parse(few, CultureInfo.InvariantCulture)
        : Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1" ? 10_000
        : 300;

    [Fact]
    public void Every_record_is_in_the_lake_exactly_once_in_every_history()
    {
        if (Environment.GetEnvironmentVariable("PIPELINE_SEED") is { } traced)
        {
            using var trace = File.CreateText(Path.Combine(Path.GetTempPath(), $"simulation-{traced}.log"));
            Assert.Null(Simulation.Run(int.Parse(traced, CultureInfo.InvariantCulture), trace: trace));
            return;
        }

        var histories = Enumerable.Range(1, Seeds).AsParallel().WithCancellation(TestContext.Current.CancellationToken)
            .Select(seed => (Broken: Simulation.Run(seed, out var kinds), Kinds: kinds)).ToList();
        var broken = histories.Where(history => history.Broken is not null).Select(history => history.Broken).ToList();
        var counts = Enum.GetValues<Kind>().Select(kind => (Kind: kind, Count: histories.Sum(history => (long)history.Kinds[(int)kind]))).ToList();
        TestContext.Current.TestOutputHelper?.WriteLine($"{broken.Count} of {Seeds} histories broken; {string.Join(", ", counts.Select(pair => $"{pair.Kind} {pair.Count}"))}");

        Assert.True(broken.Count == 0, $"{broken.Count} of {Seeds}:{Environment.NewLine}{string.Join(Environment.NewLine, broken.Take(10))}");
        if (Seeds >= 300) Assert.All(counts, pair => Assert.True(pair.Count >= 100, $"{pair.Kind} was drawn {pair.Count} times in {Seeds} histories."));
    }

    [Fact]
    public void A_seed_gives_the_same_history_again()
    {
        var seed = Enumerable.Range(1, 300).First(seed => Simulation.Run(seed, Mutation.NoCompareAndSet) is not null);

        Assert.Equal(Simulation.Run(seed, Mutation.NoCompareAndSet), Simulation.Run(seed, Mutation.NoCompareAndSet));
    }

    [Theory]
    [InlineData(Mutation.NoCompareAndSet)]
    [InlineData(Mutation.AcknowledgeBeforeCommit)]
    [InlineData(Mutation.ResumeFromMemory)]
    [InlineData(Mutation.DeadLettersLast)]
    [InlineData(Mutation.DeleteAfterFailure)]
    [InlineData(Mutation.DeleteAfterAnyRefusal)]
    [InlineData(Mutation.DeleteAfterFinalRefusal)]
    [InlineData(Mutation.LettersSkippedApart)]
    [InlineData(Mutation.RedriveTwice)]
    public void What_is_broken_on_purpose_is_noticed(object mutation)
    {
        const int histories = 60;
        var noticed = Enumerable.Range(1, histories).AsParallel().WithCancellation(TestContext.Current.CancellationToken)
            .Count(seed => Simulation.Run(seed, (Mutation)mutation) is not null);

        TestContext.Current.TestOutputHelper?.WriteLine($"{mutation}: noticed in {noticed} of {histories} histories");
        Assert.True(noticed > 0, $"{mutation} goes unnoticed in {histories} histories.");
    }
}
