namespace Pipeline.Configuration;

/// <summary>Looks for and moves settings by their path: <c>tls.ca-file</c>.</summary>
internal static class ConfigPath
{
    public static string First(string path) => path.Split('.')[0];

    public static ConfigValue? Find(ConfigObject section, string path) => Split(path) switch
    {
        (var name, null) => section.Fields.GetValueOrDefault(name),
        var (name, rest) => section.Fields.GetValueOrDefault(name) is ConfigObject inner ? Find(inner, rest) : null,
    };

    /// <summary>The section with what is at <paramref name="from"/> at <paramref name="to"/>, unless there is something already.</summary>
    public static ConfigObject Move(ConfigObject section, string from, string to) =>
        Find(section, from) is { } value ? With(Without(section, from), to, value) : section;

    /// <summary>The section with another value of one of its own settings.</summary>
    public static ConfigObject Replace(ConfigObject section, string name, ConfigValue value)
    {
        var fields = Copy(section);
        fields[name] = value;
        return section with { Fields = fields };
    }

    /// <summary>A section that is left empty goes too.</summary>
    private static ConfigObject Without(ConfigObject section, string path)
    {
        var (name, rest) = Split(path);
        var fields = Copy(section);
        if (rest is not null && Without((ConfigObject)fields[name], rest) is { Fields.Count: > 0 } left) fields[name] = left;
        else fields.Remove(name);
        return section with { Fields = fields };
    }

    private static ConfigObject With(ConfigObject section, string path, ConfigValue value)
    {
        var (name, rest) = Split(path);
        var fields = Copy(section);
        var there = fields.GetValueOrDefault(name);
        if (rest is null) fields[name] = there ?? value;
        // A value where a section belongs is told by whoever asks for the section.
        else if (there is null or ConfigObject) fields[name] = With(there as ConfigObject ?? Empty(value.Location), rest, value);
        return section with { Fields = fields };
    }

    private static (string Name, string? Below) Split(string path) =>
        path.IndexOf('.') is var dot and > 0 ? (path[..dot], path[(dot + 1)..]) : (path, null);

    private static Dictionary<string, ConfigValue> Copy(ConfigObject section) => new(section.Fields, StringComparer.Ordinal);

    private static ConfigObject Empty(SourceLocation location) => new(new Dictionary<string, ConfigValue>(StringComparer.Ordinal), location);
}
