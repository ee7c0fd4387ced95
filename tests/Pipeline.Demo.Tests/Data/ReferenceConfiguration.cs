using Pipeline.Configuration;
using Pipeline.Testing;

namespace Pipeline.Demo.Tests.Data;

/// <summary>The files of <c>hocon/</c>, from the checkout the tests were built from.</summary>
internal static class ReferenceConfiguration
{
    public static string Root => Repository.Root;

    public static ConfigObject Read(string file) =>
        HoconReader.Read(Path.Combine(Root, "hocon", file), path => File.Exists(path) ? File.ReadAllText(path) : null, _ => null);

    /// <summary>The whole reference pipeline: all sources, Silver and Gold tables, as <c>pipeline.conf</c> includes them.</summary>
    public static SettingsReader Pipeline(IReadOnlyDictionary<string, string> environment, List<ConfigProblem> problems)
    {
        var whole = Path.Combine(Root, "hocon", "whole.conf");
        var text = $$"""
            sources { {{Includes("sources", "*.conf")}} }
            silver { {{Includes("silver", "*.conf")}} }
            gold { {{Includes("gold", "*.conf")}} }
            """;
        return new SettingsReader(HoconReader.Read(whole, path => path == whole ? text : File.Exists(path) ? File.ReadAllText(path) : null, environment.GetValueOrDefault), "", problems);

        static string Includes(string folder, string pattern) => string.Join('\n', Files(folder, pattern).Select(file => $"include \"{file}\"").Prepend("").Append(""));
    }

    public static SettingsReader Settings(string file, List<ConfigProblem> problems) => new(Read(file), "", problems);

    public static IEnumerable<string> Files(string folder, string pattern) =>
        Directory.EnumerateFiles(Path.Combine(Root, "hocon", folder), pattern).Select(path => Path.GetRelativePath(Path.Combine(Root, "hocon"), path)).Order(StringComparer.Ordinal);
}
