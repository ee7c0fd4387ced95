namespace Pipeline.Node.Cli;

/// <summary>A column of a listing.</summary>
/// <param name="Title">As people read it; null: they are not shown it.</param>
/// <param name="Name">As programs read it; null: they are not given it.</param>
internal sealed record Column(string? Title, string? Name)
{
    /// <summary>Numbers have no separators.</summary>
    public bool IsPlain { get; private init; }

    /// <summary>Nothing is shortened.</summary>
    public bool IsWhole { get; private init; }

    /// <summary>What people can do without where a terminal is narrow.</summary>
    public bool IsExtra { get; private init; }

    /// <summary>Versions, positions, identities: what is printed can be pasted.</summary>
    public static Column Id(string title) => ((Column)title).AsId();

    /// <summary>Left out at a terminal that is too narrow for all columns.</summary>
    public Column Extra() => this with { IsExtra = true };

    /// <summary>As <see cref="Id"/>.</summary>
    public Column AsId() => this with { IsPlain = true, IsWhole = true };

    /// <summary>Of a table's own: its numbers are what they are, and may be identities.</summary>
    public static Column Of(string column) => new(column, column) { IsPlain = true };

    public static implicit operator Column(string title) => new(title, NameOf(title));

    /// <summary>Of durations, which programs get as a number of seconds.</summary>
    public static Column Seconds(string title) => new(title, $"{NameOf(title)}_seconds");

    /// <summary>With another name than its title.</summary>
    public static Column Named(string title, string name) => new(title, name);

    /// <summary>Of text that is made for people.</summary>
    public static Column ForPeople(string title) => new(title, null);

    /// <summary>Of what people read in other columns.</summary>
    public static Column ForPrograms(string name) => new(null, name);

    private static string NameOf(string title) => title.Replace("%", "percent", StringComparison.Ordinal).Replace(' ', '_').Replace('/', '_');
}
