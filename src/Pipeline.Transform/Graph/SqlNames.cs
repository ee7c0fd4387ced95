using System.Text.Json;
using Apache.Arrow.Types;

namespace Pipeline.Transform.Graph;

/// <summary>The names that a query knows, and what is known of their types, whatever their scope.</summary>
internal sealed class SqlNames
{
    private readonly IReadOnlyDictionary<string, IArrowType?> _columns;
    private readonly HashSet<string> _aliases = new(StringComparer.Ordinal);
    private readonly HashSet<string> _subqueries = new(StringComparer.Ordinal);

    /// <param name="columns">Of the tables; null: of several types.</param>
    public SqlNames(SqlTree tree, IReadOnlyDictionary<string, IArrowType?> columns)
    {
        _columns = columns;
        Collect(tree.Statement);
    }

    /// <summary>The name that is meant where a column is written in another case; null: it is written as it is, or nobody knows it.</summary>
    public string? OtherCase(JsonElement column) =>
        column.GetProperty("column_names").EnumerateArray().Last().GetString()! is var name && !_columns.ContainsKey(name) && !_aliases.Contains(name)
            ? _columns.Keys.Concat(_aliases).FirstOrDefault(known => string.Equals(known, name, StringComparison.OrdinalIgnoreCase)) : null;

    /// <summary>The same for a subquery that has a name.</summary>
    public string? OtherCaseOfTable(JsonElement table) =>
        table.GetProperty("schema_name").ValueEquals("") && table.GetProperty("table_name").GetString()! is var name && !_subqueries.Contains(name)
            ? _subqueries.FirstOrDefault(known => string.Equals(known, name, StringComparison.OrdinalIgnoreCase)) : null;

    /// <summary>The type of an expression as far as it can be told without binding it; null: it cannot.</summary>
    public IArrowType? TypeOf(JsonElement expression) => SqlTypes.Of(expression, column =>
        column.GetProperty("column_names").EnumerateArray().Last().GetString()! is var name && !_aliases.Contains(name) ? _columns.GetValueOrDefault(name) : null);

    private void Collect(JsonElement node)
    {
        if (node.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in node.EnumerateArray()) Collect(item);
            return;
        }

        if (node.ValueKind != JsonValueKind.Object) return;
        if (node.TryGetProperty("alias", out var alias) && alias.GetString() is { Length: > 0 } name && node.TryGetProperty("class", out _)) _aliases.Add(name);
        if (node.TryGetProperty("column_name_alias", out var names)) _aliases.UnionWith(names.EnumerateArray().Select(one => one.GetString()!));
        foreach (var property in node.EnumerateObject())
        {
            if (property.NameEquals("cte_map"))
            {
                foreach (var cte in property.Value.GetProperty("map").EnumerateArray())
                {
                    _subqueries.Add(cte.GetProperty("key").GetString()!);
                    if (cte.GetProperty("value").TryGetProperty("aliases", out var columns)) _aliases.UnionWith(columns.EnumerateArray().Select(one => one.GetString()!));
                }
            }

            Collect(property.Value);
        }
    }
}
