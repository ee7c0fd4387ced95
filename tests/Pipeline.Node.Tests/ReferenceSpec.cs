using System.CommandLine;
using System.Text;
using Pipeline.Configuration;
using Pipeline.Demo;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Releases;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>
/// The reference of settings and verbs is what the code reads and takes. With <c>GOLDEN=update</c> it is written anew: what a setting means is
/// kept from the document, since only people can say it, and a row without it fails.
/// </summary>
public sealed class ReferenceSpec
{
    private static readonly string Folder = Path.Combine(Repository.Root, "docs", "reference");

    private static readonly SettingKind[] Sections = [SettingKind.Section, SettingKind.Sections];

    [Fact]
    public void Every_setting_is_in_the_reference_with_its_meaning_its_default_and_its_limits() => Verify("settings.md", SettingsText(Meanings()));

    [Fact]
    public void No_setting_of_the_reference_lacks_its_meaning() => Assert.DoesNotContain(Meanings(), row => row.Value.Length == 0);

    [Fact]
    public void Every_verb_is_in_the_reference_with_its_arguments_and_options() => Verify("verbs.md", VerbsText());

    private static void Verify(string file, string text)
    {
        var path = Path.Combine(Folder, file);
        if (Golden.IsUpdate) File.WriteAllText(path, text);
        Assert.Equal(text, File.ReadAllText(path));
    }

    private static string SettingsText(IReadOnlyDictionary<string, string> meanings)
    {
        var text = new StringBuilder("""
            # Settings

            Every setting of `pipeline.conf` and the files it includes, as the code reads it: `ReferenceSpec` keeps this page equal to it. NAME is a name of
            your choice. A setting that is wrong or misspelt is told with its file and line. Durations take a unit (`250ms`, `5s`, `10m`, `2h`, `7d`), sizes too
            (`512KiB`, `64 MiB`). A secret is `${?VARIABLE}`, `secret:file:PATH`, `secret:aws:NAME` or `secret:ssm:NAME`.

            """);
        foreach (var section in Asked().GroupBy(setting => setting.Section))
        {
            text.Append($"\n## `{section.Key}`\n\n| setting | what it is | default | allowed |\n|---|---|---|---|\n");
            foreach (var (_, form, setting) in section)
                text.Append($"| `{form}` | {meanings.GetValueOrDefault($"{section.Key} {form}", "")} | {Code(setting.Default)} | {Allowed(setting)} |\n");
        }

        return text.ToString();
    }

    /// <summary>Of each row by its section and setting.</summary>
    private static Dictionary<string, string> Meanings()
    {
        var (section, meanings) = ("", new Dictionary<string, string>(StringComparer.Ordinal));
        foreach (var line in File.ReadLines(Path.Combine(Folder, "settings.md")))
        {
            if (line.StartsWith("## ", StringComparison.Ordinal)) section = line[3..].Trim('`');
            if (line.StartsWith("| `", StringComparison.Ordinal) && line.Split(" | ") is [var setting, var meaning, ..]) meanings[$"{section} {setting[2..].Trim('`')}"] = meaning.Trim();
        }

        return meanings;
    }

    private static IEnumerable<(string Section, string Form, AskedSetting Setting)> Asked()
    {
        return [.. KeptConfiguration.Files.SelectMany(file =>
            {
                var options = KeptConfiguration.Load(file);
                var kinds = options.Sources.ToDictionary(source => source.Name, source => source.Kind, StringComparer.Ordinal);
                return options.Notes.Asked.Where(setting => !Sections.Contains(setting.Kind)).Select(setting => Placed(setting, kinds));
            })
            // The last that asks is the simplest: what others set changes the defaults of some.
            .GroupBy(setting => (setting.Section, setting.Form)).Select(same => same.Last()).OrderBy(setting => setting.Section, StringComparer.Ordinal)];
    }

