using System.Collections.Immutable;
using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Sources.Postgres;

/// <summary>One table as configured.</summary>
/// <param name="Name">The name in the lake.</param>
/// <param name="Table">The name in the database as SQL would have it: <c>public.users</c>, <c>"Sales"."Orders"</c>. Default: the name in the lake.</param>
/// <param name="Watermark">
/// The column that grows with every change: <c>timestamptz</c>, <c>timestamp</c> (of <see cref="WatermarkZone"/>), or an integer. Empty
/// with change capture.
/// </param>
/// <param name="Key">The columns that identify a row.</param>
/// <param name="Overlap">
/// Timestamp watermarks: how far each window reaches back before the last one's end, for values that come from clocks
/// outside the server. Default 0, up to 30 days. Rows in it are read again; Silver keeps the latest.
/// </param>
public sealed record PostgresTableOptions(string Name, string Table, string Watermark, IReadOnlyList<string> Key, TimeSpan Overlap)
{
    /// <summary>
    /// With a watermark of type <c>timestamp</c>: the time zone, by PostgreSQL's name, that its times are of. Default: UTC where the server's
    /// own zone is UTC; elsewhere it has to be said.
    /// </summary>
    public string? WatermarkZone { get; init; }

    /// <summary>Columns of the database's table that do not come into the lake. Default: none.</summary>
    public IReadOnlyList<string> Omit { get; init; } = [];

    /// <summary>Names in the lake of columns that have another one in the database. Default: none.</summary>
    public IReadOnlyDictionary<string, string> Rename { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>Words by which it is chosen, with others. Default: none.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    internal static PostgresTableOptions Bind(string name, SettingsReader settings, ReadMode mode)
    {
        var isWatermark = mode == ReadMode.Watermark;
        var table = new PostgresTableOptions(name, settings.String("table", name), isWatermark ? settings.String("watermark") : "", settings.Strings("key"),
            isWatermark ? settings.Duration("overlap", TimeSpan.Zero, max: TimeSpan.FromDays(30)) : TimeSpan.Zero)
        {
            WatermarkZone = isWatermark ? settings.OptionalString("watermark-zone") : null,
            Omit = settings.Strings("omit"),
            Rename = settings.Section("rename").Texts(),
            Tags = settings.Tags(),
        };
        foreach (var (column, renamed) in table.Rename)
            if (LakeName.FaultOfBronze(renamed) is { } fault) settings.Section("rename").Report(column, fault);
        settings.Complete();
        return table;
    }
}
