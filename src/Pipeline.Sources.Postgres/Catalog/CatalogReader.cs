using Npgsql;
using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Sources.Postgres.Catalog;

/// <summary>Looks tables up in the server's catalog.</summary>
internal static class CatalogReader
{
    // A domain is followed down to its base type; the modifier that applies is the outermost one that is given.
    private const string ColumnsQuery = """
        , resolved as (
          select c.number, c.name, c.is_not_null, c.is_generated, c.is_filled, c.modifier, t.oid, t.typname, t.typtype, t.typcategory, t.typelem, t.typbasetype, t.typtypmod
          from given c join pg_catalog.pg_type t on t.oid = c.type
          union all
          select r.number, r.name, r.is_not_null, r.is_generated, r.is_filled, case when r.modifier = -1 then r.typtypmod else r.modifier end,
                 t.oid, t.typname, t.typtype, t.typcategory, t.typelem, t.typbasetype, t.typtypmod
          from resolved r join pg_catalog.pg_type t on t.oid = r.typbasetype
          where r.typtype = 'd'
        )
        select number, name, oid, typname::text, typtype, typcategory, typelem, modifier, is_not_null, is_generated, is_filled
        from resolved where typtype <> 'd' order by number
        """;

    private const string TableColumnsQuery = """
        with recursive given as (
          select attnum as number, attname::text as name, attnotnull as is_not_null, attgenerated <> '' as is_generated,
                 atthasmissing or atthasdef or attidentity <> '' or attnotnull or (select typdefault is not null from pg_catalog.pg_type where oid = atttypid) as is_filled, atttypmod as modifier, atttypid as type
          from pg_catalog.pg_attribute where attrelid = $1 and attnum > 0 and not attisdropped)
        """ + ColumnsQuery;

    private const string TypesQuery = """
        with recursive given as (
          select number::smallint, name, false as is_not_null, false as is_generated, false as is_filled, modifier, type
          from unnest($1::text[], $2::oid[], $3::int[]) with ordinality as columns (name, type, modifier, number))
        """ + ColumnsQuery;

    /// <exception cref="PipelineException">There is no such table.</exception>
    public static async ValueTask<PostgresTable> ReadAsync(NpgsqlConnection connection, PostgresTableOptions table, string thing, CancellationToken cancellationToken)
    {
        var found = (await FindAsync(connection, [table.Table], cancellationToken))[0] ?? throw await MissingAsync(connection, table, thing, cancellationToken);
        return found.WithAll(await ReadColumnsAsync(connection, found.Oid, cancellationToken)).Configured(table);
    }

    /// <summary>The tables of a source that are there, by their names in the lake. Of those that are as they were only that is asked.</summary>
    /// <param name="known">A table as it was; null: not known.</param>
    public static async ValueTask<IReadOnlyDictionary<string, PostgresTable>> ReadAllAsync(NpgsqlConnection connection, PostgresSourceOptions options, Func<string, PostgresTable?> known,
        CancellationToken cancellationToken)
    {
        var found = await FindAsync(connection, [.. options.Tables.Select(table => table.Table)], cancellationToken);
        var tables = new Dictionary<string, PostgresTable>(StringComparer.Ordinal);
        foreach (var (table, state) in options.Tables.Zip(found))
        {
            if (state is null) continue;
            var isKnown = known(table.Name) is { } before && (before.Oid, before.Shape, before.QualifiedName) == (state.Oid, state.Shape, state.QualifiedName);
            tables.Add(table.Name, isKnown ? known(table.Name)! : state.WithAll(await ReadColumnsAsync(connection, state.Oid, cancellationToken)).Configured(table));
        }

        return tables;
    }

    /// <summary>What tables are, by their identity.</summary>
    /// <exception cref="PipelineException">One was dropped since it was found: each statement sees the catalog of its own moment.</exception>
    public static async ValueTask<IReadOnlyDictionary<uint, TableTraits>> TraitsAsync(NpgsqlConnection connection, IEnumerable<PostgresTable> tables, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            select c.oid, c.relkind, c.relpersistence, c.relreplident,
                   array(select a.attname::text from pg_catalog.pg_index i join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
                         where i.indrelid = c.oid and case c.relreplident when 'i' then i.indisreplident when 'd' then i.indisprimary else false end)
            from pg_catalog.pg_class c where c.oid = any ($1)
            """, connection)
        {
            Parameters = { new() { Value = tables.Select(table => table.Oid).ToArray(), NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Oid } },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var traits = new Dictionary<uint, TableTraits>();
        while (await reader.ReadAsync(cancellationToken))
            traits.Add(reader.GetFieldValue<uint>(0), new TableTraits(reader.GetChar(1), reader.GetChar(2), reader.GetChar(3), reader.GetFieldValue<string[]>(4)));
        return tables.FirstOrDefault(table => !traits.ContainsKey(table.Oid)) is { } dropped
            ? throw new PipelineException(FaultKind.Unreachable, $"Table {dropped.QualifiedName}", "it was dropped while it was looked at", "It is looked at again.") : traits;
    }

    /// <summary>That there is no such table, and which name is the nearest.</summary>
    public static async ValueTask<PipelineException> MissingAsync(NpgsqlConnection connection, PostgresTableOptions table, string thing, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            select format('%I.%I', n.nspname, c.relname) from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by 1 limit 10000
            """, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var names = new List<string>();
        while (await reader.ReadAsync(cancellationToken)) names.Add(reader.GetString(0));

        static string Plain(string name) => name.Replace("\"", "", StringComparison.Ordinal);
        var wanted = table.Table.Contains('.', StringComparison.Ordinal) ? table.Table : $"public.{table.Table}";
        // As SQL writes it: with its quotes it is another table than without them.
        var near = names.Find(name => Plain(name).Equals(Plain(wanted), StringComparison.OrdinalIgnoreCase)) is { } alike ? $". Did you mean '{alike}'?" : SettingsReader.Nearest(wanted, names);
        return new PipelineException(FaultKind.Missing, thing, $"table {table.Table} does not exist in database {connection.Database}{(wanted == table.Table ? "" : ", in schema public or the role's own")}",
            $"Correct the setting 'table' or create the table{(near.Length > 0 ? near : ".")}") { IsOfTable = true };
    }

