using Pipeline.Configuration;
using Pipeline.Sources.Kafka;
using Pipeline.Sources.Postgres;
using Pipeline.Sources.Snowflake;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>One of the three source projects, and what it asks of a configuration.</summary>
/// <param name="Prefix">How its types and files begin.</param>
/// <param name="Configurations">What chooses each of its forms.</param>
internal sealed record SourceSibling(string Project, string Prefix, ISourceKind Source, params string[] Configurations)
{
    public static readonly IReadOnlyList<SourceSibling> All =
    [
        new("Pipeline.Sources.Kafka", "Kafka", new KafkaSourceKind(), "registry { url = \"http://registry:1\" }"),
        new("Pipeline.Sources.Postgres", "Postgres", new PostgresSourceKind(), "mode = watermark", "mode = cdc"),
        new("Pipeline.Sources.Snowflake", "Snowflake", new SnowflakeSourceKind(), "security { method = oauth }", "security { method = key-pair }"),
    ];

    public string Kind => Source.Kind;

    /// <summary>Every setting that binding the source asks for, in each of its forms.</summary>
    public IReadOnlyList<AskedSetting> Options { get; } =
        [.. Configurations.SelectMany(text => Ask($"{text}\ntables {{ NAME {{ }} }}", settings => Source.Bind("NAME", settings))).Distinct()];

    /// <summary>Those that are a number, a duration or a size.</summary>
    public IEnumerable<AskedSetting> Measured => Options.Where(option => option.Kind is SettingKind.Number or SettingKind.Duration or SettingKind.Size);

    /// <summary>Names of files and folders at the top, without the kind.</summary>
    public IReadOnlyList<string> Files
    {
        get
        {
            var root = Path.Combine(Repository.Root, "src", Project);
            var files = Directory.GetFiles(root, "*.cs").Select(file => Path.GetFileName(file)!);
            return
            [
                .. files.Select(file => file.StartsWith(Prefix, StringComparison.Ordinal) ? $"KIND{file[Prefix.Length..]}" : file).Order(StringComparer.Ordinal),
                .. Directory.GetDirectories(root).Where(folder => Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories).Any())
                    .Select(folder => $"{Path.GetFileName(folder)}/").Except(["bin/", "obj/"]).Order(StringComparer.Ordinal),
            ];
        }
    }

    public static IReadOnlyList<AskedSetting> Ask(string text, Action<SettingsReader> bind)
    {
        var settings = new SettingsReader(HoconReader.Read("all.conf", _ => text, _ => null), "", []);
        bind(settings);
        return settings.Notes.Asked;
    }

    /// <summary>Its name without its sections.</summary>
    public static string NameOf(AskedSetting option) => option.Path[(option.Path.LastIndexOf('.') + 1)..];
}
