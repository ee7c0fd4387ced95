using Pipeline.Core;

namespace Pipeline.Configuration;

/// <summary>Binds each source of a section by the kind that it names.</summary>
public static class SourceBinding
{
    /// <param name="settings">One section a source, each with its <c>type</c>.</param>
    /// <param name="kinds">What <c>type</c> may name.</param>
    /// <param name="areAllKnown">Whether every source could be bound; otherwise its tables are not missed a second time.</param>
    /// <returns>Those that are left out too.</returns>
    public static IReadOnlyList<BoundSource> Bind(SettingsReader settings, IReadOnlyList<ISourceKind> kinds, out bool areAllKnown)
    {
        var names = kinds.Select(kind => kind.Kind).Order(StringComparer.Ordinal).ToArray();
        var sources = new List<BoundSource>();
        areAllKnown = true;
        foreach (var (name, written) in settings.Children())
        {
            // Nothing of one that is left out has to be right, or there: neither its address nor its password.
            var isLeftOut = !written.Bool("enabled", byDefault: true);
            var source = isLeftOut ? written.Silently() : written;
            var word = source.String("type");
            // What the two are together is nobody's.
            if (source.ReportTwins("type", "sources"))
            {
                areAllKnown = false;
                continue;
            }

            if (LakeName.FaultOfSource(name, "a source") is { } fault) settings.Report(name, fault);
            if (kinds.FirstOrDefault(known => known.Kind == word) is { } kind)
            {
                var definition = kind.Bind(name, source);
                CheckTables(definition, source);
                sources.Add(new BoundSource(definition, isLeftOut ? written.LocationOf("enabled") : null));
                continue;
            }

            areAllKnown = false;
            if (word.Length > 0) source.Report("type", $"'{word}' is not a kind of source{SettingsReader.Nearest(word, names)} Allowed: {string.Join(", ", names)}");
        }

        foreach (var (name, earlier) in LakeName.AlikeBut(sources.Select(source => source.Definition.Name)))
            settings.Report(name, $"only case tells it from '{earlier}', and stores exist that do not look at it. Give it another name");
        return sources;
    }

    private static void CheckTables(ISourceDefinition source, SettingsReader settings)
    {
        var names = source.Tables.Select(table => table.Name).ToList();
        foreach (var (_, table) in settings.Section("tables").Children())
            foreach (var key in (string[])["table", "topic"]) table.ReportTwins(key, "tables");
        foreach (var name in names)
            if (LakeName.FaultOfSource(name, "a table of a source") is { } fault) settings.Section("tables").Report(name, fault);
        foreach (var (name, earlier) in LakeName.AlikeBut(names))
            settings.Section("tables").Report(name, $"only case tells it from '{earlier}', and stores exist that do not look at it. Give it another name");
    }
}
