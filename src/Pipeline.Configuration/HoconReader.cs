namespace Pipeline.Configuration;

/// <summary>The text of a configuration file; null when there is no such file.</summary>
/// <param name="path">As given to <see cref="HoconReader.Read"/>, or that file's directory joined with an include's name.</param>
public delegate string? ReadConfigurationFile(string path);

/// <summary>The value of an environment variable; null when it is not set.</summary>
public delegate string? ReadEnvironmentVariable(string name);

/// <summary>
/// Reads HOCON and keeps the file and line of every value. See https://github.com/lightbend/config/blob/main/HOCON.md,
/// with three differences that find mistakes: a missing include is an error, a key that contains a space must be quoted,
/// and a plain value must stand on its key's line.
/// </summary>
public static class HoconReader
{
    /// <summary>Reads <paramref name="path"/> and all it includes, and replaces substitutions.</summary>
    /// <exception cref="ConfigurationException">
    /// Everything found wrong: one syntax error a file; when there is none, all substitutions that lead nowhere.
    /// </exception>
    public static ConfigObject Read(string path, ReadConfigurationFile files, ReadEnvironmentVariable environment)
    {
        var problems = new List<ConfigProblem>();
        var text = files(path);
        if (text is null)
            throw new ConfigurationException([new ConfigProblem(new SourceLocation(path, 1), "", "there is no such file. Correct the path, or have one written: ./pipeline init")]);

        var root = HoconParser.Parse(new HoconFile(path, text, [path], []), files, problems);
        if (problems.Count > 0) throw new ConfigurationException(problems);

        var resolved = new HoconResolver(root, environment, problems).Resolve();
        return problems.Count > 0 ? throw new ConfigurationException([.. problems.Distinct()]) : resolved;
    }
}
