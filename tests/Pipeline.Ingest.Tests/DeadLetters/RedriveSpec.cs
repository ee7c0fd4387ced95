using Pipeline.Core;
using Pipeline.Delta.Maintenance;
using Pipeline.Delta.Parquet;
using Pipeline.Emulation.Kafka;
using Pipeline.Ingest.DeadLetters;
using Pipeline.Sources.Kafka;

namespace Pipeline.Ingest.Tests.DeadLetters;

/// <summary>What becomes of dead letters that are decoded again.</summary>
public sealed class RedriveSpec : IDisposable
{
    private const string Row = "_partition || ':' || _offset || ':' || value || ':' || coalesce(_redriven_from, '-')";

    private readonly LetterLake _lake = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task What_can_be_decoded_now_enters_once_and_marked_and_the_rest_stays_with_its_reason()
    {
        await _lake.AppendAsync(LetterLake.Letter(0, "{}"u8.ToArray()));
        await _lake.DieAsync(LetterLake.Letter(1, "{\"n\":1}"u8.ToArray()), LetterLake.Letter(2, [0xFF, 0xFE], "invalid_utf8"), LetterLake.Letter(3, "{\"n\":3}"u8.ToArray()));

        var first = await _lake.RedriveAsync();
        var second = await _lake.RedriveAsync();

        Assert.Equal([$"0:0:{{}}:-", $"0:1:{{\"n\":1}}:{LetterLake.Split}", $"0:3:{{\"n\":3}}:{LetterLake.Split}"], (await _lake.RowsAsync(Row)).Order(StringComparer.Ordinal));
        var stays = new RedriveLine(RedriveOutcome.Undecodable, "invalid_utf8", 1, SplitId.Parse(LetterLake.Split), 2, new RecordRejected("invalid_utf8", "the value is not UTF-8"));
        Assert.Equal([new RedriveLine(RedriveOutcome.Redriven, "too_large", 2, SplitId.Parse(LetterLake.Split), 1, null), stays], first.Lines);
        Assert.Equal([new RedriveLine(RedriveOutcome.InTable, "too_large", 2, SplitId.Parse(LetterLake.Split), 1, null), stays], second.Lines);
    }

    [Fact]
    public async Task A_re_driven_row_is_what_reading_the_record_would_have_given()
    {
        var letter = LetterLake.Letter(0, "{\"n\":1}"u8.ToArray(), key: "k"u8.ToArray(), headers: """{"trace":"1"}""");
        await _lake.DieAsync(letter, LetterLake.Letter(1, value: null, "invalid_key", key: []));

        await _lake.RedriveAsync();

        Assert.Equal(["""0|0|1772452800000000|k|{"trace":"1"}|{"n":1}|c|0""", "0|1|1772452801000000|||NULL|c|1"],
            (await _lake.RowsAsync("concat_ws('|', _partition, _offset, epoch_us(_timestamp), _key, coalesce(_headers, ''), coalesce(value, 'NULL'), _op, _position)")).Order(StringComparer.Ordinal));
        Assert.Equal(["0"], await _lake.RowsAsync("sum(CAST(_ingested_at IS NULL AS INTEGER))"));
    }

    [Fact]
    public async Task The_table_s_history_tells_of_a_redrive_and_no_split_moves()
    {
        await _lake.DieAsync(LetterLake.Letter(4, "{}"u8.ToArray()), LetterLake.Letter(6, "{}"u8.ToArray()));

        await _lake.RedriveAsync(selection: new LetterSelection(Code: "too_large", Split: "0", Position: 4));

        var table = await _lake.ClicksAsync();
        var info = (await table.HistoryAsync(Cancel).FirstAsync(Cancel)).Info!;
        Assert.Equal(Redrive.Operation, info.Operation);
        Assert.Equal(("too_large", "0", "4"), (Parameter("code"), Parameter("split"), Parameter("position")));
        Assert.Equal("1", info.OperationMetrics!["numOutputRows"]);
        Assert.Equal((7, 1), (table.Current.Position(LetterLake.Split), table.Current.Position(Redrive.AppId)));
        Assert.Equal(["4"], await _lake.RowsAsync("_offset"));

        string Parameter(string name) => info.OperationParameters[name].Trim('"');
    }

