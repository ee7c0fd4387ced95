using System.Collections.Immutable;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta.Places;

namespace Pipeline.Delta.Parquet;

/// <summary>How files are compressed by layer, source and table: the section <c>lake.compression</c>. Of the names that a table has there the longest counts.</summary>
/// <param name="ByName"><c>gold</c>, <c>bronze/SOURCE</c> or a table.</param>
public sealed record FileCompressions(ImmutableSortedDictionary<string, FileCompression> ByName)
{
    public static readonly FileCompressions None = new(ImmutableSortedDictionary<string, FileCompression>.Empty.WithComparers(StringComparer.Ordinal));

    /// <summary>What stands beside a table of Silver, or is built for its place, is compressed as the table is.</summary>
    /// <param name="otherwise">Where nothing is said of the table.</param>
    public FileCompression Of(TableId table, FileCompression otherwise) => TableNames.TryFind(ByName, table, out var said) ? said : otherwise;

    /// <param name="known">Every table that the pipeline has; null: that is not known.</param>
    public static FileCompressions Bind(SettingsReader settings, IReadOnlyCollection<TableId>? known)
    {
        var byName = None.ByName;
        foreach (var (name, text) in settings.TextsBelow())
        {
            if (FileCompression.TryParse(text) is { } read) byName = byName.SetItem(name, read);
            else FileCompression.Report(settings, name, text);
            TableNames.Require(settings, name, known);
        }

        return new FileCompressions(byName);
    }
}
