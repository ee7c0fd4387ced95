using System.Text.Json;
using Pipeline.Core;

namespace Pipeline.Sources.Snowflake.Client;

/// <summary>A column as <c>rowType</c> describes it. The type's name is in lower case.</summary>
internal sealed record ResultColumn(string Name, string Type, int Precision, int Scale, bool IsNullable);

/// <summary>One part of a result. Bytes are those of the transfer where the server tells them, else uncompressed.</summary>
internal readonly record struct ResultPartition(long Rows, long Bytes);

/// <param name="Rows">Of all partitions together; null: the server does not say.</param>
internal sealed record ResultMetadata(IReadOnlyList<ResultColumn> Columns, IReadOnlyList<ResultPartition> Partitions, long? Rows = null)
{
    /// <summary>How many rows a partition has; a result without a list of partitions is one.</summary>
    public long RowsOf(int partition) =>
        partition < Partitions.Count ? Partitions[partition].Rows : partition == 0 && Partitions.Count == 0 ? Rows ?? 0 : 0;
}

/// <summary>Everything of an answer but its rows.</summary>
internal sealed record ResultHeader(string? Code, string? SqlState, string? Message, string? StatementHandle, ResultMetadata? Metadata)
{
    /// <summary>The code of a result that is whole; with any other (391908: there are more rows than are given) it is not.</summary>
    public const string WholeCode = "090001";

    /// <exception cref="JsonException">Not an answer of the SQL API.</exception>
    public static ResultHeader Read(ResponseBody body)
    {
        try
        {
            return ReadAnswer(body);
        }
        catch (Exception e) when (e is not JsonException && DataFaults.Are(e))
        {
            throw new JsonException(DataFaults.Cause(e), e);
        }
    }

    private static ResultHeader ReadAnswer(ResponseBody body)
    {
        using var tokens = new JsonTokens(body.Open());
        string? code = null, sqlState = null, message = null, handle = null;
        ResultMetadata? metadata = null;
        if (tokens.Next(out _) != JsonTokenType.StartObject) throw new JsonException("The answer is not a JSON object.");
        while (true)
        {
            var token = tokens.Next(out var name);
            if (token == JsonTokenType.EndObject) break;
            if (token != JsonTokenType.PropertyName) throw new JsonException("The answer is not a JSON object.");
            if (name.SequenceEqual("code"u8)) code = Text(tokens);
            else if (name.SequenceEqual("sqlState"u8)) sqlState = Text(tokens);
            else if (name.SequenceEqual("message"u8)) message = Text(tokens);
            else if (name.SequenceEqual("statementHandle"u8)) handle = Text(tokens);
            else if (name.SequenceEqual("resultSetMetaData"u8)) metadata = ReadMetadata(tokens);
            else tokens.SkipNext();
        }

        tokens.RequireEnd();
        return new ResultHeader(code, sqlState, message, handle, metadata);
    }

    /// <summary>The rows of a small result.</summary>
    /// <exception cref="JsonException">It has none.</exception>
    public static IReadOnlyList<string?[]> Rows(ResponseBody body)
    {
        try
        {
            using var stream = body.Open();
            using var document = JsonDocument.Parse(stream);
            return [.. document.RootElement.GetProperty("data").EnumerateArray()
                .Select(row => row.EnumerateArray().Select(cell => cell.GetString()).ToArray())];
        }
        catch (Exception e) when (e is not JsonException && DataFaults.Are(e))
        {
            throw new JsonException(DataFaults.Cause(e), e);
        }
    }

    private static string? Text(JsonTokens tokens)
    {
        using var document = tokens.NextDocument();
        return document.RootElement.ValueKind == JsonValueKind.String ? document.RootElement.GetString() : null;
    }

    private static ResultMetadata ReadMetadata(JsonTokens tokens)
    {
        using var document = tokens.NextDocument();
        var root = document.RootElement;
        var metadata = new ResultMetadata(
            [.. Items(root, "rowType").Select(column => new ResultColumn(
                column.GetProperty("name").GetString() ?? throw new JsonException("A column has no name."),
                column.GetProperty("type").GetString()?.ToLowerInvariant() ?? throw new JsonException("A column has no type."),
                checked((int)(Number(column, "precision") ?? 0)),
                checked((int)(Number(column, "scale") ?? 0)),
                !column.TryGetProperty("nullable", out var nullable) || nullable.ValueKind != JsonValueKind.False))],
            [.. Items(root, "partitionInfo").Select(partition => new ResultPartition(
                Number(partition, "rowCount") ?? 0,
                Number(partition, "compressedSize") ?? Number(partition, "uncompressedSize") ?? 0))],
            Number(root, "numRows"));
        if (metadata is { Rows: { } rows, Partitions.Count: > 0 } && metadata.Partitions.Sum(partition => partition.Rows) is var listed && listed != rows)
            throw new JsonException($"It says that it has {Plural.Of(rows, "row")}, and its partitions have {listed}.");
        return metadata;
    }

    private static IEnumerable<JsonElement> Items(JsonElement root, string name) =>
        root.TryGetProperty(name, out var items) && items.ValueKind == JsonValueKind.Array ? items.EnumerateArray() : [];

    private static long? Number(JsonElement element, string name) =>
        element.TryGetProperty(name, out var number) && number.ValueKind == JsonValueKind.Number ? number.GetInt64() : null;
}
