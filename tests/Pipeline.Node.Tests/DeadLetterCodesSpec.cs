using System.Text.RegularExpressions;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>The page of dead letters has the codes that sources give, and no others.</summary>
public sealed partial class DeadLetterCodesSpec
{
    [Fact]
    public void Every_code_of_a_dead_letter_stands_on_its_page()
    {
        var row = Assert.Single(File.ReadLines(Path.Combine(Repository.Root, "docs", "dead-letters.md")), line => line.StartsWith("| `code` |", StringComparison.Ordinal));
        var listed = Quoted().Matches(row).Select(match => match.Groups["code"].Value).Where(code => code != "code");

        var given = Directory.EnumerateDirectories(Path.Combine(Repository.Root, "src"), "Pipeline.Sources.*").Select(project => Path.Combine(project, "Decoding")).Where(Directory.Exists)
            .SelectMany(decoding => Directory.EnumerateFiles(decoding, "*.cs", SearchOption.AllDirectories)).SelectMany(CodesOf).Distinct(StringComparer.Ordinal);

        Assert.Equal(given.Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_letter_is_refused_where_the_codes_are_looked_for()
    {
        var places = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => File.ReadAllText(file).Contains("new RecordRejected(", StringComparison.Ordinal)).Select(file => Path.GetFileName(Path.GetDirectoryName(file)!)).Distinct(StringComparer.Ordinal);

        Assert.Equal(["Decoding"], places);
    }

    /// <summary>
    /// The words of a file that rejects records, or that says why to one that does: the first argument of a rejection, a constant
    /// or a variable that is called a code, and what a column of letters is given.
    /// </summary>
    private static IEnumerable<string> CodesOf(string file)
    {
        var text = File.ReadAllText(file);
        return Given().Matches(text).Select(match => match.Groups["code"].Value);
    }

    [GeneratedRegex("`(?<code>[a-z0-9_]+)`", RegexOptions.ExplicitCapture)]
    private static partial Regex Quoted();

    [GeneratedRegex("(new RecordRejected\\(|\\b[cC]ode = |\\(code, reason\\) = \\(|new RegisteredValues<\\w+>\\([^\"\\n]*|Append\\()\"(?<code>[a-z0-9]+(_[a-z0-9]+)+)\"", RegexOptions.ExplicitCapture)]
    private static partial Regex Given();
}
