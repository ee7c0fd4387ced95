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
            if (kinds.FirstOrDefault(known => known.Kind == word) is { } kind)
            {
                sources.Add(kind.Bind(name, source));
                continue;
            }

            areAllKnown = false;
            if (word.Length > 0) source.Report("type", $"'{word}' is not a kind of source{SettingsReader.Nearest(word, names)} Allowed: {string.Join(", ", names)}");
        }

        return sources;
    }
}
