using Pipeline.Core;
using Pipeline.Emulation.Kafka;
using Pipeline.Sources.Kafka.Decoding;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>Records whose schemas are in a registry.</summary>
public sealed class KafkaAvroSpec : KafkaSpec
{
    private const string Name = """{ "type": "record", "name": "Event", "fields": [ { "name": "name", "type": "string" } ] }""";
    private const string NameAndAge = """{ "type": "record", "name": "Event", "fields": [ { "name": "name", "type": "string" }, { "name": "age", "type": "int" } ] }""";

    [Fact]
    public async Task Reads_each_record_by_the_schema_it_was_written_with()
    {
        await using var registry = await EmbeddedSchemaRegistry.StartAsync();
        registry.Register(7, "events-value", Name);
        registry.Register(300, "events-value-2", NameAndAge);
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.ProduceAsync(0, Wire(7, 2, (byte)'a'));
        await fixture.ProduceAsync(0, Wire(300, 2, (byte)'b', 84));
        await fixture.ProduceAsync(0, null, ReadRecords.Utf8("k"));
        await fixture.ProduceAsync(0, Wire(7, 2, (byte)'c'));
        await using var source = Open(fixture, registry);

        var rows = await ReadRecords.RegisteredAsync(source, 4, Deadline);

        Assert.Equal([("""{"name":"a"}""", 7), ("""{"name":"b","age":42}""", 300), (null, null), ("""{"name":"c"}""", 7)], rows);
        Assert.Equal(1, registry.RequestsFor(7));
        Assert.Equal(["_partition", "_offset", "_timestamp", "_key", "_headers", "value", "_schema_id", "_op", "_position"],
            (await source.DescribeAsync("user_events", Deadline)).FieldsList.Select(field => field.Name));
    }

    [Fact]
    public async Task What_no_schema_explains_becomes_a_dead_letter()
    {
        await using var registry = await EmbeddedSchemaRegistry.StartAsync();
        registry.Register(7, "events-value", Name);
        registry.Register(8, "other-value", "syntax = \"proto3\";", schemaType: "PROTOBUF");
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.ProduceAsync(0, "{}");
        await fixture.ProduceAsync(0, Wire(99, 2, (byte)'a'));
        await fixture.ProduceAsync(0, Wire(99, 2, (byte)'a'));
        await fixture.ProduceAsync(0, Wire(8, 2, (byte)'a'));
        await fixture.ProduceAsync(0, Wire(7, 20, (byte)'a'));
        await fixture.ProduceAsync(0, Wire(7, 2, (byte)'a'));
        await using var source = Open(fixture, registry);

        var read = await ReadRecords.ReadAsync(source, 6, Deadline);

        Assert.Equal([(0L, "invalid_wire_format"), (1L, "unknown_schema"), (2L, "unknown_schema"), (3L, "unknown_schema"), (4L, "invalid_avro")],
            read.DeadLetters.Select(letter => (letter.Position, letter.Code)));
        Assert.Contains("PROTOBUF", read.DeadLetters[3].Reason, StringComparison.Ordinal);
        Assert.Equal(Wire(99, 2, (byte)'a'), read.DeadLetters[1].Value);
        Assert.Equal(5, read.Records.Single().Position);
        Assert.Equal(1, registry.RequestsFor(99));
    }

    [Theory]
    [InlineData(404, "text/html", "<html><h1>404 Not Found</h1><hr>nginx</html>")]
    [InlineData(403, "text/html", "<html><h1>Request blocked</h1></html>")]
    [InlineData(200, "text/html", "<html>Sign in</html>")]
    [InlineData(404, "application/json", """{"message":"no Route matched with those values"}""")]
    [InlineData(404, "application/json", "[]")]
    [InlineData(200, "application/json", "{}")]
    [InlineData(200, "application/json", "[1]")]
    [InlineData(200, "application/json", """{"schema":1}""")]
    [InlineData(200, "application/json", """{"schema":"\"string\"","schemaType":5}""")]
    [InlineData(200, "application/json", """{"schema":"\"string\"","references":{}}""")]
    [InlineData(200, "application/json", """{"schema":"\"string\"","references":[null]}""")]
    [InlineData(200, "application/json", """{"schema":"\"string\"","references":[{"name":"a","subject":"b","version":"1"}]}""")]
    [InlineData(200, "application/json", """{"schema":"\"string\"","references":[{"name":"a","subject":"b","version":1.5}]}""")]
    [InlineData(200, "application/json", """{"schema":"\ud800"}""")]
    [InlineData(200, "application/json", """{"schema":"\"stri""")]
    public async Task What_is_no_answer_of_a_registry_is_asked_again_and_says_nothing_of_the_schema(int status, string form, string body)
    {
        await using var registry = await EmbeddedSchemaRegistry.StartAsync();
        registry.Register(7, "events-value", Name);
        registry.AnswerNext(status, form, body);
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.ProduceAsync(0, Wire(7, 2, (byte)'a'));
        await using var source = Open(fixture, registry);

        var read = await ReadRecords.ReadAsync(source, 1, Deadline);

        Assert.Equal("""{"name":"a"}""", Assert.Single(read.Records).Value);
        Assert.Equal(2, registry.RequestsFor(7));
    }

