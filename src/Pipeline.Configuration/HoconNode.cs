namespace Pipeline.Configuration;

/// <summary>A value as written: substitutions are not replaced yet.</summary>
internal abstract record HoconNode(SourceLocation Location);

/// <summary>Text, or a piece of it in a concatenation.</summary>
internal sealed record HoconText(string Text, SourceLocation Location) : HoconNode(Location)
{
    /// <summary>Where a section of the same name before has it too; null: nowhere in this file.</summary>
    public SourceLocation? Hides { get; init; }
}

/// <summary>The white space between two pieces of a concatenation: kept between texts, ignored elsewhere.</summary>
internal sealed record HoconSpace(string Text, SourceLocation Location) : HoconNode(Location);

/// <summary>An unquoted <c>null</c>: the setting counts as not set, whatever was written before.</summary>
internal sealed record HoconNull(SourceLocation Location) : HoconNode(Location);

/// <summary><c>${path}</c> or <c>${?path}</c>.</summary>
/// <param name="Base">The path at which the file was included: names are looked up below it first.</param>
internal sealed record HoconSubstitution(string[] Path, string[] Base, bool IsOptional, SourceLocation Location) : HoconNode(Location);

internal sealed record HoconList(IReadOnlyList<HoconNode> Items, SourceLocation Location) : HoconNode(Location);

/// <summary>Values side by side: text joined, lists appended, objects merged.</summary>
internal sealed record HoconConcatenation(IReadOnlyList<HoconNode> Parts, SourceLocation Location) : HoconNode(Location);

/// <summary><c>key += value</c>.</summary>
internal sealed record HoconAppend(HoconNode Item, SourceLocation Location) : HoconNode(Location);

/// <summary>
/// Fields in the order in which they were first written. A field keeps everything that was ever assigned to it: a later
/// value may be undefined, merge with an earlier one or refer to it.
/// </summary>
internal sealed record HoconObject(SourceLocation Location) : HoconNode(Location)
{
    public OrderedDictionary<string, List<HoconNode>> Fields { get; } = new(StringComparer.Ordinal);

    public void Assign(ReadOnlySpan<string> path, HoconNode value)
    {
        if (path.Length > 1)
        {
            var inner = new HoconObject(value.Location);
            inner.Assign(path[1..], value);
            value = inner;
        }

        if (!Fields.TryGetValue(path[0], out var assigned)) Fields.Add(path[0], assigned = []);
        if (value is HoconObject later && assigned is [.., HoconObject earlier]) earlier.Merge(later);
        else assigned.Add(value);
    }

    public void Merge(HoconObject later)
    {
        foreach (var (key, values) in later.Fields)
            foreach (var value in values)
                Assign([key], value is HoconText text && Fields.GetValueOrDefault(key) is [.., HoconText before] && before.Location.File == text.Location.File ? text with { Hides = before.Location } : value);
    }
}
