using Pipeline.Core;
using Pipeline.Operations.Inspection;

namespace Pipeline.Demo.Session;

/// <summary>One source table on its way through Bronze and Silver.</summary>
/// <param name="State">As the ingest workers say.</param>
internal sealed record SourceTableProgress(TableId Bronze, RowCount Rows, double RowsPerSecond, string State);

internal sealed record GoldTableProgress(TableId Table, TableGlance Glance, string State);

/// <summary>All tables at a moment.</summary>
/// <param name="Versions">Changes whenever any table does.</param>
internal sealed record DemoProgress(TimeSpan Elapsed, IReadOnlyList<SourceTableProgress> Sources, IReadOnlyList<GoldTableProgress> Gold, long Versions)
{
    /// <summary>Whether the sources have all that the demo sends: what is missing is on its way.</summary>
    public bool IsAllGenerated { get; init; }

    /// <summary>Of all source tables.</summary>
    public RowCount Rows => Sources.Aggregate(RowCount.None, (all, table) => all + table.Rows);

    public int GoldTablesWithRows => Gold.Count(table => table.Glance.Rows > 0);

    public double BronzeRowsPerSecond => Sources.Sum(table => table.RowsPerSecond);

    /// <summary>What keeps tables, each with the table; not what passes by itself.</summary>
    public IEnumerable<(TableId Table, string State)> NotWell =>
        Sources.Select(table => (Table: table.Bronze, table.State)).Concat(Gold.Select(table => (table.Table, table.State))).Where(table => IsBad(table.State));

    public static bool IsBad(string state) => state.StartsWith("retrying", StringComparison.Ordinal) || state.StartsWith("halted", StringComparison.Ordinal);
}

/// <summary>Where progress is shown.</summary>
internal interface IDemoDisplay
{
    void Show(DemoProgress progress);
}
