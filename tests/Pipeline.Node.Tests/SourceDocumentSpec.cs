using Pipeline.Configuration;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>docs/sources.md tells each option that the sources ask for, with the default and the range that it has.</summary>
public sealed class SourceDocumentSpec
{
    private static readonly string[] Lines = File.ReadAllLines(Path.Combine(Repository.Root, "docs", "sources.md"));

    public static TheoryData<string> Kinds => [.. SourceSibling.All.Select(sibling => sibling.Kind)];

    [Theory, MemberData(nameof(Kinds))]
    public void Every_option_is_named(string kind)
    {
        var sibling = SourceSibling.All.Single(candidate => candidate.Kind == kind);

        Assert.All(sibling.Options.Where(option => option.Kind != SettingKind.Section && option.Path != "type"), option => Assert.Contains(Lines,
            line => line.Contains($".{SourceSibling.NameOf(option)}`", StringComparison.Ordinal) || line.Contains($"`{SourceSibling.NameOf(option)}`", StringComparison.Ordinal)));
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Every_measured_option_has_its_default_and_its_range(string kind)
    {
        var sibling = SourceSibling.All.Single(candidate => candidate.Kind == kind);
        var column = SourceSibling.All.TakeWhile(other => other.Kind != kind).Count() + 1;

        Assert.Empty(sibling.Measured.Where(option => !IsTold(option, column)).Select(option => $"{option.Path}: {option.Default}, {option.Min} to {option.Max}"));
    }

    [Fact]
    public void Nothing_is_told_that_no_source_asks_for() =>
        Assert.All(Rows.SelectMany(row => Names(row[0])), name => Assert.Contains(SourceSibling.All.SelectMany(sibling => sibling.Options), option => option.Path == name));

    /// <summary>In the table of all kinds, or in the one of its own.</summary>
    private static bool IsTold(AskedSetting option, int column)
    {
        var row = Rows.SingleOrDefault(row => Names(row[0]).Contains(option.Path, StringComparer.Ordinal));
        return row switch
        {
            { Length: 6 } => row[column] == option.Default && row[4] == $"{option.Min} to {option.Max}",
            { Length: 4 } => row[1] == option.Default && row[2] == $"{option.Min} to {option.Max}",
            _ => false,
        };
    }

    /// <summary>The rows of tables that give defaults and ranges.</summary>
    private static List<string[]> Rows { get; } = [.. ReadRows()];

    private static IEnumerable<string[]> ReadRows()
    {
        var isMeasured = false;
        foreach (var line in Lines)
        {
            if (line.StartsWith("| setting", StringComparison.Ordinal)) isMeasured = line.EndsWith("| range | meaning |", StringComparison.Ordinal);
            if (isMeasured && line.StartsWith("| `", StringComparison.Ordinal)) yield return [.. line[1..^1].Split('|').Select(cell => cell.Trim())];
        }
    }

    private static string[] Names(string cell)
    {
        var names = cell.Split(", ").Select(name => name.Trim('`')).ToArray();
        // `registry.url`, `.username`
        for (var i = 1; i < names.Length; i++)
            if (names[i].StartsWith('.')) names[i] = names[0][..names[0].LastIndexOf('.')] + names[i];
        return names;
    }
}
