using Pipeline.Core;

namespace Pipeline.Configuration;

/// <summary>Binds each source of a section by the kind that it names.</summary>
public static class SourceBinding
{
    /// <param name="settings">One section a source, each with its <c>type</c>.</param>
    /// <param name="kinds">What <c>type</c> may name.</param>
    /// <param name="areAllKnown">Whether every source could be bound; otherwise its tables are not missed a second time.</param>
    public static IReadOnlyList<ISourceDefinition> Bind(SettingsReader settings, IReadOnlyList<ISourceKind> kinds, out bool areAllKnown)
    {
        var names = kinds.Select(kind => kind.Kind).Order(StringComparer.Ordinal).ToArray();
        var sources = new List<ISourceDefinition>();
        areAllKnown = true;
        foreach (var (name, source) in settings.Children())
        {
            var word = source.String("type");
            if (LakeName.FaultOfSource(name, "a source") is { } fault) settings.Report(name, fault);
            if (kinds.FirstOrDefault(known => known.Kind == word) is { } kind)
            {
                var definition = kind.Bind(name, source);
                CheckTables(definition, source);
                sources.Add(definition);
                continue;
            }

            areAllKnown = false;
            if (word.Length > 0) source.Report("type", $"'{word}' is not a kind of source{SettingsReader.Nearest(word, names)} Allowed: {string.Join(", ", names)}");
        }

        foreach (var (name, earlier) in LakeName.AlikeBut(sources.Select(source => source.Name)))
            settings.Report(name, $"only case tells it from '{earlier}', and stores exist that do not look at it. Give it another name");
        return sources;
    }

    private static void CheckTables(ISourceDefinition source, SettingsReader settings)
    {
        var names = source.Tables.Select(table => table.Name).ToList();
        foreach (var name in names)
            if (LakeName.FaultOfSource(name, "a table of a source") is { } fault) settings.Section("tables").Report(name, fault);
        foreach (var (name, earlier) in LakeName.AlikeBut(names))
            settings.Section("tables").Report(name, $"only case tells it from '{earlier}', and stores exist that do not look at it. Give it another name");
    }
}
