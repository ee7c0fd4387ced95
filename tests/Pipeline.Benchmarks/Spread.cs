namespace Pipeline.Benchmarks;

/// <summary>A median and the quartiles around it.</summary>
public sealed class Spread(IEnumerable<double> values)
{
    private readonly double[] _values = [.. values.Order()];

    public double Median => _values[_values.Length / 2];

    /// <summary>
    /// Where the centre of ratios lies with 95 % confidence, by Wilcoxon's signed ranks of their logarithms: it is asked only that chance favours neither
    /// side, and one run that was disturbed counts for little. Fewer than six say nothing.
    /// </summary>
    public (double From, double To) CentreInterval
    {
        get
        {
            var logs = _values.Select(value => Math.Log(value)).ToList();
            var means = logs.SelectMany((one, i) => logs.Skip(i).Select(other => (one + other) / 2)).Order().ToList();
            var rank = LeastRank(logs.Count);
            return rank == 0 ? (0, double.PositiveInfinity) : (Math.Exp(means[rank - 1]), Math.Exp(means[^rank]));
        }
    }

    public string Text(string format) => $"{Median.ToString(format)} ({_values[_values.Length / 4].ToString(format)} to {_values[3 * _values.Length / 4].ToString(format)})";

    /// <summary>How many of the mean values of pairs may be left out at each end: the sum of ranks on one side is as small with a chance of at most 2.5 %.</summary>
    private static int LeastRank(int count)
    {
        // How many of the 2^count ways to give ranks their signs come to each sum.
        var ways = new double[(count * (count + 1) / 2) + 1];
        ways[0] = 1;
        for (var rank = 1; rank <= count; rank++)
            for (var sum = ways.Length - 1; sum >= rank; sum--) ways[sum] += ways[sum - rank];
        var (least, chance) = (0, 0d);
        while ((chance += Math.ScaleB(ways[least], -count)) <= 0.025) least++;
        return least;
    }
}
