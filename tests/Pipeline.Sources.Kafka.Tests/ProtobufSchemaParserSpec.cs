using Pipeline.Sources.Kafka.Decoding;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>What describes values is read from .proto texts; everything else is passed over.</summary>
public sealed class ProtobufSchemaParserSpec
{
    [Fact]
    public void Passes_over_everything_that_does_not_describe_values()
    {
        var file = Parse("""
            // A comment; with "quotes" and { braces.
            syntax = 'proto2'; /* another
            one */
            package shop.v1;
            import public "google/protobuf/timestamp.proto";
            import "google/protobuf/descriptor.proto";
            option java_package = "shop";
            option (my.file) = { a: "}" b: [ 1, 2 ] };
            extend google.protobuf.FieldOptions { optional string secret = 50001; }
            service Orders { option deprecated = true; rpc Get (Order) returns (stream Order) { option (http) = { get: "/v1" }; } rpc Put (Order) returns (Order); }
            message Order {
              option (my.message).x = -1.5e+3;
              reserved 2, 9 to 11, 100 to max;
              reserved "old", "older";
              extensions 200 to 300 [verification = UNVERIFIED];
              required int64 id = 1 [(my.field) = { a: { b: 1 } }, json_name = "ID", deprecated = true];
              optional State state = 3 [default = NEW];
              repeated .shop.v1.Order.Line lines = 4 [packed = false];
              message Line { optional string sku = 1; optional State before = 2; optional Order order = 3; }
              enum State { option allow_alias = true; NEW = 0; DONE = 0x10 [(my.value) = "x"]; ENDED = 16; reserved 5; ; }
              extend Order { optional string more = 200; }
              oneof choice { option (my.oneof) = 1; string text_value = 5; google.protobuf.Timestamp at = 6; }
              ;
            }
            """);

        var order = Assert.Single(file.Messages);
        Assert.Equal("shop.v1.Order", order.Name);
        Assert.Equal(["ID", "state", "lines", "textValue", "at"], order.Fields.Select(field => field.JsonName.ToString()));
        Assert.Equal([true, false, false, false, false], order.Fields.Select(field => field.IsRequired));
        Assert.Equal([true, true, false, true, true], order.Fields.Select(field => field.HasPresence));
        Assert.Equal([-1, -1, -1, 0, 0], order.Fields.Select(field => field.Oneof));
        Assert.Equal("DONE", order.Fields[1].Enum!.Names[16].ToString());
        Assert.Same(order, order.Fields[2].Message!.Fields[2].Message);
        Assert.Equal(ProtobufWellKnown.Timestamp, order.Fields[4].Message!.WellKnown);
    }

    [Fact]
    public void A_type_is_looked_for_from_the_inside_out_and_in_what_is_imported()
    {
        var file = ProtobufSchemaParser.Parse(
        [
            new SchemaText("shop/money.proto", """syntax = "proto3"; package shop; message Money { int64 cents = 1; } message Tax { Money of = 1; }"""),
            new SchemaText("", """
                syntax = "proto3"; package shop.sale; import "shop/money.proto";
                message Sale { message Money { string text = 1; } Money inner = 1; shop.Money outer = 2; Tax tax = 3; }
                """),
        ]);

        Assert.Equal(["shop.sale.Sale.Money", "shop.Money", "shop.Tax"], file.Messages[0].Fields.Select(field => field.Message!.Name));
    }

    [Theory]
    [InlineData("message A { optional group G = 1 { } }", "group G of A is not supported")]
    [InlineData("edition = \"2023\";", "editions are not supported")]
    [InlineData("syntax = \"proto4\";", "proto4 is not supported")]
    [InlineData("syntax = \"proto3\";\n\nmessage A { B b = 1; }", "do not say what B is, the type of b")]
    [InlineData("message A {\n  optional int32 = 1; }", "line 2: a name is expected, not '='")]
    [InlineData("message A { optional int32 a = x; }", "a number is expected, not 'x'")]
    [InlineData("message A { optional int32 a = 0; }", "has the number 0")]
    [InlineData("message A { optional int32 a = 1; optional int32 b = 1; }", "two fields of A have the number 1")]
    [InlineData("message A { map<double, int32> m = 1; }", "double cannot be the key of a map")]
    [InlineData("message A { optional int32 a = 1;", "the text ends early")]
    [InlineData("message A { } /* ", "a comment has no end")]
    [InlineData("import \"x", "a text has no end")]
    [InlineData("{ \"type\": \"record\" }", "'{' begins nothing")]
    public void Refuses(string schema, string reason)
    {
        var refusal = Assert.Throws<FormatException>(() => Parse(schema));

        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Refuses_nesting_without_end() =>
        Assert.Contains("nested more than", Assert.Throws<FormatException>(() => Parse(string.Concat(Enumerable.Repeat("message A { ", 100_000)))).Message, StringComparison.Ordinal);

    private static ProtobufFile Parse(string schema) => ProtobufSchemaParser.Parse([new SchemaText("", schema)]);
}
