using System.Text.RegularExpressions;

namespace Pipeline.Transform.Dialects;

/// <summary>
/// Where a value is in a JSON document: <c>$.name</c>, <c>$['a name']</c>, <c>[0]</c> for an item of an array, and once <c>[*]</c> for
/// all of them. Each engine has its own way to write a name that is no plain word.
/// </summary>
/// <remarks>A name has no quote, bracket, <c>\</c>, <c>*</c>, <c>?</c> or control character: Spark's paths cannot have them.</remarks>
/// <param name="Steps">Names and numbers of items; within those, <see cref="Each"/> at most once.</param>
public sealed partial record JsonPath(IReadOnlyList<string> Steps)
{
    /// <summary>All items of an array.</summary>
    public const string Each = "[*]";

    /// <summary>Null for what is no path.</summary>
    public static JsonPath? TryParse(string text)
    {
        if (!Pattern().IsMatch(text)) return null;
        var steps = Step().Matches(text, 1).Select(step => step.Groups["plain"] is { Success: true } plain ? plain.Value : step.Groups["quoted"] is { Success: true } quoted ? quoted.Value : step.Value).ToList();
        return steps.Count(step => step == Each) > 1 ? null : new JsonPath(steps);
    }

    /// <summary>The path to the array whose items are meant; null: the path is to one value.</summary>
    public JsonPath? Array => IndexOfEach is var at and >= 0 ? new JsonPath([.. Steps.Take(at)]) : null;

    /// <summary>The path within each item; without steps: the item itself.</summary>
    public JsonPath InItem => new([.. Steps.Skip(IndexOfEach + 1)]);

    /// <summary>The same with the first item in place of all, or of another.</summary>
    internal JsonPath First => new([.. Steps.Select(step => IsItem(step) ? "[0]" : step)]);

    /// <summary>As a contract writes it.</summary>
    public override string ToString() => Write(name => name == Each ? Each : name.Any(c => c is '.' or ' ') ? $"['{name}']" : $".{name}");

    /// <summary>Whether a step is to an item of an array, or to all of them.</summary>
    internal static bool IsItem(string step) => step[0] == '[';

    /// <summary>Whether two steps go the same way, whichever items of an array they go to.</summary>
    internal static bool IsSameStep(string one, string other) => one == other || (IsItem(one) && IsItem(other));

    /// <summary>As an engine writes it.</summary>
    /// <param name="quote">A name that is no plain word.</param>
    internal string Write(Func<string, string> quote) =>
        "$" + string.Concat(Steps.Select(step => Item().IsMatch(step) ? step : Plain().IsMatch(step) ? $".{step}" : quote(step)));

    private int IndexOfEach => Steps.ToList().IndexOf(Each);

    [GeneratedRegex(@"^\$(\.[^.\[\]'""\\*?\x00-\x20\x7f]+|\['[^'""\\*?\[\]\x00-\x1f\x7f]+'\]|\[[0-9]+\]|\[\*\])+\z")]
    private static partial Regex Pattern();

    [GeneratedRegex(@"\.(?<plain>[^.\[\]]+)|\['(?<quoted>[^']+)'\]|\[[0-9]+\]|\[\*\]")]
    private static partial Regex Step();

    [GeneratedRegex(@"^\[[0-9]+\]\z")]
    private static partial Regex Item();

    [GeneratedRegex(@"^[A-Za-z_][A-Za-z0-9_]*\z")]
    private static partial Regex Plain();
}
