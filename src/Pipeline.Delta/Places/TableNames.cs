using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Delta.Places;

/// <summary>What is said of tables by name: of a layer (<c>gold</c>), a source (<c>bronze/SOURCE</c>) or a table. Of the names that a table has the longest counts.</summary>
internal static class TableNames
{
    private static readonly string[] Layers = ["bronze", "silver", "gold"];
    private static readonly string[] Suffixes = [TableId.QuarantineSuffix, TableId.DeletedSuffix, TableId.RebuildSuffix];

    /// <summary>What stands beside a table of Silver, or is built for its place, is as the table is.</summary>
    public static bool TryFind<T>(ImmutableSortedDictionary<string, T> byName, TableId table, [MaybeNullWhen(false)] out T said)
    {
        for (var name = OwnerOf(table).ToString(); ; name = name[..name.LastIndexOf('/')])
        {
            if (byName.TryGetValue(name, out said)) return true;
            if (!name.Contains('/')) return false;
        }
    }

    /// <summary>The table that it stands beside, or is built for, and that stands beside no other; itself when it is neither.</summary>
    public static TableId OwnerOf(TableId table) => BesideOf(table) is { } beside ? OwnerOf(beside) : table;

    /// <summary>The next of them: of the deletes of what is built, what is built; null when it is neither.</summary>
    public static TableId? BesideOf(TableId table) =>
        table.Layer == Layer.Silver && Array.Find(Suffixes, suffix => table.Name.EndsWith(suffix, StringComparison.Ordinal)) is { } suffix ? TableId.Silver(table.Name[..^suffix.Length]) : null;

    /// <inheritdoc cref="BesideOf(TableId)"/>
    /// <param name="directory">The table's.</param>
    public static string? BesideOf(string directory) => directory.StartsWith("silver/", StringComparison.Ordinal) ? BesideOf(TableId.Parse(directory))?.ToString() : null;

    /// <summary>Reports a name that no table can have.</summary>
    /// <param name="known">Every table that the pipeline has; null: that is not known.</param>
    public static void Require(SettingsReader settings, string name, IReadOnlyCollection<TableId>? known)
    {
        if (Layers.Contains(name) || known is null || known.Select(table => table.ToString()).Any(table => table == name || table.StartsWith(name + "/", StringComparison.Ordinal))) return;
        settings.Report(name, $"is neither a layer nor a source or table of this pipeline{SettingsReader.Nearest(name, [.. Layers, .. known.Select(table => table.ToString())])} Write bronze, silver, gold, bronze/SOURCE or a table, in quotes");
    }
}
