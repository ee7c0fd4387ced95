namespace Pipeline.Configuration;

/// <summary>Where a setting stands: a file and its line, counted from one.</summary>
public readonly record struct SourceLocation(string File, int Line)
{
    public override string ToString() => $"{File}:{Line}";
}

/// <summary>A node of the configuration tree, with the place it came from.</summary>
public abstract record ConfigValue(SourceLocation Location);

/// <summary>A string, number, boolean, duration or size: its text, unquoted.</summary>
public sealed record ConfigScalar(string Text, SourceLocation Location) : ConfigValue(Location)
{
    /// <summary>Where another section of the same name has it too, in the same file: of the two, which are one, this one counts. Null: nowhere.</summary>
    public SourceLocation? Hides { get; init; }
}

public sealed record ConfigList(IReadOnlyList<ConfigValue> Items, SourceLocation Location) : ConfigValue(Location);

/// <summary>Settings in the order in which they were first written.</summary>
public sealed record ConfigObject(IReadOnlyDictionary<string, ConfigValue> Fields, SourceLocation Location) : ConfigValue(Location)
{
    private static readonly IReadOnlyDictionary<string, UnsetVariable> None = new Dictionary<string, UnsetVariable>(StringComparer.Ordinal);

    /// <summary>Settings that are written and have no value, since nobody has set the variable of <c>${?NAME}</c>.</summary>
    public IReadOnlyDictionary<string, UnsetVariable> Unset { get; init; } = None;
}

/// <summary>A variable that may be missing, and is.</summary>
/// <param name="Name">As <c>${?NAME}</c> names it.</param>
public sealed record UnsetVariable(string Name, SourceLocation Location)
{
    /// <summary>What a reader of the setting is told, without a full stop.</summary>
    public string Words => $"${{?{Name}}} stands here, and {Name} is not set. Set it, or write the value";
}

/// <summary>One wrong setting.</summary>
/// <param name="Location">File and line.</param>
/// <param name="Path">The full path of the setting: <c>sources.app.tables.users.watermark</c>; empty for a whole file.</param>
/// <param name="Message">What is wrong, what is allowed and, for a wrong name, the nearest right one.</param>
public sealed record ConfigProblem(SourceLocation Location, string Path, string Message)
{
    public override string ToString() => Path.Length == 0 ? $"{Location}: {Message}" : $"{Location}: {Path}: {Message}";
}

/// <summary>All wrong settings at once; exit code 64.</summary>
public sealed class ConfigurationException : Exception
{
    public ConfigurationException(IEnumerable<ConfigProblem> problems)
        : this(AsWritten(problems))
    {
    }

    private ConfigurationException(IReadOnlyList<ConfigProblem> problems)
        : base(string.Join(Environment.NewLine, problems)) => Problems = problems;

    /// <summary>In the order in which they stand in their files: who mends them goes through each file once.</summary>
    public IReadOnlyList<ConfigProblem> Problems { get; }

    private static List<ConfigProblem> AsWritten(IEnumerable<ConfigProblem> problems) =>
        [.. problems.GroupBy(problem => problem.Location.File, StringComparer.Ordinal).SelectMany(file => file.OrderBy(problem => problem.Location.Line))];
}
