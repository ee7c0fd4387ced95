using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Emulation.Kafka;
using Pipeline.Sources.Kafka.Decoding;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>Topics of change events: what each becomes as a row.</summary>
public sealed class KafkaDebeziumSpec : KafkaSpec
{
    private const string Key = """{"id":7}""";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Every_operation_is_a_row_of_what_it_is_about_with_and_without_its_schema_beside_it(bool hasSchema)
    {
        (string? Key, string? Value)[] events =
        [
            (Key, """{"before":null,"after":{"id":7,"n":"a"},"source":{"ts_ms":1},"op":"r","ts_ms":2}"""),
            (Key, """{"op":"u", "after": { "id":7, "n":"b\u00fc", "at":1.50 } ,"before":{"id":7,"n":"a"},"transaction":null}"""),
            (Key, """{"before":{"id":7,"n":"b"},"after":null,"op":"d"}"""),
            (Key, null),
            ("""{"id":8}""", """{"before":null,"after":{"id":8,"after":{"op":"x"}},"op":"c"}"""),
            ("""{"id":8}""", """{"before":null,"after":null,"op":"d"}"""),
            (null, """{"source":{"table":"t"},"op":"t","ts_ms":9}"""),
        ];
        if (hasSchema) events = [.. events.Select(one => (Wrapped(one.Key), Wrapped(one.Value)))];

        var (rows, letters) = await ReadAsync(events);

        Assert.Equal(
        [
            new Row("r", Key, """{"id":7,"n":"a"}"""),
            new Row("u", Key, """{ "id":7, "n":"b\u00fc", "at":1.50 }""", """{"id":7,"n":"a"}"""),
            new Row("d", Key, """{"id":7,"n":"b"}""", """{"id":7,"n":"b"}"""),
            new Row("d", Key, Key),
            new Row("c", """{"id":8}""", """{"id":8,"after":{"op":"x"}}"""),
            new Row("d", """{"id":8}""", """{"id":8}"""),
            new Row("t", null, null),
        ], rows);
        Assert.Empty(letters);
    }

