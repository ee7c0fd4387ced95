using System.Globalization;

namespace Pipeline.Core;

/// <summary>So many of a thing, in words that fit the number: <c>1 row is</c>, <c>2 rows are</c>.</summary>
public static class Plural
{
    /// <param name="thing">One of them.</param>
    public static string Of(long number, string thing)
    {
        ArgumentException.ThrowIfNullOrEmpty(thing);
        return string.Create(CultureInfo.InvariantCulture, $"{number:#,0} {(number == 1 ? thing : Several(thing))}");
    }

    /// <param name="thing">One of them.</param>
    /// <param name="one">What one does.</param>
    /// <param name="several">What several do.</param>
    public static string Of(long number, string thing, string one, string several) => $"{Of(number, thing)} {(number == 1 ? one : several)}";

    private static string Several(string thing) => thing switch
    {
        [.., not ('a' or 'e' or 'o' or 'u'), 'y'] => $"{thing[..^1]}ies",
        [.., 's' or 'x' or 'z'] or [.., 'c' or 's', 'h'] => $"{thing}es",
        _ => $"{thing}s",
    };
}
