using Npgsql;

namespace Pipeline.Sources.Postgres.Catalog;

/// <summary>
/// Which tables, as the catalogue shows, may have had other rows where a slot stands than the changes since then tell: what was written into the
/// catalogue by a transaction that the slot still has may be of after it.
/// </summary>
internal static class AlteredTables
{
    private const int FirstWithSchemas = 15;

    /// <summary>Those that have a column that was altered since it was made with its table, or that came into the publication; all, where the publication itself was altered.</summary>
    /// <param name="slot">There is one of the name.</param>
    public static async ValueTask<IReadOnlySet<uint>> SinceAsync(NpgsqlConnection connection, string slot, string publication, IEnumerable<uint> tables, CancellationToken cancellationToken)
    {
        // A column of the system's own is as old as the table.
        var ofSchema = connection.PostgreSqlVersion.Major < FirstWithSchemas ? "" : """
            or exists (select from pg_catalog.pg_publication_namespace s join pg_catalog.pg_class c on c.relnamespace = s.pnnspid where s.pnpubid = p.oid and c.oid = given.oid and age(s.xmin) <= slot.age)
            """;
        await using var command = new NpgsqlCommand($"""
            select given.oid
            from unnest($1) given (oid), (select age(catalog_xmin) as age from pg_catalog.pg_replication_slots where slot_name = $2) slot, pg_catalog.pg_publication p
            where p.pubname = $3 and (age(p.xmin) <= slot.age
              or exists (select from pg_catalog.pg_publication_rel r where r.prpubid = p.oid and age(r.xmin) <= slot.age
                         and (r.prrelid = given.oid or r.prrelid in (select ancestor::oid from pg_partition_ancestors(given.oid) ancestor)))
              {ofSchema}
              or exists (select from pg_catalog.pg_attribute a join pg_catalog.pg_attribute made on made.attrelid = a.attrelid and made.attnum = -1
                         where a.attrelid = given.oid and a.attnum > 0 and not a.attisdropped and a.xmin <> made.xmin and age(a.xmin) <= slot.age))
            """, connection)
        {
            Parameters =
            {
                new() { Value = tables.ToArray(), NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Oid }, new() { Value = slot }, new() { Value = publication },
            },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new HashSet<uint>();
        while (await reader.ReadAsync(cancellationToken)) found.Add(reader.GetFieldValue<uint>(0));
        return found;
    }
}
