using System.Globalization;
using System.Text.RegularExpressions;
using Pipeline.Core;
using Pipeline.Demo.Session;
using Pipeline.Node.Cli;
using Pipeline.Operations.Inspection;

namespace Pipeline.Demo.Tests.Session;

/// <summary>A demo on a terminal of any size.</summary>
public sealed partial class DemoScreenSpec
{
    private static readonly string[] States = ["running", "up to date", "paused", "retrying: the source app does not answer\nits log is elsewhere", "halted: relation public.orders was dropped"];

    [Fact]
    public void On_any_terminal_it_fits_says_what_is_not_well_before_the_tables_and_every_line_adds_up()
    {
        var seed = Environment.GetEnvironmentVariable("PIPELINE_SEED") is { } given ? int.Parse(given, CultureInfo.InvariantCulture) : Random.Shared.Next();
        var (full, brief) = (0, 0);
        for (var i = 0; i < 500; i++)
        {
            var random = new Random(seed + i);
            var progress = Draw(random);
            var size = new TerminalSize(random.Next(60, 200), random.Next(16, 60));

            var lines = DemoScreen.Lines(progress, size, Ink.None).ToList();

            var told = $"PIPELINE_SEED={seed + i}, {size}\n{string.Join('\n', lines)}";
            Assert.True(lines.Count < size.Height && lines.TrueForAll(line => line.Length <= size.Width && line == line.TrimEnd()), told);
            ExpectSums(string.Join(' ', lines.TakeWhile(line => !IsHeader(line)).Select(line => line.Trim())), progress.Rows, told);
            foreach (var row in RowsOf(lines))
            {
                var isFull = row.ContainsKey("unread");
                Assert.True(isFull ? Number(row, "generated") == Number(row, "bronze") + Number(row, "dead letters") + Number(row, "on the way")
                        && Number(row, "bronze") == Number(row, "silver") + Number(row, "quarantined") + Number(row, "superseded") + Number(row, "deleted") + Number(row, "unread")
                    : Number(row, "generated") == Number(row, "silver") + Number(row, "elsewhere") + Number(row, "to come"), told);
                Assert.True(progress.Sources.Any(table => IsShortOf(row["table"], table.Bronze.ToString()) && Number(row, "generated") == table.Rows.Generated && Number(row, "silver") == table.Rows.Silver), told);
                if (isFull) full++;
                else brief++;
            }

            if (progress.NotWell.FirstOrDefault() is { State: { } state } bad)
                Assert.True(string.Join(' ', lines.TakeWhile(line => !IsHeader(line)).Select(line => line.Trim())).Contains($"{bad.Table}: {state.Split('\n')[0]}", StringComparison.Ordinal), told);
        }

        Assert.True(full > 0 && brief > 0, $"{full} lines in full, {brief} in brief");
    }

    /// <summary>The usual terminal, with as many tables as the demo has.</summary>
    [Fact]
    public void At_80_by_24_all_source_tables_are_seen_and_the_Gold_tables_that_have_no_room_are_counted()
    {
        var progress = Draw(new Random(1), tables: 11, isWell: true);

        var lines = DemoScreen.Lines(progress, TerminalSize.Usual, Ink.None).ToList();

        Assert.Equal(23, lines.Count);
        Assert.Equal(11, RowsOf(lines).Count());
        Assert.Matches("^and [0-9]+ more Gold tables$", lines[^1]);
    }

    [Fact]
    public void At_120_by_40_all_is_seen_with_every_place_of_a_row()
    {
        var progress = Draw(new Random(1), tables: 11, isWell: true);

        var lines = DemoScreen.Lines(progress, new TerminalSize(120, 40), Ink.None).ToList();

        Assert.Equal(11, RowsOf(lines).Count(row => row.ContainsKey("unread")));
        Assert.Equal(11, lines.Count(line => line.StartsWith("gold/", StringComparison.Ordinal)));
    }

