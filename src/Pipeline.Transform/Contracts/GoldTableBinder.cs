using Pipeline.Core;
using Pipeline.Configuration;

namespace Pipeline.Transform.Contracts;

/// <summary>Reads the <c>gold { … }</c> section: one child a table. Every problem is noted in the reader.</summary>
internal static class GoldTableBinder
{
    /// <remarks>Paths of SQL files are relative to the configuration file that names them.</remarks>
    public static IReadOnlyList<GoldTable> Bind(SettingsReader gold)
    {
        var tables = new List<GoldTable>();
        foreach (var (name, settings) in gold.Children())
        {
            if (LakeName.FaultOfTable(name) is { } fault) gold.Report(name, fault);
            settings.ReportTwins("sql", "tables");
            var relative = settings.String("sql");
            var file = Path.Combine(Path.GetDirectoryName(settings.LocationOf("sql").File) ?? "", relative);
            var sql = "";
            if (relative.Length > 0)
            {
                if (File.Exists(file)) sql = File.ReadAllText(file);
                if (File.Exists(file) && string.IsNullOrWhiteSpace(sql)) settings.Report("sql", $"the file '{file}' is empty. Write one SELECT");
                if (!File.Exists(file)) settings.Report("sql", $"there is no file '{file}'. Paths are relative to the file that names them");
            }

            var table = new GoldTable(TableId.Gold(name), sql.TrimEnd().TrimEnd(';'), file, settings.Choice<Materialization>("materialization", Materialization.Full),
                settings.Strings("key"), settings.Strings("personal"), settings.Location)
            {
                Engine = settings.Has("engine") ? settings.Choice<EngineKind>("engine", EngineKind.Auto) : null,
                Description = settings.OptionalString("description"),
                ColumnDescriptions = Descriptions(settings.Section("columns")),
                Tags = settings.Tags(),
            };
            if (table.Materialization == Materialization.Merge && table.Key.Count == 0)
                settings.Report("key", "is required for materialization = merge: the columns that identify a row");
            settings.Complete();
            tables.Add(table);
        }

        return tables;
    }

    private static Dictionary<string, string> Descriptions(SettingsReader columns)
    {
        var descriptions = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, settings) in columns.Children())
        {
            descriptions[name] = settings.String("description");
            settings.Complete();
        }

        return descriptions;
    }
}
