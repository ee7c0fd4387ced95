using Npgsql;
using Pipeline.Configuration;

namespace Pipeline.Sources.Postgres.Catalog;

/// <summary>What a database has that somebody may want to read.</summary>
internal static class TableListing
{
    private const string Query = """
        select format('%I.%I', n.nspname, c.relname),
               case when c.relkind in ('v', 'm') then 'view' else 'table' end,
               case when c.relkind in ('r', 'm') and c.reltuples >= 0 then c.reltuples::bigint end,
               has_table_privilege(c.oid, 'SELECT'),
               (select string_agg(format('%I', a.attname), ', ' order by array_position(i.indkey::int2[], a.attnum))
                from pg_catalog.pg_index i join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey::int2[]) where i.indrelid = c.oid and i.indisprimary)
        from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition and n.nspname <> 'information_schema' and n.nspname !~ '^pg_' and has_schema_privilege(n.oid, 'USAGE')
        order by n.nspname, c.relname
        """;

    public static async ValueTask<IReadOnlyList<DiscoveredTable>> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Query, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new List<DiscoveredTable>();
        while (await reader.ReadAsync(cancellationToken))
            found.Add(new DiscoveredTable(reader.GetString(0), reader.GetString(1), await reader.IsDBNullAsync(2, cancellationToken) ? null : reader.GetInt64(2),
                !reader.GetBoolean(3) ? "may not be read: no right to SELECT" : await reader.IsDBNullAsync(4, cancellationToken) ? "no primary key" : $"key {reader.GetString(4)}"));
        return found;
    }
}
