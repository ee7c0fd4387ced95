using System.Collections.Immutable;
using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Delta.Parquet;

/// <summary>How files are compressed by layer, source and table: the section <c>lake.compression</c>. Of the names that a table has there the longest counts.</summary>
/// <param name="ByName"><c>gold</c>, <c>bronze/SOURCE</c> or a table.</param>
public sealed record FileCompressions(ImmutableSortedDictionary<string, FileCompression> ByName)
{
    public static readonly FileCompressions None = new(ImmutableSortedDictionary<string, FileCompression>.Empty.WithComparers(StringComparer.Ordinal));

    private static readonly string[] Layers = ["bronze", "silver", "gold"];

    /// <summary>What stands beside a table of Silver, or is built for its place, is compressed as the table is.</summary>
    /// <param name="otherwise">Where nothing is said of the table.</param>
    public FileCompression Of(TableId table, FileCompression otherwise)
    {
        for (var name = OwnerOf(table); ; name = name[..name.LastIndexOf('/')])
        {
            if (ByName.TryGetValue(name, out var said)) return said;
            if (!name.Contains('/')) return otherwise;
        }
    }

    private static string OwnerOf(TableId table)
    {
        var name = table.ToString();
        if (table.Layer != Layer.Silver) return name;
        foreach (var suffix in (string[])[TableId.QuarantineSuffix, TableId.DeletedSuffix, TableId.RebuildSuffix])
            if (name.EndsWith(suffix, StringComparison.Ordinal)) name = name[..^suffix.Length];
        return name;
    }

    /// <param name="known">Every table that the pipeline has; null: that is not known.</param>
    public static FileCompressions Bind(SettingsReader settings, IReadOnlyCollection<TableId>? known)
    {
        var byName = None.ByName;
        foreach (var (name, text) in settings.TextsBelow())
        {
            if (FileCompression.TryParse(text) is { } read) byName = byName.SetItem(name, read);
            else FileCompression.Report(settings, name, text);
            if (!Layers.Contains(name) && known is not null && !known.Select(table => table.ToString()).Any(table => table == name || table.StartsWith(name + "/", StringComparison.Ordinal)))
                settings.Report(name, $"is neither a layer nor a source or table of this pipeline{SettingsReader.Nearest(name, [.. Layers, .. known.Select(table => table.ToString())])} Write bronze, silver, gold, bronze/SOURCE or a table, in quotes");
        }

        return new FileCompressions(byName);
    }
}
