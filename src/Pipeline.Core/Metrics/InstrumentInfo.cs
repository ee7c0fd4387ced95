using System.Diagnostics;

namespace Pipeline.Core.Metrics;

public enum InstrumentKind
{
    /// <summary>A sum that only grows, since the process started.</summary>
    Counter,

    /// <summary>A value as it is when it is looked at.</summary>
    Gauge,

    /// <summary>How single values are spread.</summary>
    Histogram,
}

/// <summary>What an instrument measures, for those who read it.</summary>
/// <param name="Meter">The meter that it belongs to: the name of the project that measures.</param>
/// <param name="Unit">In UCUM: <c>s</c>, <c>By</c>, <c>{row}</c>.</param>
/// <param name="Tags">Names of the tags that every measurement has, in the order of their values.</param>
/// <param name="OnlyWhen">What must be configured, or must have gone wrong, before it is measured; null: any running pipeline measures it.</param>
public sealed record InstrumentInfo(string Meter, string Name, InstrumentKind Kind, string Unit, IReadOnlyList<string> Tags, string Meaning, string? OnlyWhen = null)
{
    /// <summary>The tags of one measurement.</summary>
    public TagList Tagged(params ReadOnlySpan<object> values)
    {
        if (values.Length != Tags.Count) throw new ArgumentException($"{Name} has the tags {string.Join(", ", Tags)}, and was given {Plural.Of(values.Length, "value")}.", nameof(values));
        var tags = default(TagList);
        for (var i = 0; i < values.Length; i++) tags.Add(Tags[i], values[i] is TableId or SplitId ? values[i].ToString() : values[i]);
        return tags;
    }
}
