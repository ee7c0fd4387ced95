using Npgsql;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Client;

namespace Pipeline.Sources.Postgres.Reading.Watermark;

/// <summary>Why a column cannot tell what of a table has changed, and what would help. The check and the reading ask the same.</summary>
internal static class WatermarkRefusal
{
    /// <summary>Names of the zone in which a time without zone is a moment as it stands.</summary>
    private static readonly string[] Utc = ["UTC", "Etc/UTC", "UCT", "Etc/UCT", "GMT", "Etc/GMT", "Zulu", "Etc/Zulu", "Universal", "Etc/Universal"];

    /// <summary>The column with the zone that its times are of.</summary>
    /// <exception cref="PipelineException">It is not known, or the column, its sequence or its table cannot tell changes.</exception>
    public static async ValueTask<WatermarkColumn> RequireAsync(PostgresConnections connections, NpgsqlConnection connection, PostgresTableOptions options, PostgresTable table, string thing, CancellationToken cancellationToken)
    {
        var watermark = WatermarkColumn.Find(table, options.Watermark, thing);
        if (options.Overlap == TimeSpan.Zero || !watermark.IsTimestamp) await RequireSightAsync(connection, table, thing, cancellationToken);
        if (!watermark.IsTimestamp) await RequireOrderAsync(connection, table, watermark, thing, cancellationToken);
        return watermark.HasZone ? watermark : watermark.In(await ZoneAsync(connections, options, watermark, thing, cancellationToken));
    }

    private static async ValueTask<string> ZoneAsync(PostgresConnections connections, PostgresTableOptions options, WatermarkColumn watermark, string thing, CancellationToken cancellationToken)
    {
        if (options.WatermarkZone is { } given) return given;
        var server = await connections.ZoneAsync(cancellationToken);
        return Utc.Contains(server, StringComparer.OrdinalIgnoreCase) ? WatermarkColumn.Utc
            : throw new PipelineException(FaultKind.Invalid, thing, $"watermark column {watermark.Column.Name} has times without a zone, and the server's zone is {server}: taken for the wrong one, changes would be lost or late",
                $"Say in which zone they are: watermark-zone = \"{server}\" below the table, or \"UTC\" where the application writes that.") { IsOfTable = true };
    }

    /// <summary>What another server, or a refresh, brings comes with watermarks that windows have passed.</summary>
    private static async ValueTask RequireSightAsync(NpgsqlConnection connection, PostgresTable table, string thing, CancellationToken cancellationToken)
    {
        var kind = (await CatalogReader.TraitsAsync(connection, [table], cancellationToken))[table.Oid].Kind;
        var cause = kind switch
        {
            'f' => "it is a foreign table: transactions that are open on the other server are not seen, and what they commit late would be lost",
            'm' => "it is a materialised view: what a refresh brings has watermarks that were passed before it, and would be lost",
            _ => null,
        };
        if (cause is not null)
            throw new PipelineException(FaultKind.Invalid, thing, cause, $"Read the tables below it where they are, or choose a timestamp and set 'overlap' to more than the {(kind == 'f' ? "longest transaction there" : "time between two refreshes")}.") { IsOfTable = true };
    }

    /// <summary>Numbers of a sequence come in their order only one by one, upwards, and once.</summary>
    private static async ValueTask RequireOrderAsync(NpgsqlConnection connection, PostgresTable table, WatermarkColumn watermark, string thing, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            select s.seqrelid::regclass::text, s.seqcache, s.seqincrement, s.seqcycle
            from pg_catalog.pg_sequence s join pg_catalog.pg_depend d
              on (d.classid = 'pg_catalog.pg_attrdef'::regclass and d.refobjid = s.seqrelid and d.objid in (select oid from pg_catalog.pg_attrdef where adrelid = $1 and adnum = $2))
              or (d.classid = 'pg_catalog.pg_class'::regclass and d.objid = s.seqrelid and d.refobjid = $1 and d.refobjsubid = $2 and d.deptype in ('a', 'i'))
            limit 1
            """, connection) { Parameters = { CatalogReader.Oid(table.Oid), new() { Value = watermark.Column.Number } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken)) return;
        var (sequence, cache, increment, isCycle) = (reader.GetString(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetBoolean(3));
        var (cause, statement) = (cache, increment, isCycle) switch
        {
            ( > 1, _, _) => ($"its sequence {sequence} gives each session {Catalog.Sql.Integer(cache)} numbers at a time: a session that has some left uses them behind others' greater ones, and those rows would be lost",
                $"ALTER SEQUENCE {sequence} CACHE 1; -- and end the sessions that hold numbers"),
            (_, < 0, _) => ($"its sequence {sequence} counts downwards: a new row has a smaller number than those that were read", $"ALTER SEQUENCE {sequence} INCREMENT BY 1;"),
            (_, _, true) => ($"its sequence {sequence} begins again at its end: rows with numbers that were read would be lost", $"ALTER SEQUENCE {sequence} NO CYCLE;"),
            _ => (null, ""),
        };
        if (cause is not null)
            throw new PipelineException(FaultKind.Invalid, thing, $"watermark {watermark.Column.Name}: {cause}", $"{statement} -- or choose another watermark column.") { IsOfTable = true };
    }
}
