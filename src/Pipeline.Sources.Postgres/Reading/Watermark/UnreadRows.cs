using Microsoft.Extensions.Logging;
using Npgsql;
using Pipeline.Sources.Postgres.Catalog;

namespace Pipeline.Sources.Postgres.Reading.Watermark;

/// <summary>Rows to which windows do not come by themselves: without a watermark, or with one that lies far ahead of the server's clock.</summary>
/// <param name="WithoutWatermark">They are read with the first window, and never later.</param>
/// <param name="Ahead">More than a day ahead of the clock, <c>infinity</c> among them.</param>
internal sealed record UnreadRows(long WithoutWatermark, long Ahead)
{
    public static readonly UnreadRows None = new(0, 0);

    public static async ValueTask<UnreadRows> CountAsync(NpgsqlConnection connection, PostgresTable table, WatermarkColumn watermark, CancellationToken cancellationToken)
    {
        string[] conditions = [watermark.IsNullable ? $"{watermark.Sql} is null" : "false", watermark.IsTimestamp ? $"{watermark.Sql} > {watermark.NowSql} + interval '1 day'" : "false"];
        if (conditions.All(condition => condition == "false")) return None;
        await using var command = new NpgsqlCommand($"""
            select count(*) filter (where {conditions[0]}), count(*) filter (where {conditions[1]})
            from {table.QualifiedName} where {string.Join(" or ", conditions.Where(condition => condition != "false"))}
            """, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new UnreadRows(reader.GetInt64(0), reader.GetInt64(1));
    }
}

/// <summary>Looks for unread rows when a reading starts and once an hour, and tells what is more than it told before.</summary>
internal sealed class UnreadRowsWatch(string thing, string watermark, bool isFirstReading, TimeProvider time, ILogger log)
{
    public static readonly TimeSpan LookEvery = TimeSpan.FromHours(1);

    private UnreadRows? _told;
    private long _lookedAt;

    public async ValueTask LookAsync(NpgsqlConnection connection, PostgresTable table, WatermarkColumn column, CancellationToken cancellationToken)
    {
        if (_told is not null && time.GetElapsedTime(_lookedAt) < LookEvery) return;
        _lookedAt = time.GetTimestamp();
        var found = await UnreadRows.CountAsync(connection, table, column, cancellationToken);
        // A first window reads what has no watermark.
        var known = _told ?? new UnreadRows(isFirstReading ? found.WithoutWatermark : 0, 0);
        if (found.WithoutWatermark > known.WithoutWatermark) log.RowsWithoutWatermark(thing, found.WithoutWatermark, watermark);
        if (found.Ahead > known.Ahead) log.RowsAheadOfClock(thing, found.Ahead, watermark);
        _told = found;
    }
}
