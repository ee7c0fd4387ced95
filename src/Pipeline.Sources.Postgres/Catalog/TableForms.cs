using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using Npgsql;
using Pipeline.Core;

namespace Pipeline.Sources.Postgres.Catalog;

/// <summary>
/// What the rows of tables are: the server says of no row that a change of its table's definition has given it other values, but its catalogue
/// shows that it may have.
/// </summary>
internal static class TableForms
{
    /// <param name="tables">By their names in the lake, with the columns that are captured.</param>
    /// <param name="relations">Those that hold the rows of each.</param>
    /// <exception cref="PipelineException">A table was altered since it was described.</exception>
    public static async ValueTask<IReadOnlyDictionary<string, SplitForm>> ReadAsync(NpgsqlConnection connection, IReadOnlyDictionary<string, PostgresTable> tables,
        IReadOnlyDictionary<string, IReadOnlyList<uint>> relations, CancellationToken cancellationToken)
    {
        // One statement sees one moment of the catalogue: columns of before with the file of after would hide what came between.
        // What is altered is written anew: the same type again, computed of the values, has another transaction.
        var held = tables.SelectMany(table => relations[table.Key].Select(relation => (Root: table.Value.Oid, Relation: relation))).ToList();
        await using var command = new NpgsqlCommand($"""
            select f.root, ({CatalogReader.ShapeSql("f.root")}), f.files,
                   array(select attnum from pg_catalog.pg_attribute where attrelid = f.root and attnum > 0 and not attisdropped order by attnum),
                   array(select xmin::text from pg_catalog.pg_attribute where attrelid = f.root and attnum > 0 and not attisdropped order by attnum),
                   f.parts, f.emptied
            from (select given.root, array_agg(c.relfilenode::bigint order by c.oid) as files, array_agg(c.oid order by c.oid) as parts,
                         array_agg(c.relpages = 0 and c.reltuples <= 0 order by c.oid) as emptied
                  from unnest($1, $2) given (root, relation) join pg_catalog.pg_class c on c.oid = given.relation group by given.root) f
            """, connection)
        {
            Parameters =
            {
                new() { Value = held.Select(pair => pair.Root).ToArray(), NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Oid },
                new() { Value = held.Select(pair => pair.Relation).ToArray(), NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Oid },
            },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new Dictionary<uint, (string Shape, string Storage, IReadOnlyDictionary<int, string> Versions, uint[] Parts, long[] Files, bool[] Emptied)>();
        while (await reader.ReadAsync(cancellationToken))
            found.Add(reader.GetFieldValue<uint>(0), (reader.GetString(1), StorageOf(reader.GetFieldValue<long[]>(2)),
                reader.GetFieldValue<short[]>(3).Zip(reader.GetFieldValue<string[]>(4)).ToDictionary(pair => (int)pair.First, pair => pair.Second),
                reader.GetFieldValue<uint[]>(5), reader.GetFieldValue<long[]>(2), reader.GetFieldValue<bool[]>(6)));
        return tables.ToDictionary(table => table.Key, table => !found.TryGetValue(table.Value.Oid, out var now) ? Of(table.Value, "", new Dictionary<int, string>())
            : now.Shape == table.Value.Shape ? WithParts(Of(table.Value, now.Storage, now.Versions), table.Value, now.Parts, now.Files, now.Emptied)
            : throw new PipelineException(FaultKind.Unreachable, $"Table {table.Value.QualifiedName}", "it was altered while it was looked at", "It is looked at again."), StringComparer.Ordinal);
    }

    private static SplitForm Of(PostgresTable table, string storage, IReadOnlyDictionary<int, string> versions) => new(storage,
        table.Columns.ToImmutableSortedDictionary(column => (int)column.Number, column => new FormColumn(column.LakeName, $"{TypeOf(column)}@{versions.GetValueOrDefault(column.Number)}")), table.LastNumber)
    {
        Filled = [.. table.Columns.Where(column => column.IsFilled).Select(column => (int)column.Number)],
    };

    /// <summary>A truncate of one partition is in no stream that has them as their table; the file that comes with it has no statistics, as one that rows were rewritten into has.</summary>
    private static SplitForm WithParts(SplitForm form, PostgresTable table, uint[] parts, long[] files, bool[] emptied) => parts is [var only] && only == table.Oid ? form : form with
    {
        Parts = parts.Zip(files).ToImmutableSortedDictionary(part => part.First, part => part.Second),
        Emptied = [.. parts.Where((_, i) => emptied[i])],
    };

    private static string TypeOf(PostgresColumn column) => column.TypeModifier < 0 ? Sql.Integer(column.TypeOid) : $"{Sql.Integer(column.TypeOid)}:{Sql.Integer(column.TypeModifier)}";

    /// <summary>Of many partitions a digest: all of them are rewritten together.</summary>
    private static string StorageOf(long[] files) => files is [var one]
        ? one.ToString(CultureInfo.InvariantCulture)
        : Convert.ToHexStringLower(SHA256.HashData([.. files.SelectMany(BitConverter.GetBytes)]).AsSpan(0, 8));
}