    [Fact]
    public async Task References_that_are_null_are_none()
    {
        await using var registry = await EmbeddedSchemaRegistry.StartAsync();
        registry.AnswerNext(200, "application/json", """{"schema":"\"string\"","schemaType":null,"references":null}""");
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.ProduceAsync(0, Wire(7, 2, (byte)'a'));
        await using var source = Open(fixture, registry);

        Assert.Equal("\"a\"", Assert.Single((await ReadRecords.ReadAsync(source, 1, Deadline)).Records).Value);
    }

    [Fact]
    public async Task Schemas_may_refer_to_each_other()
    {
        await using var registry = await EmbeddedSchemaRegistry.StartAsync();
        registry.Register(1, "money", """{ "type": "record", "name": "Money", "namespace": "shop", "fields": [ { "name": "cents", "type": "long" } ] }""");
        registry.Register(2, "sale", """{ "type": "record", "name": "Sale", "namespace": "shop", "fields": [ { "name": "price", "type": "shop.Money" }, { "name": "tax", "type": "Money" } ] }""",
            schemaType: null, ("shop.Money", "money"));
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.ProduceAsync(0, Wire(2, 10, 2));
        await using var source = Open(fixture, registry);

        var read = await ReadRecords.ReadAsync(source, 1, Deadline);

        Assert.Equal("""{"price":{"cents":5},"tax":{"cents":1}}""", read.Records.Single().Value);
    }

    [Fact]
    public async Task A_registry_that_falters_is_asked_again_and_one_that_is_down_loses_no_record()
    {
        await using var registry = await EmbeddedSchemaRegistry.StartAsync();
        registry.Register(7, "events-value", Name);
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.ProduceAsync(0, Wire(7, 2, (byte)'a'));
        await using var source = Open(fixture, registry);

        registry.FailNext(503, 500, 503);
        var refusal = await Assert.ThrowsAsync<PipelineException>(() => ReadRecords.ReadAsync(source, 1, Deadline));
        registry.FailNext(503, 429);
        var read = await ReadRecords.ReadAsync(source, 1, Deadline);

        Assert.Equal(FaultKind.Unreachable, refusal.Kind);
        Assert.Contains("503", refusal.Message, StringComparison.Ordinal);
        Assert.Equal("""{"name":"a"}""", read.Records.Single().Value);
        Assert.Empty(read.DeadLetters);
    }

    [Fact]
    public async Task A_registry_that_refuses_us_stops_the_reading_and_keeps_the_password()
    {
        await using var registry = await EmbeddedSchemaRegistry.StartAsync("pipeline", "right");
        registry.Register(7, "events-value", Name);
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.ProduceAsync(0, Wire(7, 2, (byte)'a'));
        await using var stranger = Open(fixture, registry, password: "wr0ng-secret");
        await using var known = Open(fixture, registry, password: "right");

        var refusal = await Assert.ThrowsAsync<PipelineException>(() => ReadRecords.ReadAsync(stranger, 1, Deadline));

        Assert.Equal(FaultKind.NotAuthorised, refusal.Kind);
        Assert.Contains("registry.password", refusal.NextStep, StringComparison.Ordinal);
        Assert.DoesNotContain("wr0ng-secret", refusal.ToString(), StringComparison.Ordinal);
        Assert.Single((await ReadRecords.ReadAsync(known, 1, Deadline)).Records);
    }

    [Fact]
    public async Task The_check_asks_the_registry_as_reading_does()
    {
        await using var registry = await EmbeddedSchemaRegistry.StartAsync("pipeline", "right");
        registry.Register(7, "events-value", Name);
        await using var fixture = new KafkaFixture(partitions: 1);
        await fixture.ProduceAsync(0, Wire(7, 2, (byte)'a'));
        await using var stranger = Open(fixture, registry, password: "wr0ng-secret");
        await using var known = Open(fixture, registry, password: "right");

        var told = Assert.Single(await stranger.CheckAsync(Deadline), finding => !finding.Ok);
        var refusal = await Assert.ThrowsAsync<PipelineException>(() => ReadRecords.ReadAsync(stranger, 1, Deadline));
        registry.FailNext(503, 500, 503);
        var away = Assert.Single(await known.CheckAsync(Deadline), finding => !finding.Ok);

        Assert.Equal((refusal.Thing, refusal.Cause, refusal.NextStep), (told.Thing, told.Detail, told.NextStep));
        Assert.Contains("503", away.Detail, StringComparison.Ordinal);
        Assert.All(await known.CheckAsync(Deadline), finding => Assert.True(finding.Ok, finding.ToString()));
    }

    private static ISource Open(KafkaFixture fixture, EmbeddedSchemaRegistry registry, string? password = null)
    {
        var options = KafkaFixture.Options(fixture.Kafka.Bootstrap);
        return fixture.Open(options with
        {
            Tables = [options.Tables[0] with { Format = KafkaFormat.Avro }],
            Registry = new SchemaRegistryOptions
            {
                Url = registry.Url,
                Username = password is null ? null : "pipeline",
                Password = password is null ? null : new Secret(password),
                Retry = new RetryPolicy { BackoffMin = TimeSpan.FromMilliseconds(10), AttemptsMax = 3 },
            },
        });
    }

    /// <summary>A value in the wire format.</summary>
    private static byte[] Wire(int schema, params byte[] avro) => [0, (byte)(schema >> 24), (byte)(schema >> 16), (byte)(schema >> 8), (byte)schema, .. avro];
}