    private static ValueTask<IReadOnlyList<PostgresColumn>> ReadColumnsAsync(NpgsqlConnection connection, uint oid, CancellationToken cancellationToken) =>
        ReadColumnsAsync(new NpgsqlCommand(TableColumnsQuery, connection) { Parameters = { Oid(oid) } }, cancellationToken);

    /// <summary>Columns as a replication stream describes them, by their types; of a type that is gone by now only its text can be had.</summary>
    public static async ValueTask<IReadOnlyList<PostgresColumn>> ResolveAsync(NpgsqlConnection connection, IReadOnlyList<(string Name, uint Type, int Modifier)> columns,
        CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand(TypesQuery, connection)
        {
            Parameters =
            {
                new() { Value = columns.Select(column => column.Name).ToArray() },
                new() { Value = columns.Select(column => column.Type).ToArray(), NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Oid },
                new() { Value = columns.Select(column => column.Modifier).ToArray() },
            },
        };
        var found = (await ReadColumnsAsync(command, cancellationToken)).ToDictionary(column => (int)column.Number);
        return
        [
            .. columns.Select((column, i) => found.GetValueOrDefault(i + 1)
                ?? new PostgresColumn((short)(i + 1), column.Name, column.Type, "a type that is gone", 'b', 'X', ElementOid: 0, column.Modifier, IsNotNull: false)),
        ];
    }

    private static async ValueTask<IReadOnlyList<PostgresColumn>> ReadColumnsAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await using var owned = command;
        var columns = new List<PostgresColumn>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            columns.Add(new PostgresColumn(reader.GetInt16(0), reader.GetString(1), reader.GetFieldValue<uint>(2), reader.GetString(3),
                reader.GetChar(4), reader.GetChar(5), reader.GetFieldValue<uint>(6), reader.GetInt32(7), reader.GetBoolean(8)) { IsGenerated = reader.GetBoolean(9), IsFilled = reader.GetBoolean(10) });
        return columns;
    }

    /// <summary>A query for <see cref="PostgresTable.Shape"/>.</summary>
    public static string ShapeSql(string oid) => $"""
        select md5(jsonb_agg(jsonb_build_array(attnum, attname, atttypid::bigint, atttypmod) order by attnum)::text)
        from pg_catalog.pg_attribute where attrelid = {oid} and attnum > 0 and not attisdropped
        """;

    /// <summary>A query for the number of the table that has a name now, as a value; null: none has.</summary>
    /// <param name="name">With its schema, quoted where it must be.</param>
    public static string OidSql(string name) => $"to_regclass({Sql.Text(name)})::oid::bigint";

    /// <summary>
    /// The tables of these names without their columns, in this order; null for one that is not there. A name without a schema is looked for
    /// in the role's own and in public: a path of others' schemas would choose the table, and the functions, for us.
    /// </summary>
    private static async ValueTask<IReadOnlyList<PostgresTable?>> FindAsync(NpgsqlConnection connection, string[] tables, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"""
            select given.place::int - 1, c.oid, format('%I.%I', n.nspname, c.relname), coalesce(({ShapeSql("c.oid")}), ''),
                   array(select a.attname::text from pg_catalog.pg_index i join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
                         where i.indrelid = c.oid and i.indisprimary)
            from unnest($1::text[]) with ordinality given (name, place),
                 lateral (select case when cardinality(parse_ident(name)) > 1 then to_regclass(name)
                                 else coalesce(to_regclass(quote_ident(current_user) || '.' || name), to_regclass('public.' || name)) end as oid) named
                 join pg_catalog.pg_class c on c.oid = named.oid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            where c.relkind in ('r', 'p', 'v', 'm', 'f')
            """, connection) { Parameters = { new() { Value = tables } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new PostgresTable?[tables.Length];
        while (await reader.ReadAsync(cancellationToken))
            found[reader.GetInt32(0)] = new PostgresTable(reader.GetFieldValue<uint>(1), reader.GetString(2), reader.GetString(3), [], reader.GetFieldValue<string[]>(4));
        return found;
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

    /// <summary>Whether no two rows have the same value of a column.</summary>
    public static async ValueTask<bool> IsUniqueAsync(NpgsqlConnection connection, PostgresTable table, PostgresColumn column, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            select exists (
              select from pg_catalog.pg_index i
              where i.indrelid = $1 and i.indkey[0] = $2 and i.indnkeyatts = 1 and i.indisunique and i.indisvalid and i.indpred is null)
            """, connection) { Parameters = { Oid(table.Oid), new() { Value = column.Number } } };
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    public static NpgsqlParameter Oid(uint value) => new() { Value = value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Oid };
}
