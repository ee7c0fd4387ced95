using System.Numerics;

namespace Pipeline.Delta.Parquet;

/// <summary>Minimum and maximum of many numbers, several at a time.</summary>
internal static class Ranges
{
    /// <summary>Widens the range until it holds all <paramref name="values"/>.</summary>
    public static void Widen<T>(ReadOnlySpan<T> values, ref T minimum, ref T maximum)
        where T : unmanaged, INumber<T>
    {
        var (smallest, largest) = (minimum, maximum);
        var i = 0;
        if (Vector.IsHardwareAccelerated && values.Length >= Vector<T>.Count)
        {
            var low = new Vector<T>(smallest);
            var high = new Vector<T>(largest);
            for (; i <= values.Length - Vector<T>.Count; i += Vector<T>.Count)
            {
                var next = new Vector<T>(values[i..]);
                low = Vector.Min(low, next);
                high = Vector.Max(high, next);
            }

            for (var lane = 0; lane < Vector<T>.Count; lane++)
            {
                smallest = T.Min(smallest, low[lane]);
                largest = T.Max(largest, high[lane]);
            }
        }

        for (; i < values.Length; i++)
        {
            smallest = T.Min(smallest, values[i]);
            largest = T.Max(largest, values[i]);
        }

        (minimum, maximum) = (smallest, largest);
    }
}
