using System.Globalization;

namespace Pipeline.Benchmarks;

/// <summary>What a ratio is to keep: a floor for rates, a ceiling for times.</summary>
public sealed record Goal
{
    private readonly bool _isFloor;
    private readonly double _value;

    private Goal(string name, bool isFloor, double value) => (Name, _isFloor, _value) = (name, isFloor, value);

    /// <summary>The benchmark, and which of its ratios when it has several: <c>kafka-cpu</c>.</summary>
    public string Name { get; }

    public static Goal AtLeast(string name, double value) => new(name, isFloor: true, value);

    public static Goal AtMost(string name, double value) => new(name, isFloor: false, value);

    public Verdict Judge(double ratio)
    {
        // Rounded away from the goal, so that what is printed never looks better than what is said of it. A ratio that is no
        // number keeps nothing.
        var hundredths = Math.Round(ratio * 100, digits: 6);
        var printed = (_isFloor ? Math.Floor(hundredths) : Math.Ceiling(hundredths)) / 100;
        var isMet = _isFloor ? ratio >= _value : ratio <= _value;
        return new Verdict(isMet, string.Create(CultureInfo.InvariantCulture,
            $"{Name}: {printed:0.00} (goal {(_isFloor ? "at least" : "at most")} {_value:0.00}) {(isMet ? "met" : "missed")}"));
    }
}

/// <param name="Line">What is printed last: <c>NAME: RATIO (goal at least|at most GOAL) met|missed</c>.</param>
public sealed record Verdict(bool IsMet, string Line);
