using Npgsql;
using Pipeline.Core;

namespace Pipeline.Sources.Postgres.Catalog;

/// <summary>Looks tables up in the server's catalog.</summary>
internal static class CatalogReader
{
    // A domain is followed down to its base type; the modifier that applies is the outermost one that is given.
    private const string ColumnsQuery = """
        with recursive columns as (
          select a.attnum, a.attname, a.attnotnull, a.atttypmod as typmod, t.oid, t.typname, t.typtype, t.typcategory, t.typbasetype, t.typtypmod
          from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
          where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped
          union all
          select c.attnum, c.attname, c.attnotnull, case when c.typmod = -1 then c.typtypmod else c.typmod end,
                 t.oid, t.typname, t.typtype, t.typcategory, t.typbasetype, t.typtypmod
          from columns c join pg_catalog.pg_type t on t.oid = c.typbasetype
          where c.typtype = 'd'
        )
        select attnum, attname::text, oid, typname::text, typtype, typcategory, typmod, attnotnull
        from columns where typtype <> 'd' order by attnum
        """;

    /// <exception cref="PipelineException">There is no such table.</exception>
    public static async ValueTask<PostgresTable> ReadAsync(NpgsqlConnection connection, PostgresTableOptions table, string thing, CancellationToken cancellationToken)
    {
        var (oid, qualifiedName, shape) = await FindAsync(connection, table.Table, cancellationToken)
            ?? throw new PipelineException(FaultKind.Missing, thing, $"table {table.Table} does not exist in database {connection.Database}",
                "Correct the setting 'table' or create the table.");

        var columns = new List<PostgresColumn>();
        await using var command = new NpgsqlCommand(ColumnsQuery, connection) { Parameters = { Oid(oid) } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            columns.Add(new PostgresColumn(reader.GetInt16(0), reader.GetString(1), reader.GetFieldValue<uint>(2), reader.GetString(3),
                reader.GetChar(4), reader.GetChar(5), reader.GetInt32(6), reader.GetBoolean(7)));
        return new PostgresTable(oid, qualifiedName, shape, columns);
    }

    /// <summary>A query for <see cref="PostgresTable.Shape"/>.</summary>
    public static string ShapeSql(string oid) => $"""
        select md5(string_agg(concat_ws(' ', attnum, attname, atttypid, atttypmod), ',' order by attnum))
        from pg_catalog.pg_attribute where attrelid = {oid} and attnum > 0 and not attisdropped
        """;

    private static async ValueTask<(uint Oid, string QualifiedName, string Shape)?> FindAsync(NpgsqlConnection connection, string table, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"""
            select c.oid, format('%I.%I', n.nspname, c.relname), coalesce(({ShapeSql("c.oid")}), '')
            from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            where c.oid = to_regclass($1) and c.relkind in ('r', 'p', 'v', 'm', 'f')
            """, connection) { Parameters = { new() { Value = table } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? (reader.GetFieldValue<uint>(0), reader.GetString(1), reader.GetString(2)) : null;
    }

    /// <summary>Whether an index can deliver rows in the order of a column.</summary>
    public static async ValueTask<bool> HasIndexLeadingOnAsync(NpgsqlConnection connection, PostgresTable table, PostgresColumn column, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            select exists (
              select from pg_catalog.pg_index i
              join pg_catalog.pg_class c on c.oid = i.indexrelid
              join pg_catalog.pg_am a on a.oid = c.relam
              where i.indrelid = $1 and i.indkey[0] = $2 and i.indisvalid and i.indpred is null and a.amname = 'btree')
            """, connection) { Parameters = { Oid(table.Oid), new() { Value = column.Number } } };
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    public static NpgsqlParameter Oid(uint value) => new() { Value = value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Oid };
}
