using Microsoft.Extensions.Logging;
using Npgsql;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Decoding;
using Pipeline.Sources.Postgres.Wire;

namespace Pipeline.Sources.Postgres.Capture;

/// <summary>
/// Reads the rows a table has, one range of blocks after the other, each with its own short snapshot, while the stream
/// runs beside it.
/// </summary>
/// <remarks>
/// Each row carries the slot's confirmed position from before its range was read. Whatever committed before that is seen
/// by the range; whatever committed later is in the stream with a later position and wins, be it an update, a delete, or
/// a row that moved to a block already read.
/// </remarks>
internal sealed partial class SnapshotReader(PostgresConnections connections, SnapshotSplit split, long? from, DescribedTables tables, ChunkQueue queue, SourceServices services)
{
    private const int BlockBytes = 8192;
    private const int RangeChunks = 8;
    private static readonly byte[] ReadOp = [.. "r"u8];

    private readonly PostgresOptions _options = connections.Options;
    private readonly ILogger _log = services.Logs.CreateLogger<SnapshotReader>();
    private readonly string _thing = $"Source {connections.Options.Name}, snapshot of table {split.Table}";
    private readonly long _startedAt = services.Time.GetTimestamp();
    private long _position = from ?? 0;
    private long _rows;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var table = await tables.GetAsync(split.Table, cancellationToken);
        while (_position != SnapshotSplit.Complete)
            await connections.UseAsync(_thing, (connection, cancel) => ReadRangeAsync(connection, table, cancel), cancellationToken);
    }

    private async ValueTask<bool> ReadRangeAsync(NpgsqlConnection connection, PostgresTable table, CancellationToken cancellationToken)
    {
        // Without the slot, changes beside the snapshot would be lost.
        var slot = SlotState.Require(await CaptureSetup.FindSlotAsync(connection, _options, cancellationToken), _options, split.Id);
        var relation = await FindAsync(connection, cancellationToken);
        if (relation is not var (name, file, blocks))
        {
            // A partition that is gone has no rows left to read.
            Finish();
            return false;
        }

        var (startedFile, next) = SnapshotSplit.BlockAt(_position);
        if (startedFile != file)
        {
            if (_position > 0) LogStartedAgain(split.Table);
            next = 0;
        }

        var end = Math.Min(next + Math.Max(_options.ChunkBytesMax * RangeChunks / BlockBytes, 1), blocks);
        var range = new BlockRange(table, name, file, next, end, end >= blocks, slot.Confirmed);
        await connections.UseWireAsync(wire => Read(wire, range, cancellationToken), cancellationToken);
        LogProgress(split.Table, _rows, blocks == 0 ? 100 : 100 * end / blocks, RemainingSeconds(end, blocks));
        return true;
    }

    private bool Read(WireConnection wire, BlockRange range, CancellationToken cancellationToken)
    {
        // Touched, the table keeps its definition and its file for the length of the transaction.
        wire.Execute($"begin read only; select from only {range.Relation} limit 0");
        var isSame = wire.QueryRow($"select ({CatalogReader.ShapeSql(Sql.Integer(range.Table.Oid))}), pg_relation_filenode({Sql.Integer(split.RelationOid)})::bigint") is [var shape, var file]
            && shape == range.Table.Shape && file == Sql.Integer(range.File);
        if (!isSame)
        {
            wire.Execute("commit");
            throw DescribedTables.Changed(_thing, "it was altered or rewritten while it was read");
        }

        using var chunk = new RowChunkBuilder(range.Table, isCapture: true);
        var rows = new CopyRows(wire, range.CopySql, range.Table.Columns.Count);
        while (rows.TryRead(out var fields))
        {
            if (chunk.RowBytes >= _options.ChunkBytesMax) queue.Add(chunk.Build(split.Id, split.Table, new PositionRange(_position, _position), newestEventAt: null), cancellationToken);
            chunk.Append(fields, ReadOp, range.WalPosition);
            _rows++;
        }

        wire.Execute("commit");
        var reached = range.IsLast ? SnapshotSplit.Complete : SnapshotSplit.PositionOf(range.File, range.End);
        queue.Add(chunk.Build(split.Id, split.Table, new PositionRange(_position, reached), newestEventAt: null), cancellationToken);
        _position = reached;
        return true;
    }

    private void Finish() => _position = SnapshotSplit.Complete;

    private async ValueTask<(string Name, uint File, long Blocks)?> FindAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            select format('%I.%I', n.nspname, c.relname), pg_relation_filenode(c.oid), pg_relation_size(c.oid) / current_setting('block_size')::int
            from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = $1
            """, connection) { Parameters = { CatalogReader.Oid(split.RelationOid) } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? (reader.GetString(0), reader.GetFieldValue<uint>(1), reader.GetInt64(2)) : null;
    }

    private long RemainingSeconds(long done, long blocks) =>
        done == 0 ? 0 : (long)(services.Time.GetElapsedTime(_startedAt).TotalSeconds * (blocks - done) / done);

    [LoggerMessage(Level = LogLevel.Information, Message = "Snapshot of {Table}: {Rows} rows, {Percent} %, {RemainingSeconds} s left")]
    private partial void LogProgress(string table, long rows, long percent, long remainingSeconds);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Snapshot of {Table} starts again: the table was rewritten (VACUUM FULL, CLUSTER, TRUNCATE)")]
    private partial void LogStartedAgain(string table);

    /// <summary>Rows in blocks <c>[Start, End)</c> of one file.</summary>
    private sealed record BlockRange(PostgresTable Table, string Relation, uint File, long Start, long End, bool IsLast, long WalPosition)
    {
        public string CopySql =>
            $"copy (select {Table.SelectList} from only {Relation} where ctid >= '({Sql.Integer(Start)},0)' and ctid < '({Sql.Integer(End)},0)') to stdout (format binary)";
    }
}
