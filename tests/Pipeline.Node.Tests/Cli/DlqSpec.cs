using System.Text;
using Pipeline.Ingest.DeadLetters;
using Pipeline.Node.Cli;

namespace Pipeline.Node.Tests.Cli;

/// <summary>The verbs about dead letters, on a lake that a real node has filled.</summary>
public sealed class DlqSpec(LetterScene scene) : IClassFixture<LetterScene>
{
    private const string Table = LetterScene.Table;

    [Fact]
    public async Task List_counts_by_table_and_code_what_is_dead_and_what_was_re_driven()
    {
        var (lake, config) = await scene.CopyAsync();
        await NodeRun.OfAsync("dlq", "redrive", Table, "--position", "3", "--config", config, "--lake", lake);

        var run = await NodeRun.OfAsync("dlq", "list", "--lake", lake, "-o", "json");
        var people = await NodeRun.OfAsync("dlq", "list", "--source", "events", "--table", Table, "--lake", lake);

        Assert.Equal(ExitCode.Done, run.ExitCode);
        var lines = run.Rows;
        Assert.Equal([(Table, "invalid_utf8", 1, 0), (Table, "too_large", 2, 1)],
            lines.Select(line => ((string)line!["table"]!, (string)line["code"]!, (int)line["letters"]!, (int)line["redriven"]!)));
        Assert.All(lines, line => Assert.True((DateTimeOffset)line!["oldest"]! <= (DateTimeOffset)line["newest"]!));
        Assert.InRange((DateTimeOffset)lines[0]!["newest"]!, TimeProvider.System.GetUtcNow().AddHours(-1), TimeProvider.System.GetUtcNow());
        Assert.Matches(@"bronze/events/clicks\s+too_large\s+2", people.Data);
    }

    [Fact]
    public async Task Show_tells_position_reason_and_headers_and_gives_the_bytes_as_they_came()
    {
        var (lake, config) = await scene.CopyAsync();
        await NodeRun.OfAsync("dlq", "redrive", Table, "--position", "3", "--config", config, "--lake", lake);

        var run = await NodeRun.OfAsync("dlq", "show", "events", "--lake", lake, "-o", "json");

        var letters = run.Rows;
        Assert.Equal([1, 2, 3], letters.Select(letter => (int)letter!["position"]!));
        Assert.Equal([false, false, true], letters.Select(letter => (bool)letter!["redriven"]!));
        Assert.Equal(Encoding.UTF8.GetBytes(LetterScene.Payload), Convert.FromBase64String((string)letters[0]!["value_base64"]!));
        Assert.Equal("k1"u8, Convert.FromBase64String((string)letters[0]!["key_base64"]!));
        var broken = letters[1]!;
        Assert.Equal((Table, "invalid_utf8", "the value is not UTF-8", """{"trace":"t"}"""),
            ((string)broken["table"]!, (string)broken["code"]!, (string)broken["reason"]!, broken["headers"]!.ToJsonString()));
        Assert.StartsWith("events/clicks", (string)broken["split"]!, StringComparison.Ordinal);
        Assert.Null(broken["key_base64"]);
        Assert.NotNull((string?)broken["record_at"]);
    }

    [Fact]
    public async Task Show_selects_and_escapes_what_is_no_text()
    {
        var (lake, _) = await scene.CopyAsync();

        var broken = await NodeRun.OfAsync("dlq", "show", Table, "--code", "invalid_utf8", "--split", "0", "--lake", lake);
        var one = await NodeRun.OfAsync("dlq", "show", Table, "--limit", "1", "--lake", lake, "-o", "json");
        var none = await NodeRun.OfAsync("dlq", "show", Table, "--position", "77", "--lake", lake, "-o", "json");

        Assert.Contains(@"{\xC3(\n", broken.Data, StringComparison.Ordinal);
        Assert.DoesNotContain("Ada", broken.Data, StringComparison.Ordinal);
        Assert.Equal(1, (int)Assert.Single(one.Rows)!["position"]!);
        Assert.Equal((0, "There are no such dead letters.\n"), (none.Rows.Count, none.Messages));
    }

