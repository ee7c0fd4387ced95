using System.Buffers.Binary;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Client;
using Pipeline.Sources.Postgres.Decoding;

namespace Pipeline.Sources.Postgres.Reading.Watermark;

/// <summary>The column that orders a table's changes, and its values as positions.</summary>
/// <remarks>
/// Timestamps are microseconds since 1970 in UTC, those without zone as if they were of UTC; earlier ones count as 0, the beginning. A timestamp of <c>infinity</c> lies after every
/// window and is never read, which is told. Integers are themselves, but for the greatest there is: no range ends behind it, so that it
/// lies with the one before it.
/// </remarks>
internal sealed class WatermarkColumn
{
    public const string Utc = "UTC";

    private readonly int _index;
    private readonly PostgresColumn _column;

    private readonly string _zone;

    private WatermarkColumn(int index, PostgresColumn column, string zone = Utc)
    {
        _index = index;
        _column = column;
        _zone = zone;
    }

    public string Sql => Catalog.Sql.Identifier(_column.Name);

    public PostgresColumn Column => _column;

    public bool IsTimestamp => _column.TypeOid is TypeOids.Timestamp or TypeOids.TimestampTz;

    public bool IsNullable => !_column.IsNotNull;

    /// <summary>How far apart two of its times are at least.</summary>
    public TimeSpan Step => IsTimestamp && _column.TypeModifier is >= 0 and < 6 ? Moments.StepOf(_column.TypeModifier) : TimeSpan.FromMicroseconds(1);

    /// <summary>The least position that a split of it can have.</summary>
    public long Beginning => IsTimestamp ? 0 : long.MinValue;

    /// <summary>The server's clock as a value of the column.</summary>
    public string NowSql => HasZone ? "now()" : $"(now() at time zone {Catalog.Sql.Text(_zone)})";

    /// <summary>Whether its values are moments by themselves.</summary>
    public bool HasZone => _column.TypeOid != TypeOids.Timestamp;

    /// <summary>Whether its values are moments as they stand: with a zone, or of UTC.</summary>
    public bool IsMoment => HasZone || _zone == Utc;

    /// <summary>A moment of the server as the column would have it, its wall clock taken for UTC.</summary>
    /// <param name="moment">SQL of type <c>timestamptz</c>.</param>
    public string ClockSql(string moment) => IsMoment ? moment : $"(({moment}) at time zone {Catalog.Sql.Text(_zone)}) at time zone '{Utc}'";

    /// <summary>The column, whose times without zone are of a zone.</summary>
    public WatermarkColumn In(string zone) => new(_index, _column, zone);

    /// <exception cref="PipelineException">The table has no such column, or its type cannot order changes.</exception>
    public static WatermarkColumn Find(PostgresTable table, string name, string thing)
    {
        for (var i = 0; i < table.Columns.Count; i++)
        {
            var column = table.Columns[i];
            if (column.Name != name) continue;
            if (column.TypeOid is TypeOids.Timestamp or TypeOids.TimestampTz or TypeOids.Int2 or TypeOids.Int4 or TypeOids.Int8)
                return new WatermarkColumn(i, column);
            throw new PipelineException(FaultKind.Invalid, thing, $"watermark column {name} is of type {column.TypeName}",
                "Choose a column of type timestamptz, timestamp, smallint, integer or bigint.");
        }

        throw new PipelineException(FaultKind.Missing, thing, $"table {table.QualifiedName} has no column {name}",
            $"Correct the setting 'watermark'. Columns: {string.Join(", ", table.Columns.Select(column => column.Name))}.");
    }

    /// <summary>The row's position; null when its watermark is null.</summary>
    public long? PositionOf(ReadOnlySpan<byte> fields)
    {
        try
        {
            return Read(fields);
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            throw WireFault.Of("a row", e);
        }
    }

    private long? Read(ReadOnlySpan<byte> fields)
    {
        var at = 0;
        for (var i = 0; i < _index; i++) at += sizeof(int) + Math.Max(BinaryPrimitives.ReadInt32BigEndian(fields[at..]), 0);
        var length = BinaryPrimitives.ReadInt32BigEndian(fields[at..]);
        var value = fields[(at + sizeof(int))..];
        long position = length switch
        {
            -1 => 0,
            sizeof(short) => BinaryPrimitives.ReadInt16BigEndian(value),
            sizeof(int) => BinaryPrimitives.ReadInt32BigEndian(value),
            _ when !IsTimestamp => BinaryPrimitives.ReadInt64BigEndian(value),
            _ => PostgresEpoch.TryToUnixMicroseconds(BinaryPrimitives.ReadInt64BigEndian(value), out var microseconds) ? microseconds : 0,
        };
        return length == -1 ? null : Math.Clamp(position, Beginning, long.MaxValue - 1);
    }

    /// <summary>A position as a literal of the column's type.</summary>
    public string Literal(long position) => _column.TypeOid switch
    {
        TypeOids.TimestampTz => $"'{Iso(position)}Z'::timestamptz",
        TypeOids.Timestamp => $"'{Iso(position)}'::timestamp",
        _ => Catalog.Sql.Integer(position),
    };

    public static long PositionOf(DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    public static DateTimeOffset TimeOf(long position) => Moments.OfMicroseconds(DateTimeOffset.UnixEpoch, position);

    private static string Iso(long position) => TimeOf(position).ToString("yyyy-MM-ddTHH:mm:ss.ffffff", CultureInfo.InvariantCulture);
}
