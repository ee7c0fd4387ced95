using Confluent.Kafka;
using Pipeline.Core;
using Pipeline.Sources.Kafka.Client;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>What becomes of each kind of record.</summary>
public sealed class KafkaRecordSpec : KafkaSpec
{
    [Fact]
    public async Task Keeps_key_headers_timestamp_offset_and_value()
    {
        await using var fixture = new KafkaFixture(partitions: 2);
        var at = new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero);
        await fixture.ProduceAsync(1, ReadRecords.Utf8("first"), timestamp: new Timestamp(at));
        await fixture.ProduceAsync(1, ReadRecords.Utf8("{\"ü\":\"😀\"}"), ReadRecords.Utf8("clé"),
            new Headers { { "trace", "1-\"2\""u8.ToArray() }, { "raw", [0xFF, 0x00] }, { "none", null }, { "trace", "again"u8.ToArray() } }, new Timestamp(at));
        await using var source = fixture.Open();

        var read = await ReadRecords.ReadAsync(source, 2, Deadline);

        Assert.Equal(new ReadRecord(1, 0, at, null, null, "first", "c", 0), read.Records[0]);
        Assert.Equal(new ReadRecord(1, 1, at, "clé", """{"trace":["1-\"2\"","again"],"raw":{"base64":"/wA="},"none":null}""", "{\"ü\":\"😀\"}", "c", 1), read.Records[1]);
    }

    [Fact]
    public void The_client_in_use_is_the_one_whose_messages_are_described_here() => Assert.True(LibRdKafka.IsLayoutKnown);

    [Fact]
    public async Task Records_with_and_without_headers_are_told_apart_whatever_their_value()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        byte[]?[] values = [null, [], [0], ""u8.ToArray(), ReadRecords.Utf8(new string('x', 100_000))];
        foreach (var value in values)
            foreach (var headers in new Headers?[] { null, new Headers(), new Headers { { "", null } }, new Headers { { "a", [] } } })
                await fixture.ProduceAsync(0, value, headers: headers);
        await using var source = fixture.Open();

        var read = await ReadRecords.ReadAsync(source, values.Length * 4, Deadline);

        string?[] each = [null, null, """{"":null}""", """{"a":""}"""];
        Assert.Equal(Enumerable.Repeat(each, values.Length).SelectMany(all => all), read.Records.Select(record => record.Headers));
    }

    [Fact]
    public async Task Tombstones_and_empty_values_are_rows_too()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.ProduceAsync(0, null, ReadRecords.Utf8("gone"));
        await fixture.ProduceAsync(0, [], []);
        await using var source = fixture.Open();

        var read = await ReadRecords.ReadAsync(source, 2, Deadline);

        Assert.Equal([("gone", null, 0L), ("", "", 1L)], read.Records.Select(record => (record.Key, record.Value, record.Position)));
    }

    [Theory]
    [InlineData(KafkaKeyFormat.Long, "00000000000000FF", "255")]
    [InlineData(KafkaKeyFormat.Long, "8000000000000000", "-9223372036854775808")]
    [InlineData(KafkaKeyFormat.Long, "000000FF", null)]
    [InlineData(KafkaKeyFormat.Uuid, "6F9619FF8B86D011B42D00C04FC964FF", "6f9619ff-8b86-d011-b42d-00c04fc964ff")]
    [InlineData(KafkaKeyFormat.Uuid, "36663936", null)]
    [InlineData(KafkaKeyFormat.Bytes, "00FE7B", "00FE7B")]
    [InlineData(KafkaKeyFormat.Bytes, "", "")]
    [InlineData(KafkaKeyFormat.Text, "00FE", null)]
    [InlineData(KafkaKeyFormat.Json, "7B7D", "{}")]
    [InlineData(KafkaKeyFormat.Json, "FE", null)]
    public async Task A_key_is_text_by_its_format_and_one_that_is_not_of_it_is_a_dead_letter(KafkaKeyFormat format, string hex, string? text)
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        var key = Convert.FromHexString(hex);
        // A long key after a short one, and none at all.
        await fixture.ProduceAsync(0, ReadRecords.Utf8("{}"), key);
        await fixture.ProduceAsync(0, ReadRecords.Utf8("{}"));
        await fixture.ProduceAsync(0, ReadRecords.Utf8("{}"), key);
        var options = KafkaFixture.Options(fixture.Kafka.Bootstrap);
        await using var source = fixture.Open(options with { Tables = [options.Tables[0] with { KeyFormat = format }] });

        var read = await ReadRecords.ReadAsync(source, 3, Deadline);

        Assert.Equal(text is null ? [null] : [text, null, text], read.Records.Select(record => record.Key));
        Assert.All(read.DeadLetters, letter => Assert.Equal(("invalid_key", hex), (letter.Code, Convert.ToHexString(letter.Key!))));
        Assert.Equal(text is null ? 2 : 0, read.DeadLetters.Count);
    }

    [Fact]
    public async Task JSON_in_the_registrys_frame_is_its_text_and_the_number_of_its_schema()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        byte[]?[] values = [[0, 0, 0, 1, 2, .. "{\"a\":1}"u8], null, [0, 0, 0, 0, 7], "{\"a\":2}"u8.ToArray(), [0, 0, 0], [0, 0, 0, 0, 7, 0xFF]];
        foreach (var value in values) await fixture.ProduceAsync(0, value);
        var options = KafkaFixture.Options(fixture.Kafka.Bootstrap);
        options = options with { Tables = [options.Tables[0] with { Format = KafkaFormat.JsonSchema }] };
        await using var source = fixture.Open(options);
        await using var again = fixture.Open(options);

        var rows = await ReadRecords.RegisteredAsync(source, 3, Deadline);
        var read = await ReadRecords.ReadAsync(again, 6, Deadline);

        Assert.Equal([("{\"a\":1}", 258), (null, null), ("", 7)], rows);
        Assert.Equal([(3L, "invalid_wire_format"), (4L, "invalid_wire_format"), (5L, "invalid_utf8")], read.DeadLetters.Select(letter => (letter.Position, letter.Code)));
    }

    [Fact]
    public async Task A_key_that_is_longer_than_any_before_is_whole()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.ProduceAsync(0, ReadRecords.Utf8("{}"), [1]);
        await fixture.ProduceAsync(0, ReadRecords.Utf8("{}"), [.. Enumerable.Repeat((byte)0xAB, 1000)]);
        var options = KafkaFixture.Options(fixture.Kafka.Bootstrap);
        await using var source = fixture.Open(options with { Tables = [options.Tables[0] with { KeyFormat = KafkaKeyFormat.Bytes }] });

        var read = await ReadRecords.ReadAsync(source, 2, Deadline);

        Assert.Equal(["01", string.Concat(Enumerable.Repeat("AB", 1000))], read.Records.Select(record => record.Key));
    }

    [Theory]
    [InlineData(KafkaEnvelope.None, "c")]
    [InlineData(KafkaEnvelope.Tombstone, "d")]
    public async Task A_record_that_has_a_key_and_no_value_deletes_where_the_topic_says_so(KafkaEnvelope envelope, string operation)
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.ProduceAsync(0, ReadRecords.Utf8("{}"), ReadRecords.Utf8("a"));
        await fixture.ProduceAsync(0, null, ReadRecords.Utf8("a"));
        await fixture.ProduceAsync(0, null, ReadRecords.Utf8("b"));
        await fixture.ProduceAsync(0, (byte[]?)null);
        await fixture.ProduceAsync(0, [], ReadRecords.Utf8("c"));
        var options = KafkaFixture.Options(fixture.Kafka.Bootstrap);
        await using var source = fixture.Open(options with { Tables = [options.Tables[0] with { Envelope = envelope }] });

        var read = await ReadRecords.ReadAsync(source, 5, Deadline);

        Assert.Equal([("a", "c"), ("a", operation), ("b", operation), (null, "c"), ("c", "c")], read.Records.Select(record => (record.Key, record.Op)));
        Assert.Empty(read.DeadLetters);
    }

    [Fact]
    public async Task What_cannot_be_decoded_becomes_a_dead_letter_and_its_neighbours_flow()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        var at = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
        await fixture.ProduceAsync(0, "before");
        await fixture.ProduceAsync(0, [0x7B, 0xC3, 0x28], ReadRecords.Utf8("k"), new Headers { { "h", "v"u8.ToArray() } }, new Timestamp(at));
        await fixture.ProduceAsync(0, ReadRecords.Utf8("{}"), [0xFE]);
        await fixture.ProduceAsync(0, new string('x', 5000));
        await fixture.ProduceAsync(0, "after");
        var options = KafkaFixture.Options(fixture.Kafka.Bootstrap);
        await using var source = fixture.Open(options with { Tables = [options.Tables[0] with { RecordBytesMax = 4096 }] });

        var read = await ReadRecords.ReadAsync(source, 5, Deadline);

        Assert.Equal([("before", 0L), ("after", 4L)], read.Records.Select(record => (record.Value!, record.Position)));
        Assert.Equal([(1L, "invalid_utf8"), (2L, "invalid_key"), (3L, "too_large")], read.DeadLetters.Select(letter => (letter.Position, letter.Code)));
        var first = read.DeadLetters[0];
        Assert.Equal(("user_events", "events/user_events/0", """{"h":"v"}""", at), (first.Table, first.Split, first.Headers, first.Timestamp));
        Assert.Equal(ReadRecords.Utf8("k"), first.Key);
        Assert.Equal([0x7B, 0xC3, 0x28], first.Value!);
        Assert.Equal(5000, read.DeadLetters[2].Value!.Length);
        Assert.Equal(new PositionRange(0, 5), read.Ranges.Single().Value);
    }

    [Fact]
    public async Task Bytes_are_taken_as_they_are()
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.ProduceAsync(0, [0xC3, 0x28, 0x00]);
        var options = KafkaFixture.Options(fixture.Kafka.Bootstrap);
        await using var source = fixture.Open(options with { Tables = [options.Tables[0] with { Format = KafkaFormat.Bytes }] });

        var read = await ReadRecords.ReadAsync(source, 1, Deadline);

        Assert.Equal("C32800", read.Records.Single().Value);
    }
}