    [Fact]
    public async Task Redrive_enters_what_can_be_decoded_now_once_and_says_what_stays_and_verify_agrees()
    {
        var (lake, config) = await scene.CopyAsync();

        var dry = await NodeRun.OfAsync("dlq", "redrive", Table, "--dry-run", "--config", config, "--lake", lake, "-o", "json");
        var first = await NodeRun.OfAsync("dlq", "redrive", Table, "--config", config, "--lake", lake, "-o", "json");
        var second = await NodeRun.OfAsync("dlq", "redrive", Table, "--config", config, "--lake", lake, "-o", "json");
        var verified = await NodeRun.OfAsync("verify", "--config", config, "--lake", lake);
        var history = await NodeRun.OfAsync("history", Table, "--limit", "1", "--lake", lake);
        var shown = await NodeRun.OfAsync("show", Table, "--lake", lake, "-o", "json");

        Assert.Equal([("would_enter", "too_large", 2), ("stays", "invalid_utf8", 1)], Lines(dry));
        Assert.Equal([("entered", "too_large", 2), ("stays", "invalid_utf8", 1)], Lines(first));
        Assert.Equal([("already_there", "too_large", 2), ("stays", "invalid_utf8", 1)], Lines(second));
        Assert.Equal("invalid_utf8", (string?)first.Rows.Single(line => (string?)line!["outcome"] == "stays")!["rejected_as"]);
        Assert.Equal((ExitCode.Failed, ExitCode.Done), (first.ExitCode, verified.ExitCode));
        Assert.Contains("2 rows, each once and with its dead letter", verified.Data, StringComparison.Ordinal);
        Assert.Contains("4 records, none twice, none missing", verified.Data, StringComparison.Ordinal);
        Assert.Contains(Redrive.Operation, history.Data, StringComparison.Ordinal);
        Assert.Equal([0, 1, 3, 4], shown.Rows.Select(row => (int)row!["_offset"]!).Order());
        foreach (var run in new[] { dry, first, second })
            Assert.DoesNotContain("Ada", run.Data + run.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redrive_of_what_can_all_be_decoded_is_done_and_without_letters_there_is_nothing_to_do()
    {
        var (lake, config) = await scene.CopyAsync();

        var all = await NodeRun.OfAsync("dlq", "redrive", Table, "--code", "too_large", "--config", config, "--lake", lake);
        var nothing = await NodeRun.OfAsync("dlq", "redrive", Table, "--code", "unknown_schema", "--config", config, "--lake", lake, "-o", "json");

        Assert.Equal(ExitCode.Done, all.ExitCode);
        Assert.Matches(@"entered\s+too_large\s+2", all.Data);
        Assert.Equal((ExitCode.Done, 0, $"There is nothing to re-drive: {Table} has no such dead letters.\n"), (nothing.ExitCode, nothing.Rows.Count, nothing.Messages));
    }

    [Theory]
    [InlineData("the lake {0} has no such table", "dlq", "list", "--table", "bronze/events/clacks")]
    [InlineData("the lake {0} has no tables of it. See 'pipeline tables' for those it has. Did you mean 'events'?", "dlq", "list", "--source", "event")]
    [InlineData("the lake {0} has no such table", "dlq", "show", "bronze/events/clacks")]
    [InlineData("only tables of Bronze have dead letters", "dlq", "show", "clicks/0")]
    [InlineData("no configured source that can decode dead letters feeds it", "dlq", "redrive", "bronze/events/clacks")]
    [InlineData("no configured source that can decode dead letters feeds it", "dlq", "redrive", "silver/clicks")]
    public async Task What_does_not_exist_is_told_with_the_next_step(string cause, params string[] args)
    {
        var (lake, config) = await scene.CopyAsync();

        var run = await NodeRun.OfAsync([.. args, "--config", config, "--lake", lake]);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains(string.Format(System.Globalization.CultureInfo.InvariantCulture, cause, lake), run.Messages, StringComparison.Ordinal);
        Assert.Empty(run.Data);
    }

    [Fact]
    public async Task A_lake_without_dead_letters_says_so()
    {
        using var empty = new LakeFixture();

        var run = await NodeRun.OfAsync("dlq", "list", "--lake", empty.Directory, "-o", "json");

        Assert.Equal((ExitCode.Done, 0, "There are no dead letters.\n"), (run.ExitCode, run.Rows.Count, run.Messages));
    }

    private static IEnumerable<(string, string, int)> Lines(NodeRun run) =>
        run.Rows.Select(line => ((string)line!["outcome"]!, (string)line["code"]!, (int)line["letters"]!));
}
