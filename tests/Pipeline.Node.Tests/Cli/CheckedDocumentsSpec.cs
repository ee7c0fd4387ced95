using System.Text.Json.Nodes;
using Pipeline.Emulation.Kafka;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>Contracts beside the schemas that a registry has of their topics' documents: told before a run what it would find row by row.</summary>
public sealed class CheckedDocumentsSpec : IAsyncDisposable
{
    private const string Avro = """
        { "type": "record", "name": "Order", "fields": [
          { "name": "id", "type": "long" }, { "name": "placed", "type": "long" }, { "name": "seen", "type": { "type": "long", "logicalType": "timestamp-millis" } },
          { "name": "total", "type": { "type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2 } },
          { "name": "buyer", "type": ["null", { "type": "record", "name": "Buyer", "fields": [{ "name": "email", "type": "string" }, { "name": "referred", "type": ["null", "Buyer"] }] }] },
          { "name": "lines", "type": { "type": "array", "items": { "type": "record", "name": "Line", "fields": [{ "name": "sku", "type": "string" }] } } } ] }
        """;

    private const string Proto = """
        syntax = "proto3"; import "google/protobuf/timestamp.proto";
        message Order { int64 order_id = 1; bool is_paid = 2; State state = 3; google.protobuf.Timestamp seen = 4; map<string, int32> counts = 5; repeated Order parts = 6; }
        enum State { NEW = 0; DONE = 1; }
        """;

    private const string Json = """
        { "type": "object", "additionalProperties": false, "properties": {
            "id": { "type": "integer" }, "placed": { "type": "string", "format": "date-time" }, "buyer": { "oneOf": [{ "type": "null" }, { "$ref": "#/definitions/Buyer" }] } },
          "definitions": { "Buyer": { "type": "object", "properties": { "email": { "type": "string" } } } } }
        """;

    private readonly ScratchDirectory _directory = new("pipeline-documents-");
    private readonly EmbeddedKafka _kafka = EmbeddedKafka.Start(brokers: 1, ("orders", 1));

    public async ValueTask DisposeAsync()
    {
        await _kafka.DisposeAsync();
        _directory.Dispose();
    }

