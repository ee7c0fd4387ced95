
namespace Pipeline.Configuration.Tests;

/// <summary>Configuration files and environment variables that exist only in a test.</summary>
internal sealed class HoconFiles
{
    private readonly Dictionary<string, string> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _environment = new(StringComparer.Ordinal);

    public static ConfigObject Parse(string text) => new HoconFiles().With("main.conf", text).Read();

    public static IReadOnlyList<string> ProblemsOf(string text) => new HoconFiles().With("main.conf", text).Problems();

    public HoconFiles With(string path, string text)
    {
        _files[path] = text;
        return this;
    }

    public HoconFiles WithEnvironment(string name, string value)
    {
        _environment[name] = value;
        return this;
    }

    public ConfigObject Read(string path = "main.conf") => HoconReader.Read(path, _files.GetValueOrDefault, _environment.GetValueOrDefault);

    public IReadOnlyList<string> Problems() => [.. Assert.Throws<ConfigurationException>(() => Read()).Problems.Select(problem => problem.ToString())];
}

internal static class ConfigValueText
{
    /// <summary>The value at a dotted path, written as JSON of strings.</summary>
    public static string At(this ConfigObject root, string path)
    {
        ConfigValue? value = root;
        foreach (var key in path.Split('.')) value = (value as ConfigObject)?.Fields.GetValueOrDefault(key);
        return Show(value);
    }

    public static SourceLocation LocationAt(this ConfigObject root, string path) =>
        path.Split('.').Aggregate((ConfigValue)root, (value, key) => ((ConfigObject)value).Fields[key]).Location;

    public static string Show(ConfigValue? value) => value switch
    {
        null => "(none)",
        ConfigScalar scalar => scalar.Text,
        ConfigList list => $"[{string.Join(", ", list.Items.Select(Show))}]",
        ConfigObject section => $"{{{string.Join(", ", section.Fields.Select(field => $"{field.Key}: {Show(field.Value)}"))}}}",
        _ => throw new InvalidOperationException(value.GetType().Name),
    };
}
