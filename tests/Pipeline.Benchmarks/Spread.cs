namespace Pipeline.Benchmarks;

/// <summary>A median and the quartiles around it.</summary>
public sealed class Spread(IEnumerable<double> values)
{
    private readonly double[] _values = [.. values.Order()];

    public double Median => _values[_values.Length / 2];

    /// <summary>
    /// Where the median of many more would be, with 95 % confidence: between two of the values, whatever their distribution. Too few values
    /// say nothing.
    /// </summary>
    public (double From, double To) MedianInterval
    {
        get
        {
            // The chance that at most k of n values lie below the median is that of k heads in n tosses.
            var (rank, below, chance) = (0, 0d, Math.ScaleB(1, -_values.Length));
            for (var heads = 0; heads < _values.Length / 2 && below + chance <= 0.025; heads++)
            {
                below += chance;
                chance *= (double)(_values.Length - heads) / (heads + 1);
                rank = heads + 1;
            }

            return rank == 0 ? (double.NegativeInfinity, double.PositiveInfinity) : (_values[rank - 1], _values[^rank]);
        }
    }

    public string Text(string format) => $"{Median.ToString(format)} ({_values[_values.Length / 4].ToString(format)} to {_values[3 * _values.Length / 4].ToString(format)})";
}
