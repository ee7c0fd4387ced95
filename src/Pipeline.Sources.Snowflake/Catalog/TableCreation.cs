using System.Globalization;
using System.Text;
using Pipeline.Core;
using Pipeline.Sources.Snowflake.Client;
using Pipeline.Sources.Snowflake.Decoding;

namespace Pipeline.Sources.Snowflake.Catalog;

/// <summary>
/// Which table has a name, as far as Snowflake says without a warehouse: when it was made. That goes with a table that gets another name, so
/// that one that was made anew, restored or swapped with another is told from the one before.
/// </summary>
/// <param name="CreatedAt">Microseconds since the epoch; null: it is a view, whose definition may be replaced, or not listed.</param>
/// <param name="Kind">As <c>SHOW OBJECTS</c> says it; null: it does not list it.</param>
internal sealed record TableCreation(long? CreatedAt, string? Kind)
{
    /// <summary>See <see cref="Split.Identity"/>; null: nobody knows.</summary>
    public string? Identity => CreatedAt is { } at ? string.Create(CultureInfo.InvariantCulture, $"watermark/{at}") : null;

    public static async ValueTask<TableCreation> AskAsync(SnowflakeClient client, string thing, SnowflakeTableOptions table, SnowflakeSourceOptions options, CancellationToken cancellationToken)
    {
        // Columns: created_on, name, database_name, schema_name, kind.
        const int createdOn = 0, name = 1, kind = 4;
        var parts = table.Table.Split('.');
        var (database, schema) = (parts.Length > 2 ? parts[^3] : options.Database, parts.Length > 1 ? parts[^2] : options.Schema);
        // The pattern's wildcards and either case find more than the one that is looked for.
        var pattern = parts[^1].Replace("\\", "\\\\").Replace("'", "''");
        var found = (await client.QueryAsync(thing, $"SHOW OBJECTS LIKE '{pattern}' IN SCHEMA {Quote(database)}.{Quote(schema)}", cancellationToken))
            .FirstOrDefault(row => row.ElementAtOrDefault(name) == parts[^1]);
        if (found is null) return new TableCreation(null, null);
        var isTable = found.ElementAtOrDefault(kind)?.Contains("VIEW", StringComparison.OrdinalIgnoreCase) == false;
        return new TableCreation(isTable && CellParsers.TryTimestamp(Encoding.UTF8.GetBytes(found[createdOn] ?? ""), out var at) ? at : null, found.ElementAtOrDefault(kind));
    }

    private static string Quote(string part) => $"\"{part.Replace("\"", "\"\"")}\"";
}
