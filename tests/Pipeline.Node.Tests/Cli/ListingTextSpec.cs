using System.Collections;
using System.Data.SqlTypes;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;
using Pipeline.Operations.Options;

namespace Pipeline.Node.Tests.Cli;

/// <summary>What a listing looks like, in a pipe and at a terminal of any width.</summary>
public sealed partial class ListingTextSpec
{
    private static readonly string[] Words = ["it", "was", "refused", "by", "its", "server:", "permission", "denied", "for", "table", "customers,", "give", "the", "right"];

    [Fact]
    public void At_widths_of_40_to_200_no_line_is_wider_and_every_number_id_and_word_is_whole()
    {
        var seed = Environment.GetEnvironmentVariable("PIPELINE_SEED") is { } given ? int.Parse(given, CultureInfo.InvariantCulture) : Random.Shared.Next();
        var (forms, shortened) = (new HashSet<bool>(), 0);
        for (var i = 0; i < 2_000; i++)
        {
            var random = new Random(seed + i);
            var scene = Scene.Draw(random);
            var width = random.Next(40, 201);

            var lines = scene.Listing.Lines(width, Ink.None).ToList();

            var told = $"PIPELINE_SEED={seed + i}, width {width}\n{string.Join('\n', lines)}";
            Assert.All(lines, line => Assert.True(CellsOf(line) <= width && line == line.TrimEnd(), told));
            var head = Blanks().Split(lines[0].Trim());
            var isTable = head.All(word => scene.Titles.Any(title => title.Text == word)) && scene.Titles.All(title => title.IsExtra || head.Contains(title.Text, StringComparer.Ordinal));
            forms.Add(isTable);
            shortened += lines.Count(line => line.Contains('…', StringComparison.Ordinal));
            if (isTable) Assert.True(lines.Count == scene.Rows.Count + 1, told);
            if (isTable) ExpectTable(scene, lines, told);
            else ExpectRecords(scene, lines, told);
        }

        // Both forms and shortened names were drawn, else nothing is known of them.
        Assert.Equal(2, forms.Count);
        Assert.True(shortened > 0);
    }

    [Fact]
    public void In_a_pipe_all_stand_side_by_side_whole_without_rules_colours_and_trailing_blanks()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var scene = Scene.Draw(new Random(seed));

            var lines = scene.Listing.Lines(width: null, Ink.None).ToList();

