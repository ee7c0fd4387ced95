using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Apache.Arrow;
using Npgsql;
using Pipeline.Core;
using Pipeline.Core.Columns;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Decoding;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>
/// Asks the table for the values that a <see cref="MovedRow"/> lacks. They are those of now: what has changed them since is in the stream behind the
/// row and wins, and of a row that is gone by now the stream says so.
/// </summary>
internal static class MovedRows
{
    /// <summary>How many are asked for at a time at most: their values may be large.</summary>
    public const int AtATime = 100;

    private static readonly DateTimeOffset Epoch = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly int FirstDay = DateOnly.FromDateTime(Epoch.UtcDateTime).DayNumber;

    /// <param name="bytesMax">Of their text in memory: when it is reached, the others are left for the next time.</param>
    /// <returns>For each of the first rows, and at least one, the values of its missing columns as the server's text; null for a row that is gone.</returns>
    /// <exception cref="InvalidDataException">They cannot be had; the message says why.</exception>
    public static async ValueTask<IReadOnlyList<IReadOnlyList<string?>?>> ReadAsync(NpgsqlConnection connection, PostgresTable table, IReadOnlyList<MovedRow> rows, long bytesMax, CancellationToken cancellationToken)
    {
        var key = rows[0].Key.Select(part => table.Columns[part.Column]).ToList();
        var columns = rows.SelectMany(row => row.Missing).Distinct().Select(column => (Index: column, Column: table.Columns[column])).ToList();
        var asked = rows.Select((row, i) => $"({i}, {string.Join(", ", row.Key.Select((part, k) => $"{Sql.Text(TextOf(key[k], part.Kind, part.Value))}::{key[k].TypeName}"))})");
        await using var command = new NpgsqlCommand($"""
            select asked.i, row.{Sql.Identifier(key[0].Name)} is not null, {string.Join(", ", columns.Select(column => $"row.{Sql.Identifier(column.Column.Name)}"))}
            from (values {string.Join(", ", asked)}) asked (i, {string.Join(", ", key.Select((_, k) => $"k{k}"))})
            left join {table.QualifiedName} row on {string.Join(" and ", key.Select((column, k) => $"row.{Sql.Identifier(column.Name)} = asked.k{k}"))}
            where {CatalogReader.OidSql(table.QualifiedName)} = {Sql.Integer(table.Oid)}
              and not exists (select from pg_attribute a join pg_type t on t.oid = a.atttypid where a.attrelid = {Sql.Integer(table.Oid)} and {string.Join(" or ", columns.Select(column => $"(a.attname = {Sql.Text(column.Column.Name)} and coalesce(nullif(t.typbasetype, 0), t.oid) <> {Sql.Integer(column.Column.TypeOid)})"))})
            order by asked.i
            """, connection) { AllResultTypesAreUnknown = true };
        var found = new List<IReadOnlyList<string?>?>(rows.Count);
        var bytes = 0L;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (bytes < bytesMax && await reader.ReadAsync(cancellationToken))
        {
            var row = rows[int.Parse(reader.GetString(0), NumberStyles.None, CultureInfo.InvariantCulture)];
            List<string?>? values = reader.GetString(1) != "t" ? null
                : [.. row.Missing.Select(missing => columns.FindIndex(column => column.Index == missing) + 2).Select(field => reader.IsDBNull(field) ? null : reader.GetString(field))];
            bytes += values?.Sum(value => sizeof(char) * (value?.Length ?? 0L)) ?? 0;
            found.Add(values);
        }

        return found.Count > 0 ? found : throw new InvalidDataException("the table is another one by now, or a column has another type");
    }

    private static string TextOf(PostgresColumn column, byte kind, byte[] value) => kind == Tuple.Text ? Encoding.UTF8.GetString(value) : column.TypeOid switch
    {
        TypeOids.Bool => value[0] != 0 ? "t" : "f",
        TypeOids.Int2 => Sql.Integer(BinaryPrimitives.ReadInt16BigEndian(value)),
        TypeOids.Int4 => Sql.Integer(BinaryPrimitives.ReadInt32BigEndian(value)),
        TypeOids.Int8 => Sql.Integer(BinaryPrimitives.ReadInt64BigEndian(value)),
        TypeOids.Oid => Sql.Integer(BinaryPrimitives.ReadUInt32BigEndian(value)),
        TypeOids.Float4 => BinaryPrimitives.ReadSingleBigEndian(value).ToString("R", CultureInfo.InvariantCulture),
        TypeOids.Float8 => BinaryPrimitives.ReadDoubleBigEndian(value).ToString("R", CultureInfo.InvariantCulture),
        TypeOids.Numeric => NumberText(value),
        TypeOids.Uuid => new Guid(value, bigEndian: true).ToString(),
        TypeOids.Bytea => $"\\x{Convert.ToHexStringLower(value)}",
        TypeOids.Text or TypeOids.Varchar or TypeOids.Bpchar or TypeOids.Name => Encoding.UTF8.GetString(value),
        TypeOids.Date => DateOnly.FromDayNumber(FirstDay + BinaryPrimitives.ReadInt32BigEndian(value)).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        TypeOids.Timestamp or TypeOids.TimestampTz => $"{Moments.OfMicroseconds(Epoch, BinaryPrimitives.ReadInt64BigEndian(value)).UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture)}+00",
        _ when column.TypeKind == 'e' => Encoding.UTF8.GetString(value),
        _ => throw new InvalidDataException($"a key of type {column.TypeText} cannot be asked for"),
    };

    private static string NumberText(byte[] value)
    {
        using var memory = new ColumnMemory();
        var decoder = new NumericTextDecoder(memory, 1, 64);
        decoder.Append(value);
        using var text = (StringArray)decoder.Column.Build();
        return text.GetString(0);
    }
}