    [Theory]
    [InlineData(Key, """{"after":{"id":7},"op":"c" """, "invalid_envelope", "not JSON at line 1")]
    [InlineData(Key, """{"after":{"id":7},"op":"c"} x""", "invalid_envelope", "not JSON at line 1")]
    [InlineData(Key, "", "invalid_envelope", "not JSON at line 1")]
    [InlineData(Key, "[1]", "invalid_envelope", "no object with op")]
    [InlineData(Key, "\"c\"", "invalid_envelope", "no object with op")]
    [InlineData(Key, """{"id":7,"__deleted":"false"}""", "invalid_envelope", "envelope = tombstone")]
    [InlineData(Key, """{"op":"m","message":{}}""", "invalid_envelope", "op is not one of")]
    [InlineData(Key, """{"op":1,"after":{}}""", "invalid_envelope", "op is not one of")]
    [InlineData(Key, """{"op":"c","after":null}""", "invalid_envelope", "op is c and its after is no object")]
    [InlineData(Key, """{"op":"u","after":"{}"}""", "invalid_envelope", "op is u and its after is no object")]
    [InlineData(Key, """{"op":"d","before":"secret"}""", "invalid_envelope", "before is no object")]
    [InlineData(null, """{"op":"d","before":null}""", "invalid_envelope", "neither before nor the key")]
    [InlineData(null, null, "invalid_envelope", "neither a value nor a key")]
    [InlineData("7x", """{"op":"c","after":{"id":7}}""", "invalid_key", "not JSON at line 1")]
    public async Task What_is_no_change_is_a_dead_letter_that_says_why_and_its_neighbours_flow(string? key, string? value, string code, string reason)
    {
        var (rows, letters) = await ReadAsync([(Key, """{"op":"c","after":{"id":1}}"""), (key, value), (Key, """{"op":"c","after":{"id":2}}""")]);

        Assert.Equal(["""{"id":1}""", """{"id":2}"""], rows.Select(row => row.Value));
        var letter = Assert.Single(letters);
        Assert.Equal(code, letter.Code);
        Assert.Contains(reason, letter.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", letter.Reason, StringComparison.Ordinal);
        Assert.Equal(value is null ? null : ReadRecords.Utf8(value), letter.Value);
    }

    [Fact]
    public async Task A_value_that_the_log_does_not_carry_is_told_from_one_that_is_null()
    {
        const string missing = "__debezium_unavailable_value";
        var bytes = Convert.ToBase64String(ReadRecords.Utf8(missing));
        var (rows, _) = await ReadAsync(
        [
            (Key, $$"""{"op":"u","after":{"id":7,"text":"{{missing}}","note":null,"raw":"{{bytes}}","items":["{{missing}}"],"map":{"{{missing}}":"{{missing}}"},"a name":1,"list":[],"deep":{"x":["{{missing}}"]} } }"""),
            (Key, $$"""{"op":"u","after":{"id":7,"text":"not {{missing}}"} }"""),
        ]);

        Assert.Equal(["id,note,a_name,list,deep", null], rows.Select(row => row.Changed));
    }

    [Fact]
    public async Task A_value_that_the_log_does_not_carry_is_known_in_the_form_of_each_type()
    {
        const string missing = "__debezium_unavailable_value";
        var bytes = ReadRecords.Utf8(missing);
        var (numbers, hex, base64) = (string.Join(',', bytes), Convert.ToHexStringLower(bytes), Convert.ToBase64String(bytes));
        string[] unknown =
        [
            $"[{numbers}]", $"[{string.Join(", ", bytes)}]", $"[ {string.Join(" , ", bytes.Select(one => $"{one}.0"))} ]", "[\"b68a35a7-17ad-35b3-af2a-ae46edb4545a\"]", $"\"{hex}\"", $"[\"{hex}\"]",
            $"\"{base64.TrimEnd('=')}\"", $"[\"{base64}\"]", $"\"{base64.Replace("=", "\\u003d", StringComparison.Ordinal)}\"", $$"""{"{{missing}}":"{{missing}}"}""", $"\"{{\\\"{missing}\\\":\\\"{missing}\\\"}}\"",
        ];
        string[] known =
        [
            $"[{numbers},1]", $"[{string.Join(',', bytes[..^1])}]", $"[[{numbers}]]", "[95]", "[]", "[\"95\"]", $"\"{numbers}\"", "[\"b68a35a7-17ad-35b3-af2a-ae46edb4545b\"]", $"\"{hex}00\"",
            $"[\"{missing}\",\"x\"]", $$"""{"{{missing}}":"x"}""", $$"""{"a":"{{missing}}"}""", $$"""{"{{missing}}":"{{missing}}","a":1}""", "{}", "null",
        ];

        var (rows, letters) = await ReadAsync([.. unknown.Concat(known).Select(value => ((string?)Key, (string?)$$"""{"op":"u","after":{"id":7,"v":{{value}} } }"""))]);

        Assert.Empty(letters);
        Assert.Equal([.. unknown.Select(value => $"{value} id"), .. known.Select(value => $"{value} ")], rows.Zip(unknown.Concat(known), (row, value) => $"{value} {row.Changed}"));
    }

    [Theory]
    [InlineData(KafkaKeyFormat.Text, "7", """{"op":"d","before":null}""", "7", null)]
    [InlineData(KafkaKeyFormat.Text, """{"schema":{"type":"int64"},"payload":7}""", """{"op":"d","before":null}""", "7", null)]
    [InlineData(KafkaKeyFormat.Json, "\"a\"", null, "\"a\"", null)]
    [InlineData(KafkaKeyFormat.Bytes, Key, null, "7B226964223A377D", null)]
    public async Task A_key_without_members_deletes_by_itself(KafkaKeyFormat format, string key, string? value, string text, string? row)
    {
        var (rows, letters) = await ReadAsync([(key, value)], table => table with { KeyFormat = format });

        Assert.Equal([new Row("d", text, row)], rows);
        Assert.Empty(letters);
    }

    [Fact]
    public async Task Events_in_Avro_are_the_same_rows_with_their_keys()
    {
        const string row = """{"type":"record","name":"Value","fields":[{"name":"id","type":"long"},{"name":"n","type":["null","string"]}]}""";
        await using var registry = await EmbeddedSchemaRegistry.StartAsync();
        registry.Register(1, "users-key", """{"type":"record","name":"Key","fields":[{"name":"id","type":"long"}]}""");
        registry.Register(2, "users-value", $$"""{"type":"record","name":"Envelope","fields":[{"name":"before","type":["null",{{row}}]},{"name":"after","type":["null","Value"]},{"name":"op","type":"string"}]}""");
        await using var fixture = new KafkaFixture(partitions: 1);
        byte[] key = [0, 0, 0, 0, 1, 14], ada = [14, 2, 6, .. "Ada"u8];
        await fixture.ProduceAsync(0, [0, 0, 0, 0, 2, 0, 2, .. ada, 2, (byte)'c'], key);
        await fixture.ProduceAsync(0, [0, 0, 0, 0, 2, 2, .. ada, 0, 2, (byte)'d'], key);
        await fixture.ProduceAsync(0, null, key);
        await fixture.ProduceAsync(0, null, [0, 0, 0, 0, 9, 14]);
        await fixture.ProduceAsync(0, null, [1, 2]);
        var options = KafkaFixture.Options(fixture.Kafka.Bootstrap);
        options = options with
        {
            Registry = new SchemaRegistryOptions { Url = registry.Url },
            Tables = [options.Tables[0] with { Format = KafkaFormat.Avro, KeyFormat = KafkaKeyFormat.Avro, Envelope = KafkaEnvelope.Debezium }],
        };
        await using var source = fixture.Open(options);

        var (rows, letters) = await ReadAsync(source, 5);

        Assert.Equal([new Row("c", Key, """{"id":7,"n":"Ada"}"""), new Row("d", Key, """{"id":7,"n":"Ada"}""", """{"id":7,"n":"Ada"}"""), new Row("d", Key, Key)], rows);
        Assert.Equal(["unknown_schema", "invalid_key"], letters.Select(letter => letter.Code));
        Assert.Equal(["_partition", "_offset", "_timestamp", "_key", "_headers", "value", "_before", "_changed", "_schema_id", "_op", "_position"],
            (await source.DescribeAsync("user_events", Deadline)).FieldsList.Select(field => field.Name));
    }

    private static string? Wrapped(string? json) => json is null ? null : $$"""{ "schema":{"type":"struct","fields":[{"field":"payload"}],"name":"op"}, "payload": {{json}} }""";

    private async Task<(IReadOnlyList<Row> Rows, IReadOnlyList<ReadDeadLetter> Letters)> ReadAsync((string? Key, string? Value)[] events, Func<KafkaTableOptions, KafkaTableOptions>? with = null)
    {
        await using var fixture = new KafkaFixture(partitions: 1);
        foreach (var (key, value) in events) await fixture.ProduceAsync(0, value is null ? null : ReadRecords.Utf8(value), key is null ? null : ReadRecords.Utf8(key));
        var options = KafkaFixture.Options(fixture.Kafka.Bootstrap);
        var table = options.Tables[0] with { Envelope = KafkaEnvelope.Debezium, KeyFormat = KafkaKeyFormat.Json };
        await using var source = fixture.Open(options with { Tables = [with?.Invoke(table) ?? table] });
        return await ReadAsync(source, events.Length);
    }

    private async Task<(IReadOnlyList<Row> Rows, IReadOnlyList<ReadDeadLetter> Letters)> ReadAsync(ISource source, int count)
    {
        var (rows, read) = (new List<Row>(), new ReadRecords());
        await foreach (var chunk in source.ReadAsync(await ReadRecords.BeginningAsync(source, Deadline), Deadline))
        {
            using (chunk)
            {
                read.Take(chunk);
                for (var row = 0; row < chunk.RowCount; row++) rows.Add(new Row(Text("_op", row)!, Text("_key", row), Text("value", row), Text("_before", row), Text("_changed", row)));

                string? Text(string column, int row) => ((StringArray)chunk.Rows!.Column(column)).GetString(row);
            }

            if (rows.Count + read.DeadLetters.Count >= count) break;
        }

        return (rows, read.DeadLetters);
    }

    private sealed record Row(string Op, string? Key, string? Value, string? Before = null, string? Changed = null);
}
