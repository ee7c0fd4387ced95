using System.Text.RegularExpressions;
using Pipeline.Configuration;
using Pipeline.Operations.Options;

namespace Pipeline.Operations.Planning;

/// <param name="Path">The configuration file.</param>
/// <param name="Under">Only settings of this section, or this one; null: all.</param>
public sealed record ShowConfigurationRequest(string Path, string? Under);

/// <summary>A setting as it is after includes and substitutions.</summary>
/// <param name="Text">As it would be written; of a secret <see cref="ShowConfiguration.Hidden"/>.</param>
/// <param name="Location">The file and line that it is from.</param>
public sealed record WrittenSetting(string Path, string Text, SourceLocation Location);

public sealed record ShowConfigurationResult(IReadOnlyList<WrittenSetting> Settings);

/// <summary>What a configuration says, and where; no secret is in it.</summary>
public static partial class ShowConfiguration
{
    /// <summary>What stands for a secret.</summary>
    public const string Hidden = "***";

    /// <exception cref="ConfigurationException">All that is wrong with it.</exception>
    public static ShowConfigurationResult Run(ShowConfigurationRequest request, IReadOnlyList<ISourceKind> kinds, ReadEnvironmentVariable environment)
    {
        var secrets = PipelineOptions.Load(request.Path, kinds, lakeLocation: null, environment).Notes.Secrets;
        var root = HoconReader.Read(request.Path, path => File.Exists(path) ? File.ReadAllText(path) : null, environment);
        return new ShowConfigurationResult([.. Flatten(root, "").Where(setting => IsUnder(setting.Path, request.Under))
            .Select(setting => setting with { Text = secrets.Contains(setting.Path) ? Hidden : Scrub(setting.Text) }).OrderBy(setting => setting.Path, StringComparer.Ordinal)]);
    }

    private static bool IsUnder(string path, string? under) => under is null || path == under || path.StartsWith($"{under}.", StringComparison.Ordinal) || path.StartsWith($"{under}[", StringComparison.Ordinal);

    private static IEnumerable<WrittenSetting> Flatten(ConfigValue value, string path) => value switch
    {
        ConfigObject section => section.Fields.SelectMany(field => Flatten(field.Value, path.Length == 0 ? field.Key : $"{path}.{field.Key}")),
        ConfigList list => list.Items.SelectMany((item, i) => Flatten(item, $"{path}[{i}]")),
        ConfigScalar scalar => [new WrittenSetting(path, scalar.Text, scalar.Location)],
        _ => [],
    };

    /// <summary>A password in a connection string or an address is one wherever it stands.</summary>
    private static string Scrub(string text) => InAddress().Replace(InConnection().Replace(text, "${name}=" + Hidden), "://${user}:" + Hidden + "@");

    [GeneratedRegex(@"\b(?<name>password|pwd|secret|token|key)\s*=\s*(?:'[^']*'|""[^""]*""|[^;&\s]+)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex InConnection();

    [GeneratedRegex(@"://(?<user>[^:/@\s]+):[^@\s]+@", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex InAddress();
}
