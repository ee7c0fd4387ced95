using System.Globalization;
using System.Text.RegularExpressions;
using Pipeline.Testing;

namespace Pipeline.Core.Tests;

/// <summary>Times and ids in messages: of one zone, and as they can be pasted.</summary>
public sealed partial class MomentsInWordsSpec
{
    /// <summary>Where a time is written for programs, or has no zone that could be told.</summary>
    private static readonly string[] Others =
    [
        "Moments.cs", "CellText.cs", "JsonLines.cs", "NodeLogs.cs", "ValuesInWords.cs", "EmrServerlessClient.cs",
        "AvroToJson.cs", "ProtobufMoments.cs", "JobFiles.cs", "ModelLiteral.cs", "SqlDialect.cs", "Bounds.cs", "PartitionValue.cs", "MovedRows.cs", "WatermarkColumn.cs", "WatermarkPlace.cs", "FallenTimes.cs",
    ];

    [Theory]
    [InlineData(0, "2026-03-02 11:30:15Z")]
    [InlineData(3, "2026-03-02 11:30:15.123Z")]
    [InlineData(6, "2026-03-02 11:30:15.123456Z")]
    public void A_moment_is_told_in_UTC_and_is_the_same_when_it_is_pasted(int decimals, string words)
    {
        var moment = new DateTimeOffset(2026, 3, 2, 13, 30, 15, TimeSpan.FromHours(2)).AddTicks(1_234_560);

        Assert.Equal(words, moment.InWords(decimals));
        Assert.Equal(0, (moment - DateTimeOffset.Parse(words, CultureInfo.InvariantCulture)).Ticks / (long)Math.Pow(10, 7 - decimals));
    }

    /// <summary>A form of its own loses the zone, or tells it otherwise.</summary>
    [Fact]
    public void No_message_writes_a_time_in_a_form_of_its_own() =>
        Assert.Empty(Lines().Where(line => !Others.Contains(Path.GetFileName(line.File)) && OwnForm().IsMatch(line.Text)).Select(line => $"{line.File}: {line.Text.Trim()}"));

    /// <summary>A version, a position or a port with commas in it cannot be pasted.</summary>
    [Fact]
    public void No_id_has_separators() =>
        Assert.Empty(Lines().Where(line => IdWithSeparators().IsMatch(line.Text)).Select(line => $"{line.File}: {line.Text.Trim()}"));

    private static IEnumerable<(string File, string Text)> Lines() => Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
        .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal) && !file.Contains("Emulation", StringComparison.Ordinal) && !file.Contains("Pipeline.Demo", StringComparison.Ordinal))
        .SelectMany(file => File.ReadLines(file).Select(line => (file, line)));

    [GeneratedRegex(@"yyyy-MM-dd['T ]+HH|\{[^{}""]+:[uOs]\}|\} UTC\b")]
    private static partial Regex OwnForm();

    [GeneratedRegex(@"\b(version|offset|position|epoch|partition|port|run|slot|id) \{(Listing\.Format|Plural\.Of|[^{}""]+:(#,0|[Nn]0)\})", RegexOptions.ExplicitCapture)]
    private static partial Regex IdWithSeparators();
}
