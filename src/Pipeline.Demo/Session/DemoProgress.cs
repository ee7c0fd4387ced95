using Pipeline.Core;

namespace Pipeline.Demo.Session;

/// <summary>One source table on its way through Bronze and Silver.</summary>
/// <param name="Generated">Rows and records that the demo's sources have sent; null: not known.</param>
/// <param name="State">As the ingest workers say.</param>
internal sealed record SourceTableProgress(TableId Bronze, long? Generated, TableGlance InBronze, TableGlance InSilver, TableGlance InQuarantine, string State);

internal sealed record GoldTableProgress(TableId Table, TableGlance Glance, string State);

/// <summary>All tables at a moment.</summary>
internal sealed record DemoProgress(TimeSpan Elapsed, IReadOnlyList<SourceTableProgress> Sources, IReadOnlyList<GoldTableProgress> Gold)
{
    /// <summary>Whether the sources have all that the demo sends: what is missing is on its way.</summary>
    public bool IsAllGenerated { get; init; }

    public long Generated => Sources.Sum(table => table.Generated ?? 0);

    public long InBronze => Sources.Sum(table => table.InBronze.Rows);

    public long InSilver => Sources.Sum(table => table.InSilver.Rows);

    public long InQuarantine => Sources.Sum(table => table.InQuarantine.Rows);

    /// <summary>Changes whenever any table does.</summary>
    public long Versions => Sources.Sum(table => table.InBronze.Version + table.InSilver.Version + table.InQuarantine.Version) + Gold.Sum(table => table.Glance.Version);

    public int GoldTablesWithRows => Gold.Count(table => table.Glance.Rows > 0);

    public double BronzeRowsPerSecond => Sources.Sum(table => table.InBronze.RowsPerSecond);
}

/// <summary>Where progress is shown.</summary>
internal interface IDemoDisplay
{
    void Show(DemoProgress progress);
}
