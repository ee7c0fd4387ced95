using System.Text.RegularExpressions;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Releases;

/// <summary>What this release will leave to the next.</summary>
public sealed partial class NextReleaseSpec
{
    [Fact]
    public void The_configuration_that_is_kept_sets_every_option()
    {
        var configuration = string.Concat(Directory.EnumerateFiles(Path.Combine(Repository.Root, "tests", "Pipeline.Releases", "configuration"), "every-option*.conf").Select(File.ReadAllText));
        var set = Setting().Matches(configuration).Select(match => match.Groups[1].Value).ToHashSet(StringComparer.Ordinal);

        var read = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Select(file => (Name: Path.GetFileName(file), Text: File.ReadAllText(file)))
            .Where(file => file.Text.Contains("SettingsReader", StringComparison.Ordinal) && file.Name != "SettingsReader.cs")
            .SelectMany(file => Option().Matches(file.Text).Select(match => (Option: match.Groups[1].Value, file.Name)))
            .ToHashSet();

        Assert.True(read.Count > 100);
        Assert.DoesNotContain(read, option => !set.Contains(option.Option));
    }

    [Theory]
    [InlineData("every-option.conf")]
    [InlineData("every-option-cluster.conf")]
    public void The_configurations_that_are_kept_are_valid(string file) => Assert.NotEmpty(KeptConfiguration.Load(file).Sources);

    [GeneratedRegex(@"(?<![\w-])([a-z][a-z0-9-]*)\s*(?:=|\{)", RegexOptions.None, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Setting();

    [GeneratedRegex(@"\b(?:String|OptionalString|Secret|OptionalSecret|Strings|Bool|Int|Long|Duration|Bytes|Choice<\w+>|Section|Sections|Url|Known)\((?:\w+, )?""([a-z][a-z0-9-]*)""",
        RegexOptions.None, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Option();
}