            Assert.Equal(scene.Rows.Count + 1, lines.Count);
            Assert.All(lines, line => Assert.True(line == line.TrimEnd() && line.IndexOfAny(['─', '│', '…', '\e']) < 0, line));
            Assert.All(scene.Titles, title => Assert.Contains(title.Text, lines[0], StringComparison.Ordinal));
            foreach (var (row, line) in scene.Rows.Zip(lines.Skip(1)))
                Assert.All(row, cell => Assert.Contains(cell.Text, line, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Numbers_end_below_each_other_under_the_end_of_their_title()
    {
        var listing = new Listing("table", "rows", Column.Id("version"), Column.Seconds("age"));
        listing.Add("silver/orders", 12_345_678L, 12_345L, TimeSpan.FromSeconds(5.24));
        listing.Add("silver/users", 5L, 7L, TimeSpan.FromMinutes(20));

        Assert.Equal(
            """
            table                rows  version     age
            silver/orders  12,345,678    12345   5.2 s
            silver/users            5        7  20 min
            """.ReplaceLineEndings("\n"), string.Join('\n', listing.Lines(80, Ink.None)));
    }

    [Fact]
    public void Points_of_a_column_stand_below_each_other_and_a_tables_own_numbers_have_all_digits()
    {
        var listing = new Listing("price", Column.Of("own"));
        listing.Add(1_234.5, 1_234.567891);
        listing.Add(7.25, 1e21);
        listing.Add(null, 3d);

        Assert.Equal(["   price          own", "1,234.50  1234.567891", "    7.25        1E+21", "                    3"], listing.Lines(80, Ink.None));
    }

    [Fact]
    public void What_is_left_out_where_it_is_narrow_is_there_where_it_is_wide()
    {
        var listing = new Listing("table", ((Column)"committed at").Extra(), "rows");
        listing.Add("silver/a_table_of_the_shop", new DateTimeOffset(2026, 11, 30, 16, 38, 0, TimeSpan.FromHours(3)), 5L);

        Assert.Equal(["table                       rows", "silver/a_table_of_the_shop     5"], listing.Lines(40, Ink.None));
        Assert.Equal("silver/a_table_of_the_shop  2026-11-30 13:38:00Z     5", listing.Lines(80, Ink.None).Last());
    }

    [Fact]
    public void What_does_not_fit_turns_to_one_column_a_line()
    {
        var listing = new Listing("table", "cause", Column.Id("version"));
        listing.Add("silver/orders", "it was refused by its server, which says that nobody may read it", 12_345L);
        listing.Add("silver/users", null, 7L);

        Assert.Equal(
            """
            table    silver/orders
            cause    it was refused by its server,
                     which says that nobody may read
                     it
            version  12345

            table    silver/users
            version  7
            """.ReplaceLineEndings("\n"), string.Join('\n', listing.Lines(40, Ink.None)));
    }

    [Fact]
    public void Of_twenty_thousand_records_each_is_read_a_few_times()
    {
        const int rows = 20_000;
        ListingColumn[] columns = [.. ((string[])["table", "path", "cause"]).Select(title => new ListingColumn(title, IsNumber: false, IsWhole: false, IsExtra: false))];
        var left = 20L * rows * columns.Length;
        ListingCell Read(ListingCell cell) => left-- > 0 ? cell : throw new InvalidOperationException("Cells are read again for each row.");
        string[][] texts = [.. Enumerable.Range(0, rows).Select(i => (string[])[$"silver/{i:00000}_whose_beginning_tells_it_from_all_others", $"{new string('a', 40)}{i:00000}{new string('b', 40)}", "it was refused by its server, which says that nobody may read it"])];

        var lines = new ListingText(Ink.None, columns, [.. texts.Select(row => new ReadRow([.. row.Select(text => new ListingCell(text, Tone.Plain))], Read))]).Lines(40).ToList();

        Assert.Equal(rows, lines.Where(line => line.StartsWith("table ", StringComparison.Ordinal)).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(texts.Select(row => $"  {row[1]}"), lines.Where(line => line.StartsWith("  a", StringComparison.Ordinal)));
    }

    [Fact]
    public void Names_that_would_be_shortened_to_the_same_are_told_apart()
    {
        var listing = new Listing("table", "state");
        foreach (var name in (string[])["one", "two"]) listing.Add($"silver/orders_of_the_shop_{name}_by_customer_and_by_day", "fresh");

        var lines = listing.Lines(50, Ink.None).ToList();

        Assert.Equal(["silver/orders_of_t…e_by_customer_and_by_day  fresh", "silver/orders_of_t…o_by_customer_and_by_day  fresh"], lines.Skip(1));
    }

    [Theory]
    [InlineData("abcdefghij", 10, "abcdefghij")]
    [InlineData("abcdefghij", 9, "abcd…ghij")]
    [InlineData("abcdefghij", 8, "abc…ghij")]
    [InlineData("注文表注文表", 12, "注文表注文表")]
    [InlineData("注文表注文表", 9, "注文…文表")]
    [InlineData("a😀b😀c😀d😀e", 8, "a😀…d😀e")]
    public void A_shortened_name_keeps_its_ends(string name, int cells, string shortened)
    {
        Assert.Equal(shortened, TextCells.Shorten(name, cells));
        Assert.True(TextCells.Count(shortened) <= cells);
    }

    [Fact]
    public void What_a_table_holds_moves_no_cursor_and_ends_no_line()
    {
        var listing = new Listing(Column.Of("note"));
        listing.Add("a\r\nb\tc\e[31m\u0007\u202Ed");

        Assert.Equal(@"a b c\x1B[31m\x07\u202Ed", listing.Lines(80, Ink.None).Last());
    }

    [Theory]
    [InlineData("There is nothing to see here, but for what follows. See: ./pipeline quarantine show silver/orders --lake /data/lake", "./pipeline quarantine show silver/orders --lake /data/lake")]
    [InlineData("Its rows cannot be read: see 'pipeline dlq show bronze/shop/orders --limit 100', and what it says of them.", "'pipeline dlq show bronze/shop/orders --limit 100',")]
    [InlineData("    ./pipeline resume bronze/shop/orders --accept-gap --reason because", "    ./pipeline resume bronze/shop/orders --accept-gap --reason because")]
    public void Between_words_a_sentence_is_folded_and_a_command_in_it_can_be_pasted(string sentence, string command)
    {
        var lines = Prose.Fold(sentence, 50).ToList();

        Assert.Contains(lines, line => line.Contains(command, StringComparison.Ordinal));
        Assert.All(lines, line => Assert.True(line.Length <= 50 || line.Trim() == command.Trim(), line));
        Assert.Equal(sentence.Trim(), string.Join(' ', lines.Select(line => line.Trim())));
    }

    [Fact]
    public void Messages_at_a_terminal_are_folded_and_questions_are_not_held_back()
    {
        using var terminal = new StringWriter { NewLine = "\n" };
        using var messages = new FoldingWriter(terminal, () => new TerminalSize(20, 10));

        messages.WriteLine("one two three four five six");
        messages.Write("Who? ");
        messages.Flush();

        Assert.Equal("one two three four\n  five six\nWho? ", terminal.ToString());
    }

    [Fact]
    public void A_line_of_the_log_that_programs_read_is_one_at_a_terminal_too()
    {
        using var terminal = new StringWriter { NewLine = "\n" };
        using var messages = new FoldingWriter(terminal, () => new TerminalSize(20, 10));
        using (var logs = NodeLogs.Create(messages, LogLevel.Information, LogFormat.Json))
            logs.CreateLogger("x").LogWarning("Table {Table} has {Rows} rows, and more is said of it than a line of this terminal takes", "orders", 7);

        var line = Assert.Single(terminal.ToString().TrimEnd('\n').Split('\n'));
        Assert.Equal("orders", JsonDocument.Parse(line).RootElement.GetProperty("properties").GetProperty("Table").GetString());
    }

    [Theory]
    [InlineData("abcdefgh", 8, "abcdefgh")]
    [InlineData("abcdefghi", 8, "abcdefg…")]
    [InlineData("注文表注文表", 8, "注文表…")]
    [InlineData("\e[1;31mabcdefgh\e[0m", 8, "\e[1;31mabcdefgh\e[0m")]
    [InlineData("ab\e[1;31mcdefghij\e[0mkl", 8, "ab\e[1;31mcdefg…\e[0m")]
    [InlineData("abcdefg\e[32mhij\e[0m", 8, "abcdefg\e[32m…\e[0m")]
    public void A_clipped_line_keeps_its_beginning_and_ends_its_colours(string line, int cells, string clipped) => Assert.Equal(clipped, TextCells.Clip(line, cells));

    private static void ExpectTable(Scene scene, List<string> lines, string told)
    {
        foreach (var (row, line) in scene.Rows.Zip(lines.Skip(1)))
        {
            var words = Blanks().Split(line.Trim());
            foreach (var (cell, title) in row.Zip(scene.Titles))
            {
                if (cell.Text.Length == 0 || (title.IsExtra && !lines[0].Contains(title.Text, StringComparison.Ordinal))) continue;
                Assert.True(cell.IsName ? words.Any(word => IsShortOf(word, cell.Text)) : line.Contains(cell.Text, StringComparison.Ordinal), $"{cell.Text} of\n{told}");
            }
        }
    }

    private static void ExpectRecords(Scene scene, List<string> lines, string told)
    {
        var records = string.Join('\n', lines).Split("\n\n");
        Assert.True(records.Length == scene.Rows.Count, told);
        foreach (var (row, record) in scene.Rows.Zip(records))
        {
            var words = Blanks().Split(record.Trim());
            var text = string.Join(' ', words);
            Assert.All(row, cell => Assert.True(cell.IsName ? cell.Text.Length == 0 || words.Any(word => IsShortOf(word, cell.Text)) : text.Contains(cell.Text, StringComparison.Ordinal), $"{cell.Text} of\n{told}"));
        }
    }

    private static bool IsShortOf(string word, string name) =>
        word == name || (word.Split('…') is [{ Length: > 0 } start, { Length: > 0 } end] && name.StartsWith(start, StringComparison.Ordinal) && name.EndsWith(end, StringComparison.Ordinal) && word.Length <= name.Length);

    /// <summary>Of what is drawn here, only characters of Japanese take two.</summary>
    private static int CellsOf(string line) => line.Sum(letter => letter >= '\u3000' ? 2 : 1);

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();

    /// <summary>Cells of which each look at one is known.</summary>
    private sealed class ReadRow(ListingCell[] cells, Func<ListingCell, ListingCell> read) : IReadOnlyList<ListingCell>
    {
        public int Count => cells.Length;

        public ListingCell this[int index] => read(cells[index]);

        public IEnumerator<ListingCell> GetEnumerator() => cells.Select(read).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }

    /// <summary>A cell as it is to be read.</summary>
    private sealed record Drawn(string Text, bool IsName);

    /// <summary>A listing, and what is to be found of it.</summary>
    private sealed record Scene(Listing Listing, IReadOnlyList<(string Text, bool IsExtra)> Titles, IReadOnlyList<IReadOnlyList<Drawn>> Rows)
    {
        public static Scene Draw(Random random)
        {
            var kinds = Enumerable.Range(0, random.Next(1, 11)).Select(_ => random.Next(7)).ToList();
            var titles = kinds.Select((_, i) => (Text: $"{"title"[..random.Next(1, 6)]}{i}", IsExtra: i > 0 && random.Next(5) == 0)).ToList();
            var listing = new Listing([.. kinds.Zip(titles, ColumnOf)]);
            var rows = new List<IReadOnlyList<Drawn>>();
            for (var row = random.Next(1, 7); row > 0; row--)
            {
                var cells = kinds.ConvertAll(kind => random.Next(8) == 0 && kind != 0 ? (null, new Drawn("", IsName: false)) : CellOf(kind, random));
                // A record of nothing has no lines.
                if (cells.TrueForAll(cell => cell.Item2.Text.Length == 0)) cells[0] = CellOf(kinds[0], random);
                listing.Add([.. cells.Select(cell => cell.Item1)]);
                rows.Add(cells.ConvertAll(cell => cell.Item2));
            }

            return new Scene(listing, titles, rows);
        }

        private static Column ColumnOf(int kind, (string Text, bool IsExtra) title)
        {
            var column = kind is 3 or 4 ? Column.Id(title.Text) : title.Text;
            return title.IsExtra ? column.Extra() : column;
        }

        private static (object?, Drawn) CellOf(int kind, Random random)
        {
            switch (kind)
            {
                case 0:
                    var name = $"silver/{string.Concat(Enumerable.Range(0, random.Next(1, 60)).Select(_ => random.Next(20) == 0 ? '注' : (char)random.Next('a', 'z' + 1)))}";
                    return (name, new Drawn(name, IsName: true));
                case 1:
                    var rows = random.NextInt64(long.MaxValue) >> random.Next(63);
                    return (rows, new Drawn(rows.ToString("#,0", CultureInfo.InvariantCulture), IsName: false));
                case 2:
                    var amount = new SqlDecimal(random.NextInt64(1_000_000_000_000) / 100m);
                    return (amount, new Drawn(amount.ToString(), IsName: false));
                case 3:
                    var version = random.NextInt64(1_000_000);
                    return (version, new Drawn(version.ToString(CultureInfo.InvariantCulture), IsName: false));
                case 4:
                    var id = new Guid(Enumerable.Range(0, 16).Select(_ => (byte)random.Next(256)).ToArray()).ToString();
                    return (id, new Drawn(id, IsName: false));
                case 5:
                    var at = DateTimeOffset.UnixEpoch.AddSeconds(random.Next()).ToOffset(TimeSpan.FromHours(random.Next(-12, 13)));
                    return (at, new Drawn(at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture), IsName: false));
                default:
                    var sentence = string.Join(' ', Enumerable.Range(0, random.Next(2, 30)).Select(_ => Words[random.Next(Words.Length)]));
                    return (sentence, new Drawn(sentence, IsName: false));
            }
        }
    }
}
