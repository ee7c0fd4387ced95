using System.Text.Json;
using Pipeline.DuckDb;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Models;

namespace Pipeline.Transform.Tests.Models;

public sealed class ModelLiteralSpec
{
    [Theory]
    [InlineData("long", "9223372036854775807", "9223372036854775807")]
    [InlineData("long", "9223372036854775808", null)]
    [InlineData("long", "1.5", null)]
    [InlineData("byte", "128", null)]
    [InlineData("byte", "-128", "-128")]
    [InlineData("short", "32768", null)]
    [InlineData("int", "2147483648", null)]
    [InlineData("decimal(5,2)", "123.450", "123.45")]
    [InlineData("decimal(5,2)", "123.456", null)]
    [InlineData("decimal(5,2)", "1234", null)]
    [InlineData("decimal(5,2)", "1e2", null)]
    [InlineData("double", "0.1", "0.1")]
    [InlineData("double", "\"much\"", null)]
    [InlineData("boolean", "true", "true")]
    [InlineData("boolean", "\"yes\"", null)]
    [InlineData("date", "\"2026-02-28\"", "2026-02-28")]
    [InlineData("date", "\"2026-02-30\"", null)]
    [InlineData("date", "\"2026-02-28 10:00:00\"", null)]
    [InlineData("timestamp", "\"2026-02-28T10:00:00+02:00\"", "2026-02-28 08:00:00+00")]
    [InlineData("timestamp", "\"2026-02-28T10:00:00.123456Z\"", "2026-02-28 10:00:00.123456+00")]
    [InlineData("timestamp", "\"soon\"", null)]
    [InlineData("string", "\"it's\"", "it's")]
    [InlineData("array<long>", "[1, 2]", "[1, 2]")]
    [InlineData("array<long>", "1", null)]
    public void A_value_is_written_as_it_is_or_not_at_all(string type, string json, string? text)
    {
        using var document = JsonDocument.Parse(json);
        var value = new ModelValue(document.RootElement.ValueKind, document.RootElement.ValueKind == JsonValueKind.String ? document.RootElement.GetString()! : json);
        using var session = DuckDbSession.Open(new DuckDbSettings(128L << 20, 1, Path.GetTempPath()), TestContext.Current.CancellationToken);

        var sql = ModelLiteral.TryOf(value, ColumnType.TryParse(type)!);

        Assert.Equal(text, sql is null ? null : session.Scalar($"SELECT CAST({sql} AS VARCHAR)"));
    }
}
