using Pipeline.Configuration;

namespace Pipeline.Sources.Snowflake;

/// <summary>One table as configured. Names are case-sensitive, as SHOW prints them.</summary>
/// <param name="Name">The name in the lake.</param>
/// <param name="Table">
/// The name in Snowflake: <c>TABLE</c>, <c>SCHEMA.TABLE</c> or <c>DATABASE.SCHEMA.TABLE</c>. Default: the name in the lake in
/// capitals, as Snowflake stores names that are not quoted.
/// </param>
/// <param name="Watermark">The TIMESTAMP or integer column that grows with every change of a row.</param>
/// <param name="Key">The columns that identify a row: rows with the same watermark are read in their order, every time.</param>
public sealed record SnowflakeTableOptions(string Name, string Table, string Watermark, IReadOnlyList<string> Key)
{
    /// <summary>Words by which it is chosen, with others. Default: none.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    internal static SnowflakeTableOptions Bind(string name, SettingsReader settings)
    {
        var table = new SnowflakeTableOptions(name, settings.String("table", name.ToUpperInvariant()), settings.String("watermark"), settings.Strings("key")) { Tags = settings.Tags() };
        if (table.Table.Split('.') is var parts && (parts.Length > 3 || parts.Any(part => part.Length == 0)))
            settings.Report("table", $"'{table.Table}' is not a table. Write TABLE, SCHEMA.TABLE or DATABASE.SCHEMA.TABLE");
        settings.Complete();
        return table;
    }
}
