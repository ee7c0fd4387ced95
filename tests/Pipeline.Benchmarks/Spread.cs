namespace Pipeline.Benchmarks;

/// <summary>A median and the quartiles around it.</summary>
public sealed class Spread(IEnumerable<double> values)
{
    private readonly double[] _values = [.. values.Order()];

    public double Median => _values[_values.Length / 2];

    public string Text(string format) => $"{Median.ToString(format)} ({_values[_values.Length / 4].ToString(format)} to {_values[3 * _values.Length / 4].ToString(format)})";
}