    /// <summary>Of words, as one is told them: sums that come out.</summary>
    internal static void ExpectSums(string text, RowCount? rows, string told)
    {
        var generated = Generated().Match(text);
        var fates = Fates().Match(text);
        Assert.True(generated.Success && fates.Success, told);
        Assert.True(Of(generated, 1) == Of(generated, 2) + Of(generated, 3) + Of(generated, 4), told);
        Assert.True(Of(fates, 1) == Of(fates, 2) + Of(fates, 3) + Of(fates, 4) + Of(fates, 5) + Of(fates, 6) && Of(fates, 1) == Of(generated, 2), told);
        Assert.All(Enumerable.Range(1, 4).Select(i => Of(generated, i)).Concat(Enumerable.Range(1, 6).Select(i => Of(fates, i))), number => Assert.True(number >= 0, told));
        if (rows is not null) Assert.True((Of(generated, 1), Of(fates, 1), Of(fates, 2)) == (rows.Generated, rows.Bronze, rows.Silver), told);
    }

    private static long Of(Match match, int group) => long.Parse(match.Groups[group].Value, NumberStyles.AllowThousands | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);

    private static bool IsHeader(string line) => line.StartsWith("table ", StringComparison.Ordinal);

    /// <summary>Of source tables, by their titles.</summary>
    private static IEnumerable<Dictionary<string, string>> RowsOf(List<string> lines)
    {
        var header = lines.FindIndex(line => IsHeader(line) && line.Contains("generated", StringComparison.Ordinal));
        if (header < 0) yield break;
        var titles = Columns().Split(lines[header]);
        foreach (var line in lines.Skip(header + 1).TakeWhile(line => line.StartsWith("bronze/", StringComparison.Ordinal)))
            yield return new Dictionary<string, string>(titles.Zip(Columns().Split(line), KeyValuePair.Create), StringComparer.Ordinal);
    }

    private static long Number(Dictionary<string, string> row, string title) => long.Parse(row[title], NumberStyles.AllowThousands, CultureInfo.InvariantCulture);

    private static bool IsShortOf(string word, string name) => word == name || (word.Split('…') is [var start, var end] && name.StartsWith(start, StringComparison.Ordinal) && name.EndsWith(end, StringComparison.Ordinal));

    private static DemoProgress Draw(Random random, int? tables = null, bool isWell = false)
    {
        var sources = Enumerable.Range(0, tables ?? random.Next(1, 30)).Select(i =>
        {
            long Some() => random.NextInt64(1, 1_000_000) >> random.Next(20);
            var (silver, quarantined, superseded, deleted, unread, letters, onTheWay) = (Some(), Some(), Some(), Some(), Some(), Some(), Some());
            var bronze = silver + quarantined + superseded + deleted + unread;
            return new SourceTableProgress(TableId.Bronze("shop", $"{new string('x', random.Next(isWell ? 12 : 30))}_t{i}"), new RowCount(bronze + letters + onTheWay, bronze, letters, silver, quarantined, superseded, deleted, unread),
                random.NextDouble() * 10_000, States[random.Next(isWell ? 3 : States.Length)]);
        }).ToList();
        var gold = Enumerable.Range(0, tables ?? random.Next(30)).Select(i => new GoldTableProgress(TableId.Gold($"total_{i}"),
            random.Next(4) == 0 ? TableGlance.Absent : new TableGlance(random.Next(1, 5_000), random.Next(5_000), 0, TimeSpan.FromSeconds(random.Next(5_000))), States[random.Next(isWell ? 3 : States.Length)]));
        return new DemoProgress(TimeSpan.FromSeconds(random.Next(1_000)), sources, [.. gold], Versions: 1) { IsAllGenerated = random.Next(2) == 0 };
    }

    [GeneratedRegex("generated ([0-9,-]+) = Bronze ([0-9,-]+) [+] dead letters ([0-9,-]+) [+] on the way ([0-9,-]*[0-9])")]
    private static partial Regex Generated();

    [GeneratedRegex("Bronze ([0-9,-]+) = Silver ([0-9,-]+) [+] quarantined ([0-9,-]+) [+] superseded ([0-9,-]+) [+] deleted ([0-9,-]+) [+] not yet read ([0-9,-]*[0-9])")]
    private static partial Regex Fates();

    [GeneratedRegex(" {2,}")]
    private static partial Regex Columns();
}
