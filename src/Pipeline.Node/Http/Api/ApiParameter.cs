namespace Pipeline.Node.Http.Api;

/// <summary>What a request may say in its address.</summary>
/// <param name="Type">As JSON schemas call it: <c>string</c>, <c>integer</c>.</param>
internal sealed record ApiParameter(string Name, string Type, string Meaning)
{
    /// <summary>Whether it is a part of the path; else it may stand behind it.</summary>
    public bool IsInPath { get; init; }

    /// <summary>Of a number: the least it may be.</summary>
    public long Min { get; init; }

    /// <summary>Of a number: the most.</summary>
    public long Max { get; init; } = long.MaxValue;

    /// <summary>Of a number: what it is where it is not said.</summary>
    public long Default { get; init; }
}
