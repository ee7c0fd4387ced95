using System.Text;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Transform.Contracts;

namespace Pipeline.Operations.Drafting;

/// <summary>A whole configuration of some tables of one source: the source, and a Silver contract of all columns of each.</summary>
public static class DraftedConfiguration
{
    /// <summary>As a file has it.</summary>
    /// <param name="drafts">Of one source, at least one, each with a name of its own.</param>
    /// <param name="lake">Where the lake is.</param>
    public static string Of(IReadOnlyList<TableDraft> drafts, string lake)
    {
        ArgumentNullException.ThrowIfNull(drafts);
        var text = new StringBuilder();
        text.AppendLine("pipeline {");
        text.AppendLine($"  lake.location = {TableDraft.Quote(lake)}");
        if (drafts[0].Settings.Any(NeedsRegion)) text.AppendLine("  secrets.region = ${?AWS_REGION}");
        text.AppendLine("  sources {");
        text.AppendLine($"    {drafts[0].Source} {{");
        foreach (var line in drafts[0].Settings) text.AppendLine($"      {line}");
        text.AppendLine("      tables {");
        foreach (var draft in drafts) text.AppendLine($"        {draft.Table} {{ {draft.TableSettings} }}");
        text.AppendLine("      }");
        text.AppendLine("    }");
        text.AppendLine("  }");
        text.AppendLine("  silver {");
        foreach (var draft in drafts) AppendContract(text, draft);
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

    /// <summary>Where a lake is, from whichever directory it is asked for.</summary>
    public static string LocationOf(Lake lake, string location) => lake?.Store.LocalPath("") is { } directory ? Path.GetFullPath(directory) : location;

    /// <summary>The same drafts, each with a name of its own: tables of several schemas may have one.</summary>
    public static IReadOnlyList<TableDraft> Distinguished(IReadOnlyList<TableDraft> drafts)
    {
        ArgumentNullException.ThrowIfNull(drafts);
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var distinguished = new List<TableDraft>();
        foreach (var draft in drafts)
        {
            var name = draft.Table;
            for (var next = 2; !names.Add(name); next++) name = $"{draft.Table}_{next}";
            distinguished.Add(draft with { Table = name });
        }

        return distinguished;
    }

    /// <summary>Whether a setting is a secret of AWS, which may be a name without its region.</summary>
    private static bool NeedsRegion(string setting) => setting.Contains("\"secret:aws:", StringComparison.Ordinal) || setting.Contains("\"secret:ssm:", StringComparison.Ordinal);

    private static void AppendContract(StringBuilder text, TableDraft draft)
    {
        var names = NamesOf(draft.Columns);
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
