using Pipeline.Benchmarks;

namespace Pipeline.Node.Tests.Benchmarks;

public sealed class SpreadSpec
{
    /// <summary>The ranks are those of published tables of Wilcoxon's test: 52 for 20 pairs, 8 for 10, 0 for 6.</summary>
    [Theory]
    [InlineData(20, 53)]
    [InlineData(10, 9)]
    [InlineData(6, 1)]
    public void The_centre_of_ratios_lies_between_the_means_of_pairs_that_Wilcoxons_ranks_leave(int count, int rank)
    {
        var ratios = Enumerable.Range(0, count).Select(i => Math.Exp(i * i)).ToList();
        var means = Enumerable.Range(0, count).SelectMany(i => Enumerable.Range(i, count - i).Select(j => ((i * i) + (j * j)) / 2d)).Order().ToList();

        var (from, to) = new Spread(ratios).CentreInterval;

        Assert.Equal((means[rank - 1], means[^rank]), (Math.Round(Math.Log(from), 6), Math.Round(Math.Log(to), 6)));
    }

    [Fact]
    public void Fewer_than_six_say_nothing() => Assert.Equal(double.PositiveInfinity, new Spread([1, 1, 1, 1, 1]).CentreInterval.To);
}
