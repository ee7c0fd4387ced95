using System.Text;
using System.Text.Json;
using Pipeline.DuckDb;

namespace Pipeline.Transform.Graph;

/// <summary>A table that a query reads, and the line where it says so, counted from 1.</summary>
public sealed record TableReference(string Schema, string Name, int Line)
{
    public override string ToString() => Schema.Length == 0 ? Name : $"{Schema}.{Name}";
}

/// <summary>Something wrong in a query, and its line.</summary>
public sealed record SqlFault(string Message, int Line);

/// <summary>Reads from a query itself which tables it depends on, by DuckDB's own parser.</summary>
internal static class SqlReferences
{
    /// <summary>Tables in order of appearance, or what keeps the text from being one SELECT.</summary>
    public static (IReadOnlyList<TableReference> Tables, SqlFault? Fault) Of(DuckDbSession session, string sql)
    {
        var bytes = Encoding.UTF8.GetBytes(sql);
        using var document = JsonDocument.Parse((string)session.Scalar($"SELECT json_serialize_sql({Sql.Text(sql)})")!);
        var root = document.RootElement;
        if (root.GetProperty("error").GetBoolean())
        {
            var at = root.TryGetProperty("position", out var position) && int.TryParse(position.GetString(), out var offset) ? offset : 0;
            return ([], new SqlFault(root.GetProperty("error_message").GetString()!, LineAt(bytes, at)));
        }

        var statements = root.GetProperty("statements");
        if (statements.GetArrayLength() != 1) return ([], new SqlFault("expected one SELECT statement", 1));

        var tables = new List<TableReference>();
        var ctes = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        Visit(statements[0], bytes, tables, ctes);
        return ([.. tables.Where(table => table.Schema.Length > 0 || !ctes.Contains(table.Name))], null);
    }

    private static void Visit(JsonElement node, byte[] sql, List<TableReference> tables, HashSet<string> ctes)
    {
        if (node.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in node.EnumerateArray()) Visit(item, sql, tables, ctes);
        }
        else if (node.ValueKind == JsonValueKind.Object)
        {
            if (node.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String && type.ValueEquals("BASE_TABLE"))
                tables.Add(new TableReference(node.GetProperty("schema_name").GetString()!, node.GetProperty("table_name").GetString()!,
                    LineAt(sql, (long)Math.Min(node.GetProperty("query_location").GetUInt64(), int.MaxValue))));
            foreach (var property in node.EnumerateObject())
            {
                if (property.NameEquals("cte_map"))
                    foreach (var cte in property.Value.GetProperty("map").EnumerateArray()) ctes.Add(cte.GetProperty("key").GetString()!);
                Visit(property.Value, sql, tables, ctes);
            }
        }
    }

    private static int LineAt(byte[] sql, long offset) => 1 + sql.AsSpan(0, (int)Math.Min(offset, sql.Length)).Count((byte)'\n');
}