    /// <summary>What a source may say depends on its kind.</summary>
    private static (string Section, string Form, AskedSetting Setting) Placed(AskedSetting setting, Dictionary<string, string> kinds)
    {
        var form = setting.Form.Split('.');
        var deep = form is ["pipeline", "sources" or "silver" or "gold", _, _, ..] ? 3 : form.Length > 2 ? 2 : 1;
        var kind = form is ["pipeline", "sources", ..] ? $" (type = {kinds[setting.Path.Split('.')[2]]})" : "";
        // By default some have a name of the example.
        var chosen = setting.Path.Split('.').Zip(form, (given, known) => known == "NAME" ? given : null).OfType<string>();
        var byDefault = setting.Form.Contains("[]", StringComparison.Ordinal) && setting.Kind == SettingKind.Text ? null
            : chosen.Aggregate(setting.Default, (text, name) => text?.Replace(name, "NAME", StringComparison.OrdinalIgnoreCase));
        return ($"{string.Join('.', form[..deep])}{kind}", string.Join('.', form[deep..]), setting with { Default = byDefault });
    }

    private static string Allowed(AskedSetting setting) => setting switch
    {
        { Kind: SettingKind.Choice } => string.Join(", ", setting.Min!.Split(", ").Select(Code)),
        { Kind: SettingKind.Flag } => "`true`, `false`",
        { Kind: SettingKind.Texts } => "a list",
        { Kind: SettingKind.Text } => "",
        { Min: { } min, Max: { } max } => $"{min} to {max}",
        { Min: { } min } => $"at least {min}",
        { Max: { } max } => $"at most {max}",
        _ => "",
    };

    private static string VerbsText()
    {
        var text = new StringBuilder("""
            # Verbs

            What `./pipeline` understands, as its own help says it: `ReferenceSpec` keeps this page equal to it. Data goes to standard output, messages to standard
            error. Every verb takes `--config FILE`, `--lake LOCATION`, `--output table|json` (`csv` too where it prints rows), `--log text|json` and `--verbose`.

            """);
        using var interruption = new Interruption();
        var root = CommandLine.Build(NodeContext.OfProcess(interruption), new DemoVerb());
        var shared = root.Subcommands.SelectMany(Leaves).Select(verb => verb.Command.Options.Select(option => option.Name)).Aggregate((a, b) => a.Intersect(b)).ToHashSet(StringComparer.Ordinal);
        foreach (var (name, verb) in root.Subcommands.SelectMany(Leaves))
        {
            var arguments = string.Concat(verb.Arguments.Select(argument => argument.Arity.MinimumNumberOfValues == 0 ? $" [{argument.Name}]" : $" {argument.Name}"));
            text.Append($"\n## `{name}{arguments}`\n\n{verb.Description!.ReplaceLineEndings("\n").Trim()}\n");
            var own = verb.Options.Where(option => !shared.Contains(option.Name) && !option.Hidden).ToList();
            if (own.Count + verb.Arguments.Count == 0) continue;
            text.Append("\n| | what it is |\n|---|---|\n");
            foreach (var argument in verb.Arguments) text.Append($"| `{argument.Name}` | {Cell(argument.Description)} |\n");
            foreach (var option in own) text.Append($"| `{string.Join("`, `", option.Aliases.Prepend(option.Name))}`{(option.HelpName is { } value ? $" {value}" : "")} | {Cell(option.Description)} |\n");
        }

        return text.ToString();
    }

    private static IEnumerable<(string Name, Command Command)> Leaves(Command command) => command.Subcommands.Count == 0
        ? [(command.Name, command)]
        : command.Subcommands.SelectMany(Leaves).Select(leaf => ($"{command.Name} {leaf.Name}", leaf.Command));

    private static string Code(string? text) => text is null or "" ? "" : $"`{text}`";

    private static string Cell(string? text) => (text ?? "").ReplaceLineEndings(" ").Replace("|", "\\|", StringComparison.Ordinal);
}
