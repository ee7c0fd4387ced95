using System.Collections.Immutable;
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
        Visit(tree.Statement, tree, tables, ImmutableHashSet.Create<string>(StringComparer.OrdinalIgnoreCase));
        return tables;
    }

    /// <param name="ctes">
    /// The names that WITH gives to queries, as far as they reach: elsewhere the same name is a table, and may be one of DuckDB's own.
    /// </param>
    private static void Visit(JsonElement node, SqlTree tree, List<TableReference> tables, ImmutableHashSet<string> ctes)
    {
        if (node.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in node.EnumerateArray()) Visit(item, tree, tables, ctes);
        }
        else if (node.ValueKind == JsonValueKind.Object)
        {
            var type = node.TryGetProperty("type", out var kind) && kind.ValueKind == JsonValueKind.String ? kind.GetString() : null;
            if (type == "BASE_TABLE") AddTable(node, tree, tables, ctes);
            if (node.TryGetProperty("cte_map", out var with)) ctes = VisitCtes(with, tree, tables, ctes);
            foreach (var property in node.EnumerateObject())
                if (!property.NameEquals("cte_map")) Visit(property.Value, tree, tables, ctes);
        }
    }

    /// <summary>Each query of a WITH sees those before it, and itself only if it is recursive.</summary>
    private static ImmutableHashSet<string> VisitCtes(JsonElement with, SqlTree tree, List<TableReference> tables, ImmutableHashSet<string> ctes)
    {
        foreach (var cte in with.GetProperty("map").EnumerateArray())
        {
            var after = ctes.Add(cte.GetProperty("key").GetString()!);
            var query = cte.GetProperty("value");
            Visit(query, tree, tables, query.GetProperty("query").GetProperty("node").GetProperty("type").ValueEquals("RECURSIVE_CTE_NODE") ? after : ctes);
            ctes = after;
        }

        return ctes;
    }

    private static void AddTable(JsonElement node, SqlTree tree, List<TableReference> tables, ImmutableHashSet<string> ctes)
    {
        var catalog = node.GetProperty("catalog_name").GetString()!;
        var schema = node.GetProperty("schema_name").GetString()!;
        var name = node.GetProperty("table_name").GetString()!;
        if (catalog.Length > 0 || schema.Length > 0 || !ctes.Contains(name))
            tables.Add(new TableReference(catalog.Length == 0 ? schema : $"{catalog}.{schema}", name, tree.LineOf(node)));
    }
}
