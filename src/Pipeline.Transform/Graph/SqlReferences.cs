using System.Text.Json;

namespace Pipeline.Transform.Graph;

/// <summary>A table that a query reads, and the line where it says so, counted from 1.</summary>
public sealed record TableReference(string Schema, string Name, int Line)
{
    public override string ToString() => Schema.Length == 0 ? Name : $"{Schema}.{Name}";
}

/// <summary>Reads from a query itself which tables it depends on.</summary>
internal static class SqlReferences
{
    /// <summary>Tables in order of appearance.</summary>
    public static IReadOnlyList<TableReference> Of(SqlTree tree)
    {
        var tables = new List<TableReference>();
        var ctes = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        Visit(tree.Statement, tree, tables, ctes);
        return [.. tables.Where(table => table.Schema.Length > 0 || !ctes.Contains(table.Name))];
    }

    private static void Visit(JsonElement node, SqlTree tree, List<TableReference> tables, HashSet<string> ctes)
    {
        if (node.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in node.EnumerateArray()) Visit(item, tree, tables, ctes);
        }
        else if (node.ValueKind == JsonValueKind.Object)
        {
            if (node.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String && type.ValueEquals("BASE_TABLE"))
            {
                var catalog = node.GetProperty("catalog_name").GetString()!;
                var schema = node.GetProperty("schema_name").GetString()!;
                tables.Add(new TableReference(catalog.Length == 0 ? schema : $"{catalog}.{schema}", node.GetProperty("table_name").GetString()!, tree.LineOf(node)));
            }

            foreach (var property in node.EnumerateObject())
            {
                if (property.NameEquals("cte_map"))
                    foreach (var cte in property.Value.GetProperty("map").EnumerateArray()) ctes.Add(cte.GetProperty("key").GetString()!);
                Visit(property.Value, tree, tables, ctes);
            }
        }
    }
}