    [Theory]
    [InlineData("avro", "seen { type = timestamp }, mail { type = string, path = \"$.buyer.referred.email\" }, skus { type = \"array<string>\", path = \"$.lines[*].sku\" }, first { type = string, path = \"$.lines[0].sku\" }, total { type = \"decimal(14,4)\" }, all { type = string, path = \"$.lines\" }", null)]
    [InlineData("avro", "mail { type = string, path = \"$.buyer.emial\" }", "no document by version 2 of orders-value has $.buyer.emial|Correct path. Did you mean 'email'? It has: email, referred.")]
    [InlineData("avro", "mail { type = string, value = \"lower(path('$.buyer.emial'))\" }", "no document by version 2 of orders-value has $.buyer.emial|Correct value. Did you mean 'email'?")]
    [InlineData("avro", "placed { type = timestamp }", "$.placed is a whole number by version 2 of orders-value, and none is of type timestamp|epoch_ms(path('$.placed'))")]
    [InlineData("avro", "placed { type = timestamp, value = \"epoch_ms(placed)\" }", null)]
    [InlineData("avro", "seen { type = date }", "$.seen is a moment by version 2 of orders-value, and none is of type date|Write type = timestamp.")]
    [InlineData("avro", "buyer { type = long }", "$.buyer is an object by version 2 of orders-value, and none is of type long|Write type = string for its JSON, or a path to what is in it.")]
    [InlineData("avro", "total { type = \"decimal(12,0)\" }", "$.total has up to 2 digits behind the point by version 2 of orders-value, and type = decimal(12,0) rounds away 2 of them|Write a type with as many")]
    [InlineData("avro", "skus { type = \"array<date>\", path = \"$.lines[*]\" }", "$.lines[*] is a list by version 2 of orders-value, and none is of type array<date>|Write the type that its values have")]
    [InlineData("avro", "x { type = string, path = \"$.id[0]\" }", "no document by version 2 of orders-value has $.id[0]|Correct path.")]
    [InlineData("avro", "note { type = string }", "+$.note is in documents by version 1 of orders-value and in none by version 2 of orders-value")]
    [InlineData("avro", "mail { type = long, path = \"$.buyer.email\" }", "+$.buyer.email is text by version 2 of orders-value, read as long: a row whose value is none goes to the quarantine as type:mail")]
    [InlineData("avro", "kid { type = long, from = _key, path = \"$.idd\" }", "no document by version 1 of orders-key has $.idd|Did you mean 'id'?")]
    [InlineData("protobuf", "id { type = long, path = \"$.orderId\" }, is_paid { type = boolean, path = \"$.isPaid\" }, state { type = string }, seen { type = timestamp }, apples { type = int, path = \"$.counts.apples\" }, deep { type = long, path = \"$.parts[0].parts[0].orderId\" }", null)]
    [InlineData("protobuf", "x { type = long, path = \"$.order_id\" }", "no document by version 2 of orders-value has $.order_id|Did you mean 'orderId'?")]
    [InlineData("protobuf", "seen { type = long }", "$.seen is a moment by version 2 of orders-value, and none is of type long|")]
    [InlineData("protobuf", "paid { type = date, path = \"$.isPaid\" }", "$.isPaid is true or false by version 2 of orders-value, and none is of type date|")]
    [InlineData("json-schema", "placed { type = timestamp }, mail { type = string, path = \"$.buyer.email\" }", null)]
    [InlineData("json-schema", "placd { type = timestamp }", "no document by version 2 of orders-value has $.placd|Did you mean 'placed'?")]
    [InlineData("json-schema", "mail { type = string, path = \"$.buyer.emial\" }", "+version 2 of orders-value does not name $.buyer.emial, though documents may have it. Did you mean 'email'? It has: email")]
    [InlineData("json-schema", "placed { type = long }", "$.placed is a moment by version 2 of orders-value, and none is of type long|")]
    public async Task A_path_or_a_type_that_the_registered_schema_cannot_have_is_told(string format, string columns, string? told)
    {
        await using var registry = await EmbeddedSchemaRegistry.StartAsync();
        var (first, second, type) = format switch
        {
            "avro" => ("""{ "type": "record", "name": "Order", "fields": [{ "name": "id", "type": "long" }, { "name": "note", "type": "string" }] }""", Avro, null as string),
            "protobuf" => ("""syntax = "proto3"; message Order { int64 order_id = 1; }""", Proto, "PROTOBUF"),
            _ => ("""{ "type": "object" }""", Json, "JSON"),
        };
        registry.Register(1, "orders-value", first, type);
        registry.Register(2, "orders-value", second, type);
        registry.Register(3, "orders-key", """{ "type": "record", "name": "Key", "fields": [{ "name": "id", "type": "long" }] }""");

        var (code, findings) = await CheckAsync(registry, format, $"k {{ type = long, path = \"{(format == "protobuf" ? "$.orderId" : "$.id")}\" }}, {columns}");

        var found = findings.Where(finding => ((string)finding!["thing"]!).StartsWith("silver/orders", StringComparison.Ordinal)).ToList();
        if (told is null)
        {
            Assert.Empty(found);
            Assert.Equal(ExitCode.Done, code);
            return;
        }

        var only = Assert.Single(found)!;
        var isOk = told[0] == '+';
        var words = told.TrimStart('+').Split('|');
        Assert.Equal((isOk, isOk ? ExitCode.Done : ExitCode.Failed), ((bool)only["ok"]!, code));
        Assert.StartsWith(words[0], (string?)only["told"]!["cause"], StringComparison.Ordinal);
        Assert.Contains("pipeline.conf:", (string?)only["thing"], StringComparison.Ordinal);
        if (!isOk) Assert.Contains(words[1], (string?)only["told"]!["next_step"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_subject_that_the_registry_does_not_have_is_said_and_no_fault()
    {
        await using var registry = await EmbeddedSchemaRegistry.StartAsync();

        var (code, findings) = await CheckAsync(registry, "avro", "k { type = long, path = \"$.id\" }");

        Assert.Equal(ExitCode.Done, code);
        Assert.Contains(findings, finding => ((string)finding!["told"]!["cause"]!).StartsWith("answers; it has no orders-value or orders-key: what contracts read of these documents is not compared with a schema", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_row_in_an_envelope_is_meant()
    {
        await using var registry = await EmbeddedSchemaRegistry.StartAsync();
        registry.Register(1, "orders-value", """
            { "type": "record", "name": "Envelope", "fields": [
              { "name": "before", "type": ["null", { "type": "record", "name": "Value", "fields": [{ "name": "id", "type": "long" }, { "name": "name", "type": "string" }] }] },
              { "name": "after", "type": ["null", "Value"] }, { "name": "op", "type": "string" } ] }
            """);

        var (code, findings) = await CheckAsync(registry, "avro", "k { type = long, path = \"$.id\" }, name { type = string }, op { type = string }", "envelope = debezium");

        Assert.Equal(ExitCode.Failed, code);
        Assert.Equal("no document by version 1 of orders-value has $.op", (string?)Assert.Single(findings, finding => !(bool)finding!["ok"]!)!["told"]!["cause"]);
    }

    private async Task<(int ExitCode, IReadOnlyList<JsonNode?> Findings)> CheckAsync(EmbeddedSchemaRegistry registry, string format, string columns, string more = "key-format = avro")
    {
        var config = await RunningNode.ConfigureAsync(_directory, $$"""
            events { type = kafka, bootstrap = "{{_kafka.Bootstrap}}", commit-group-offsets = false, registry.url = "{{registry.Url}}", tables { orders { format = {{format}}, {{more}} } } }
            """, $$"""silver { orders { from = bronze/events/orders, format = json, columns { {{columns}} }, key = [k] } }""");
        var run = await NodeRun.OfAsync("check", "--config", config, "-o", "json");
        return (run.ExitCode, [.. run.Rows]);
    }
}
