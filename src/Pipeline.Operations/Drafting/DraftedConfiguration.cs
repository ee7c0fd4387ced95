using System.Text;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Transform.Contracts;

namespace Pipeline.Operations.Drafting;

/// <summary>A whole configuration of one table: its source, and a Silver contract of all its columns.</summary>
public static class DraftedConfiguration
{
    /// <summary>As a file has it.</summary>
    /// <param name="lake">Where the lake is.</param>
    public static string Of(TableDraft draft, string lake)
    {
        ArgumentNullException.ThrowIfNull(draft);
        var names = NamesOf(draft.Columns);
        var text = new StringBuilder();
        text.AppendLine("pipeline {");
        text.AppendLine($"  lake.location = {TableDraft.Quote(lake)}");
        text.AppendLine("  sources {");
        text.AppendLine($"    {draft.Source} {{");
        foreach (var line in draft.Settings) text.AppendLine($"      {line}");
        text.AppendLine("    }");
        text.AppendLine("  }");
        text.AppendLine("  silver {");
        text.AppendLine($"    {draft.Table} {{");
        text.AppendLine($"      from = {TableId.Bronze(draft.Source, draft.Table)}");
        foreach (var line in draft.Contract) text.AppendLine($"      {line}");
        text.AppendLine("      columns {");
        foreach (var column in draft.Columns)
        {
            var from = names[column.Name] == column.Name ? "" : $", from = {TableDraft.Quote(column.Name)}";
            text.AppendLine($"        {names[column.Name]} {{ type = {TableDraft.Quote(ColumnType.Format(column.Type))}{from}{(column.IsRequired ? ", required = true" : "")} }}");
        }

        text.AppendLine("      }");
        text.AppendLine($"      key = [{string.Join(", ", draft.Key.Select(key => names.GetValueOrDefault(key, key)))}]");
        text.AppendLine("    }");
        text.AppendLine("  }");
        text.AppendLine("}");
        return text.ToString();
    }

    /// <summary>The lake's tables that it fills.</summary>
    public static (TableId Bronze, TableId Silver) TablesOf(TableDraft draft)
    {
        ArgumentNullException.ThrowIfNull(draft);
        return (TableId.Bronze(draft.Source, draft.Table), TableId.Silver(draft.Table));
    }

    /// <summary>Names that a contract's columns may have, each once.</summary>
    private static Dictionary<string, string> NamesOf(IReadOnlyList<DraftColumn> columns)
    {
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var column in columns)
        {
            var name = TableDraft.NameOf(column.Name);
            var unique = name;
            for (var next = 2; names.ContainsValue(unique) || LakeName.FaultOfColumn(unique) is not null; next++) unique = $"{name}_{next}";
            names[column.Name] = unique;
        }

        return names;
    }
}
