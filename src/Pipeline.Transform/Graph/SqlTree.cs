using System.Text;
using System.Text.Json;
using Pipeline.DuckDb;

namespace Pipeline.Transform.Graph;

/// <summary>Something wrong in a query, and its line.</summary>
public sealed record SqlFault(string Message, int Line);

/// <summary>The syntax tree of one SELECT, by DuckDB's own parser.</summary>
/// <param name="Statement">The statement as <c>json_serialize_sql</c> tells it.</param>
internal sealed record SqlTree(JsonElement Statement, byte[] Text)
{
    /// <summary>DuckDB's own bound for expressions, and what lies between two of them.</summary>
    private const int DepthMax = 4096;

    /// <summary>The tree, or what keeps the text from being one SELECT.</summary>
    public static (SqlTree? Tree, SqlFault? Fault) Parse(DuckDbSession session, string sql)
    {
        var bytes = Encoding.UTF8.GetBytes(sql);
        JsonElement root;
        try
        {
            using var document = JsonDocument.Parse((string)session.Scalar($"SELECT json_serialize_sql({Sql.Text(sql)})")!, new JsonDocumentOptions { MaxDepth = DepthMax });
            root = document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return (null, new SqlFault("it is nested too deeply", 1));
        }

        if (root.GetProperty("error").GetBoolean())
        {
            var at = root.TryGetProperty("position", out var position) && int.TryParse(position.GetString(), out var offset) ? offset : 0;
            var message = root.GetProperty("error_type").GetString() == "not implemented" ? "expected one SELECT statement, and nothing that changes or sets something" : root.GetProperty("error_message").GetString()!;
            return (null, new SqlFault(message.ReplaceLineEndings(" "), LineAt(bytes, at)));
        }

        var statements = root.GetProperty("statements");
        return statements.GetArrayLength() == 1 ? (new SqlTree(statements[0], bytes), null) : (null, new SqlFault("expected one SELECT statement", 1));
    }

    /// <summary>The line, counted from 1, on which a part of the tree begins; 1 where it does not say.</summary>
    public int LineOf(JsonElement part) =>
        part.TryGetProperty("query_location", out var location) && location.GetUInt64() is var offset && offset < (ulong)Text.Length ? LineAt(Text, (int)offset) : 1;

    /// <summary>Every part of a part, each before what it consists of.</summary>
    public static void Visit(JsonElement part, Action<JsonElement> visit)
    {
        if (part.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in part.EnumerateArray()) Visit(item, visit);
            return;
        }

        if (part.ValueKind != JsonValueKind.Object) return;
        visit(part);
        foreach (var property in part.EnumerateObject())
            // What a constant is, and the name of a type, reach nothing.
            if (!property.NameEquals("value") && !property.NameEquals("cast_type") || part.TryGetProperty("key", out _)) Visit(property.Value, visit);
    }

    private static int LineAt(byte[] sql, int offset) => 1 + sql.AsSpan(0, Math.Min(offset, sql.Length)).Count((byte)'\n');
}