    [Fact]
    public async Task Only_the_selected_letters_are_decoded()
    {
        await _lake.DieAsync(LetterLake.Letter(1, "{}"u8.ToArray()), LetterLake.Letter(2, "{}"u8.ToArray(), "invalid_utf8"), LetterLake.Letter(3, "{}"u8.ToArray(), split: "events/clicks/11"));

        Assert.Equal(1, (await _lake.RedriveAsync(selection: new LetterSelection(Code: "invalid_utf8"))).Letters(RedriveOutcome.Redriven));
        Assert.Empty((await _lake.RedriveAsync(selection: new LetterSelection(Split: "1"))).Lines);
        Assert.Equal(1, (await _lake.RedriveAsync(selection: new LetterSelection(Split: "clicks/11"))).Letters(RedriveOutcome.Redriven));
        Assert.Equal(1, (await _lake.RedriveAsync()).Letters(RedriveOutcome.Redriven));
    }

    [Fact]
    public async Task A_dry_run_says_the_same_and_writes_nothing()
    {
        await _lake.DieAsync(LetterLake.Letter(1, "{}"u8.ToArray()), LetterLake.Letter(2, [0xFF], "invalid_utf8"));
        var (version, files) = ((await _lake.ClicksAsync()).Current.Version, Files());

        var told = await _lake.RedriveAsync(isDryRun: true);

        Assert.Equal((version, files), ((await _lake.ClicksAsync()).Current.Version, Files()));
        Assert.Equal((await _lake.RedriveAsync()).Lines, told.Lines);
    }

