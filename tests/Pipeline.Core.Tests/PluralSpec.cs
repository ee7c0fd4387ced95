using System.Text.RegularExpressions;
using Pipeline.Testing;

namespace Pipeline.Core.Tests;

/// <summary>Numbers of things in words.</summary>
public sealed partial class PluralSpec
{
    /// <summary>What stands before a word, and is no number of it.</summary>
    private static readonly string[] NoNumbers = ["Max", "Name", "Table", "ersion", "To"];

    [Theory]
    [InlineData(0, "row", "0 rows")]
    [InlineData(1, "row", "1 row")]
    [InlineData(2, "dead letter", "2 dead letters")]
    [InlineData(1_234_567, "byte", "1,234,567 bytes")]
    [InlineData(2, "key", "2 keys")]
    [InlineData(2, "query", "2 queries")]
    [InlineData(-1, "index", "-1 indexes")]
    [InlineData(2, "alias", "2 aliases")]
    [InlineData(2, "batch", "2 batches")]
    public void A_word_fits_its_number(long number, string thing, string words) => Assert.Equal(words, Plural.Of(number, thing));

    [Theory]
    [InlineData(1, "1 row is")]
    [InlineData(0, "0 rows are")]
    public void So_does_what_is_said_of_it(long number, string words) => Assert.Equal(words, Plural.Of(number, "row", "is", "are"));

    /// <summary>A number with a word that is written in the plural says "1 rows" one day.</summary>
    [Fact]
    public void No_text_has_a_number_before_a_plural_that_is_written_out()
    {
        var written = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal) && !file.Contains("Emulation", StringComparison.Ordinal))
            .SelectMany(file => File.ReadLines(file).Select((line, i) => (Where: $"{Path.GetFileName(file)}:{i + 1}", Line: line)))
            .Where(line => line.Line.Contains("$\"", StringComparison.Ordinal))
            .SelectMany(line => NumberAndPlural().Matches(line.Line).Concat(OwnPlural().Matches(line.Line))
                .Where(match => !NoNumbers.Any(end => match.Groups["of"].Value.EndsWith(end, StringComparison.Ordinal)))
                .Select(match => $"{line.Where}: {match.Value}"));

        Assert.Empty(written);
    }

    [GeneratedRegex(@"\{(?!Plural\.Of| )(?<of>[^{}""]+)\} ([a-z-]+ )?(alarms|artifacts|bytes|characters|checks|columns|commits|connections|deletes|errors|fields|files|indexes|keys|letters|lines|messages|models|nodes|objects|offsets|partitions|positions|queries|ranges|records|requests|rows|rules|runs|slots|sources|splits|statements|tables|tests|times|tokens|topics|transactions|values|versions)\b(?!/s)", RegexOptions.ExplicitCapture)]
    private static partial Regex NumberAndPlural();

    [GeneratedRegex(@"== 1 \? """" : ""s""")]
    private static partial Regex OwnPlural();
}
