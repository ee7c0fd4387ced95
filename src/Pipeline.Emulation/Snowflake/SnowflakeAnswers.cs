using System.Buffers;
using System.Text.Json;

namespace Pipeline.Emulation.Snowflake;

/// <summary>What is sent back: status, JSON, and whether it is compressed already.</summary>
internal sealed record SnowflakeAnswer(int Status, byte[] Body, bool IsCompressed = false, string? Link = null);

/// <summary>The bodies of the SQL API: result sets, states, failures.</summary>
internal static class SnowflakeAnswers
{
    public static SnowflakeAnswer ResultSet(SnowflakeStatement statement, SnowflakeResult result) =>
        new(200, Json(json =>
        {
            json.WritePropertyName("resultSetMetaData");
            MetaData(json, result);
            json.WritePropertyName("data");
            json.WriteRawValue(result.Rows(0), skipInputValidation: true);
            json.WriteString("code", "090001");
            json.WriteString("statementStatusUrl", StatusUrl(statement));
            json.WriteString("sqlState", "00000");
            json.WriteString("statementHandle", statement.Handle);
            json.WriteString("message", "Statement executed successfully.");
            json.WriteNumber("createdOn", statement.CreatedOn.ToUnixTimeMilliseconds());
            if (result.Changed is { } changed)
            {
                json.WriteStartObject("stats");
                json.WriteNumber(changed.Statistic, changed.Rows);
                json.WriteEndObject();
            }
        }), Link: Link(statement, result, 0));

    public static SnowflakeAnswer Partition(SnowflakeStatement statement, SnowflakeResult result, int partition) =>
        new(200, result.Compressed(partition), IsCompressed: true, Link(statement, result, partition));

    public static SnowflakeAnswer Running(SnowflakeStatement statement) =>
        new(202, State(statement, "333334", "00000", "Asynchronous execution in progress. Use provided query id to perform query monitoring and management."));

    public static SnowflakeAnswer Cancelled(SnowflakeStatement statement) =>
        new(200, State(statement, "000604", "57014", "SQL execution canceled", withCreation: false));

    public static SnowflakeAnswer Failure(SnowflakeError error, Guid handle) =>
        new(error.Status, Json(json =>
        {
            json.WriteString("code", error.Code);
            json.WriteString("message", error.Message);
            json.WriteString("sqlState", error.SqlState);
            if (error.Status is 408 or 422) json.WriteString("statementHandle", handle);
        }));

    public static SnowflakeAnswer Plain(int status, string code, string message) =>
        new(status, Json(json =>
        {
            json.WriteString("code", code);
            json.WriteString("message", message);
        }));

    private static byte[] State(SnowflakeStatement statement, string code, string sqlState, string message, bool withCreation = true) => Json(json =>
    {
        json.WriteString("code", code);
        json.WriteString("sqlState", sqlState);
        json.WriteString("message", message);
        json.WriteString("statementHandle", statement.Handle);
        json.WriteString("statementStatusUrl", StatusUrl(statement));
        if (withCreation) json.WriteNumber("createdOn", statement.CreatedOn.ToUnixTimeMilliseconds());
    });

    private static void MetaData(Utf8JsonWriter json, SnowflakeResult result)
    {
        json.WriteStartObject();
        json.WriteNumber("numRows", result.RowCount);
        json.WriteString("format", "jsonv2");
        json.WriteStartArray("partitionInfo");
        for (var i = 0; i < result.Partitions.Count; i++)
        {
            json.WriteStartObject();
            json.WriteNumber("rowCount", result.Partitions[i].Rows);
            json.WriteNumber("uncompressedSize", result.Partitions[i].UncompressedSize);
            // The first partition comes with this answer, so only the others have a compressed size.
            if (i > 0) json.WriteNumber("compressedSize", result.Partitions[i].CompressedSize);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("rowType");
        foreach (var column in result.Columns)
        {
            json.WriteStartObject();
            json.WriteString("name", column.Name);
            json.WriteString("database", column.Table?.Database ?? "");
            json.WriteString("schema", column.Table?.Schema ?? "");
            json.WriteString("table", column.Table?.Name ?? "");
            json.WriteString("type", column.Type.ApiName);
            json.WriteNumber("length", column.Type.Length);
            json.WriteNumber("precision", column.Type.Precision);
            json.WriteNumber("scale", column.Type.Scale);
            json.WriteBoolean("nullable", column.IsNullable);
            json.WriteNull("byteLength");
            json.WriteNull("collation");
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static string StatusUrl(SnowflakeStatement statement) => $"/api/v2/statements/{statement.Handle}?requestId={Guid.NewGuid()}";

    private static string Link(SnowflakeStatement statement, SnowflakeResult result, int partition)
    {
        var last = result.Partitions.Count - 1;
        string To(int target, string relation) => $"<{StatusUrl(statement)}&partition={target}>;rel=\"{relation}\"";
        var links = new List<string> { To(0, "first") };
        if (partition > 0) links.Add(To(partition - 1, "prev"));
        if (partition < last) links.Add(To(partition + 1, "next"));
        links.Add(To(last, "last"));
        return string.Join(",", links);
    }

    private static byte[] Json(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }
}