    [Fact]
    public async Task An_oversized_record_enters_when_the_limit_is_raised()
    {
        await _lake.DieAsync(LetterLake.Letter(0, new byte[5000].Select(_ => (byte)'x').ToArray()), LetterLake.Letter(1, new byte[50_000].Select(_ => (byte)'y').ToArray()));

        var raised = await _lake.RedriveAsync(LetterLake.Table(recordBytesMax: 10_000));
        var raisedAgain = await _lake.RedriveAsync(LetterLake.Table(recordBytesMax: 100_000));

        Assert.Equal("key and value have 50,000 bytes; record-bytes-max is 10000", raised.Lines.Single(line => line.Outcome == RedriveOutcome.Undecodable).Rejection!.Reason);
        Assert.Equal((1, 1, 1), (raised.Letters(RedriveOutcome.Redriven), raisedAgain.Letters(RedriveOutcome.Redriven), raisedAgain.Letters(RedriveOutcome.InTable)));
        Assert.Equal(["50000", "5000"], (await _lake.RowsAsync("strlen(value)")).OrderDescending(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_record_enters_when_the_registry_has_its_schema()
    {
        await using var registry = await EmbeddedSchemaRegistry.StartAsync();
        var avro = LetterLake.Table(format: KafkaFormat.Avro);
        // A topic that was configured as text at first.
        await _lake.DieAsync(LetterLake.Letter(0, [0, 0, 0, 0, 7, 2, (byte)'a'], "unknown_schema"), LetterLake.Letter(1, [0, 0, 0, 0, 200, 2, 0xFF], "invalid_utf8"));

        var before = await _lake.RedriveAsync(avro, registry: registry.Url);
        registry.Register(7, "clicks-value", """{ "type": "record", "name": "Click", "fields": [ { "name": "name", "type": "string" } ] }""");
        var after = await _lake.RedriveAsync(avro, registry: registry.Url);

        Assert.Equal(2, before.Letters(RedriveOutcome.Undecodable));
        Assert.Equal((1, 1), (after.Letters(RedriveOutcome.Redriven), after.Letters(RedriveOutcome.Undecodable)));
        Assert.Equal(["""{"name":"a"}:7"""], await _lake.RowsAsync("value || ':' || _schema_id"));
    }

    [Fact]
    public async Task A_registry_that_is_down_is_an_error_and_nothing_is_decided()
    {
        await using var registry = await EmbeddedSchemaRegistry.StartAsync();
        await _lake.DieAsync(LetterLake.Letter(0, [0, 0, 0, 0, 7, 2, (byte)'a'], "unknown_schema"));
        registry.FailNext(503);

        var refusal = await Assert.ThrowsAsync<PipelineException>(() => _lake.RedriveAsync(LetterLake.Table(format: KafkaFormat.Avro), registry: registry.Url));

        Assert.Equal(FaultKind.Unreachable, refusal.Kind);
        Assert.Empty(await _lake.RowsAsync("_offset"));
    }

    [Fact]
    public async Task A_format_whose_rows_the_table_does_not_take_is_refused_before_anything_is_written()
    {
        await _lake.DieAsync(LetterLake.Letter(0, [0xFF], "invalid_utf8"));
        var files = Files();

        var refusal = await Assert.ThrowsAsync<PipelineException>(() => _lake.RedriveAsync(LetterLake.Table(format: KafkaFormat.Bytes)));

        Assert.Contains("column value is string, not binary", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(files, Files());
    }

    [Fact]
    public async Task A_record_that_the_table_may_still_read_waits_until_it_has_been_passed()
    {
        await _lake.AppendAsync(LetterLake.Letter(0, "{}"u8.ToArray()));
        await _lake.DieAsync(isReached: false, LetterLake.Letter(1, "{}"u8.ToArray()), LetterLake.Letter(2, "{}"u8.ToArray()));
        // The crash came between the two commits, and the limit was raised before the restart: offset 1 is read as a row.
        var early = await _lake.RedriveAsync();
        await _lake.AppendAsync(LetterLake.Letter(1, "{}"u8.ToArray()));
        await _lake.PassAsync(new Dictionary<string, long>(StringComparer.Ordinal) { [LetterLake.Split] = 3 });

        var late = await _lake.RedriveAsync();

        Assert.Equal(2, early.Letters(RedriveOutcome.NotReached));
        Assert.Equal((1, 1), (late.Letters(RedriveOutcome.InTable), late.Letters(RedriveOutcome.Redriven)));
        Assert.Equal(["0:-", "1:-", $"2:{LetterLake.Split}"], (await _lake.RowsAsync("_offset || ':' || coalesce(_redriven_from, '-')")).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_record_of_a_topic_that_was_made_again_is_another_record()
    {
        var old = LetterLake.Letter(0, "{\"old\":1}"u8.ToArray(), split: "events/clicks@A/0");
        await _lake.DieAsync(old);
        await _lake.AppendAsync(LetterLake.Letter(0, "{}"u8.ToArray(), split: "events/clicks@B/0"), at: old.Timestamp!.Value.AddDays(1));

        Assert.Equal(1, (await _lake.RedriveAsync()).Letters(RedriveOutcome.Redriven));
        Assert.Equal(2, (await _lake.RowsAsync("_offset")).Count);
    }

    [Fact]
    public async Task Compaction_keeps_the_mark_and_with_it_the_promise()
    {
        await _lake.AppendAsync(LetterLake.Letter(0, "{}"u8.ToArray()));
        await _lake.DieAsync(LetterLake.Letter(1, "{}"u8.ToArray()));
        await _lake.AppendAsync(LetterLake.Letter(2, "{}"u8.ToArray()));
        await _lake.DieAsync(LetterLake.Letter(3, "{}"u8.ToArray()));
        await _lake.RedriveAsync(selection: new LetterSelection(Position: 1));
        await _lake.RedriveAsync(selection: new LetterSelection(Position: 3));

        foreach (var id in new[] { LetterLake.Clicks, LetterLake.Dead })
            await Compaction.RunAsync((await _lake.Lake.TryOpenAsync(id, Cancel))!, new CompactionOptions(new DataFileOptions()), Cancel);
        var again = await _lake.RedriveAsync();

        Assert.Equal(2, again.Letters(RedriveOutcome.InTable));
        Assert.Equal(["0:-", $"1:{LetterLake.Split}", "2:-", $"3:{LetterLake.Split}"],
            (await _lake.RowsAsync("_offset || ':' || coalesce(_redriven_from, '-')")).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_table_without_letters_or_without_a_lake_is_told_apart()
    {
        var missing = await Assert.ThrowsAsync<PipelineException>(() => _lake.RedriveAsync());
        await _lake.AppendAsync(LetterLake.Letter(0, "{}"u8.ToArray()));

        Assert.Equal(FaultKind.Missing, missing.Kind);
        Assert.Empty((await _lake.RedriveAsync()).Lines);
    }

    private int Files() => Directory.GetFiles(_lake.Root, "*.parquet", SearchOption.AllDirectories).Length;
}
