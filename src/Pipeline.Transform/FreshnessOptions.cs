using System.Collections.Immutable;
using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Transform;

/// <summary>How old tables may become: the section <c>freshness { … }</c>.</summary>
public sealed record FreshnessOptions
{
    private static readonly TimeSpan SlaMin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SlaMax = TimeSpan.FromDays(366);

    /// <summary>
    /// How far behind its source a table may be: what is promised of tables that have no promise of their own. Default 2 h, 1 s to a
    /// year. Shorter pages sooner, and for what may mend itself.
    /// </summary>
    public TimeSpan Sla { get; init; } = TimeSpan.FromHours(2);

    /// <summary>Promises of single tables, by their names in the lake.</summary>
    public ImmutableDictionary<TableId, TimeSpan> Tables { get; init; } = ImmutableDictionary<TableId, TimeSpan>.Empty;

    public TimeSpan SlaOf(TableId table) => Tables.GetValueOrDefault(table, Sla);

    /// <summary>Problems go to the reader.</summary>
    /// <param name="known">The tables there are; null: not all are known here.</param>
    public static FreshnessOptions Bind(SettingsReader settings, IReadOnlyCollection<TableId>? known)
    {
        var byDefault = new FreshnessOptions();
        var sla = settings.Duration("sla", byDefault.Sla, SlaMin, SlaMax);
        var (section, tables) = (settings.Section("tables"), byDefault.Tables);
        foreach (var (name, promised) in section.Durations(sla, SlaMin, SlaMax))
        {
            if (Find(name, known) is { } table) tables = tables.SetItem(table, promised);
            else section.Report(name, $"is not a table of this pipeline{SettingsReader.Nearest(name, (known ?? []).Select(one => one.ToString()))} Write bronze/SOURCE/TABLE, silver/TABLE or gold/TABLE, in quotes");
        }

        section.Complete();
        settings.Complete();
        return new FreshnessOptions { Sla = sla, Tables = tables };
    }

    private static TableId? Find(string name, IReadOnlyCollection<TableId>? known)
    {
        try
        {
            return TableId.Parse(name) is var table && known?.Contains(table) != false ? table : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
