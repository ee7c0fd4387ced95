using Npgsql;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Client;

namespace Pipeline.Sources.Postgres.Reading.Watermark;

/// <summary>
/// Whether the newest time that was read of a table is still there: a table that was truncated, or restored, may have been given rows with older times, which no
/// window comes to. Numbers that began again are read; a clock goes on whatever was deleted, so that nobody knows of times.
/// </summary>
internal static class FallenTimes
{
    /// <summary>Where a table whose watermark is a time is read from when all that it has is.</summary>
    public const long Beginning = 0;

    /// <param name="newest">The greatest time that was read, as a position; null: not known.</param>
    /// <returns>See <see cref="ISource.DoubtOf"/>.</returns>
    public static async ValueTask<PipelineException?> FindAsync(NpgsqlConnection connection, PostgresTable described, WatermarkColumn watermark, WatermarkSplit split, long? newest, string thing, CancellationToken cancellationToken)
    {
        if (!watermark.IsTimestamp || newest is not { } read || read <= Beginning) return null;
        await using (var there = new NpgsqlCommand($"select exists (select from {described.QualifiedName} where {watermark.Sql} >= {watermark.Literal(read)})", connection))
            if ((bool)(await there.ExecuteScalarAsync(cancellationToken))!) return null;
        await using var command = new NpgsqlCommand($"select max({watermark.Sql})::text from {described.QualifiedName}", connection);
        var greatest = await command.ExecuteScalarAsync(cancellationToken) as string ?? "none";
        return new PipelineException(FaultKind.Gap, thing,
            $"the greatest {watermark.Column.Name} is {greatest}, and one of {WatermarkColumn.TimeOf(read):yyyy-MM-dd HH:mm:ss.ffffff} has been read: the table was truncated, restored, or lost its newest rows, and rows with times before that are not read",
            $"If rows with older times were put in, have all that it has read again: ./pipeline resume {TableId.Bronze(split.Id.Source, split.Table)} --accept-gap. If rows were only deleted, nothing is to be done.")
        {
            Split = split.Id, ReadAgainFrom = Beginning,
        };
    }

    /// <summary>The same for a table that nobody reads.</summary>
    public static ValueTask<PipelineException?> FindAsync(PostgresConnections connections, PostgresTableOptions table, WatermarkSplit split, long newest, string thing, CancellationToken cancellationToken) =>
        connections.UseAsync(thing, async (connection, cancel) =>
        {
            var described = await CatalogReader.ReadAsync(connection, table, thing, cancel);
            return described.Oid == split.TableOid ? await FindAsync(connection, described, WatermarkColumn.Find(described, table.Watermark, thing), split, newest, thing, cancel) : null;
        }, cancellationToken);
}
