using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using Npgsql;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Decoding;
using Pipeline.Sources.Postgres.Client;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>
/// Reads the rows a table has by ranges of its blocks, several at a time, each with its own short snapshot, while the
/// stream runs beside it. The ranges are handed on in the order of blocks, so that one position tells how far it is.
/// </summary>
/// <remarks>
/// Each row carries the slot's confirmed position from before its range was read. Whatever committed before that is seen
/// by the range, which waits for what stands in the log and cannot be seen yet; whatever committed later is in the stream with a later position and wins, be it an update, a delete, or
/// a row that moved to a block already read, or behind the last one known then. The stream leaves out what is stored out of line
/// and did not change: where anything is, the last range, which is begun when all others have been read, also has the rows
/// that were written since the first was known, all of one moment. When that was is the <see cref="SplitMarks.Note"/> of the split.
/// </remarks>
/// <param name="placeOf">The position that rows carry which are read from now on: no change that is not in them lies before it.</param>
internal sealed class SnapshotReader(PostgresConnections connections, SnapshotSplit split, SplitPosition from, DescribedTables tables, ChunkQueue queue, SplitLooks looks, PostgresMetrics metrics, SourceServices services,
    Func<NpgsqlConnection, CancellationToken, ValueTask<long>> placeOf)
{
    private const int BlockBytes = 8192;

    /// <summary>The size of a range in full chunks, and how many chunks a reader may be ahead of those before it.</summary>
    private const int RangeChunks = 4;

    /// <summary>Ranges that are looked through in one statement for rows that have moved: their large values are not read.</summary>
    private const int MovedRanges = 16;

    private static readonly TimeSpan LogInterval = TimeSpan.FromSeconds(10);

    private readonly PostgresSourceOptions _options = connections.Options;
    private readonly ILogger _log = services.Logs.CreateLogger<SnapshotReader>();
    private readonly string _thing = $"Source {connections.Options.Name}, snapshot of table {split.Table}";
    private readonly SnapshotProgress _progress = new(split.Table, split.RelationOid, services.Time);
    private readonly SemaphoreSlim _claiming = new(1);
    private readonly CommittedTransactions _committed = new(connections, services);

    /// <summary>Where the next range to be claimed begins.</summary>
    private long _position = from.Position ?? 0;

    /// <summary>No transaction before this one was under way when the first range was claimed, in this life or an earlier one; null: it is not known.</summary>
    private long? _since = from.Marks.Note;

    /// <summary>Where the chunks of this reading end; null: there were none.</summary>
    private long? _handed;

    /// <summary>Ends when the last claimed range has handed on its rows.</summary>
    private Task _before = Task.CompletedTask;

    private long _loggedAt = services.Time.GetTimestamp();
    private Exception? _failure;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (_position == SnapshotSplit.Complete)
        {
            SeeEnd();
            return;
        }

        var table = await tables.GetAsync(split.Table, cancellationToken);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        metrics.Started(_progress);
        try
        {
            await Task.WhenAll(Enumerable.Range(0, _options.ReadersMax).Select(_ => ReadRangesAsync(table, stop)));
        }
        catch (Exception) when (_failure is not null)
        {
            // The first one; the others' readers were cut off for it.
            ExceptionDispatchInfo.Throw(_failure);
        }
        finally
        {
            metrics.Stopped(_progress);
            _claiming.Dispose();
        }
    }

    /// <summary>One reader of several: takes the next range while there is one. A failure of one ends all.</summary>
    private async Task ReadRangesAsync(PostgresTable table, CancellationTokenSource stop)
    {
        try
        {
            while (await connections.InTurnAsync(_thing, cancel => ReadRangeAsync(table, cancel), stop.Token))
            {
                // The next one.
            }
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref _failure, e, comparand: null);
            await stop.CancelAsync();
            throw;
        }
    }

    /// <returns>Whether there was a range to read.</returns>
    private async ValueTask<bool> ReadRangeAsync(PostgresTable table, CancellationToken cancellationToken)
    {
        // Claimed in its turn: the range that is handed on first never waits for one.
        if (await ClaimAsync(table, cancellationToken) is not { } range) return false;
        await connections.UseWireAsync(_thing, wire => Read(wire, range, cancellationToken), cancellationToken);
        _progress.Reached(range.End);
        if (range.IsLast || services.Time.GetElapsedTime(_loggedAt) >= LogInterval) LogProgressNow();
        range.HandOn();
        _handed = range.Positions.To;
        if (range.IsLast) SeeEnd();
        return true;
    }

    /// <summary>What comes later is the slot's.</summary>
    private void SeeEnd() => looks.Saw(split.Id, new SplitLook(_handed, SplitLook.ForEver));

    /// <summary>One reader after the other, so that one connection serves the questions of all.</summary>
    private async ValueTask<BlockRange?> ClaimAsync(PostgresTable table, CancellationToken cancellationToken)
    {
        await _claiming.WaitAsync(cancellationToken);
        try
        {
            if (_position == SnapshotSplit.Complete) return null;
            var range = await connections.UseBesideAsync(_thing, (connection, cancel) => ClaimAsync(connection, table, cancel), cancellationToken);
            if (range is not null) await _committed.WaitForAllAsync(_thing, cancellationToken);
            return range;
        }
        finally
        {
            _claiming.Release();
        }
    }

    private async ValueTask<BlockRange?> ClaimAsync(NpgsqlConnection connection, PostgresTable table, CancellationToken cancellationToken)
    {
        var place = await placeOf(connection, cancellationToken);
        if (await FindAsync(connection, cancellationToken) is not { } relation)
        {
            // A partition that is gone has no rows left to read.
            _position = SnapshotSplit.Complete;
            await _before.WaitAsync(cancellationToken);
            SeeEnd();
            return null;
        }

        var (startedFile, next) = SnapshotSplit.BlockAt(_position);
        if (startedFile != relation.File)
        {
            if (_position > 0) _log.SnapshotStartedAgain(split.Table);
            next = 0;
        }

        if (next == 0) _since = relation.OldestTransaction;
        var publication = await CaptureSetup.FindPublicationAsync(connection, _options, cancellationToken);
        _progress.Found(next, relation.Blocks, relation.Rows);
        var size = Math.Max(_options.ChunkBytesMax * RangeChunks / BlockBytes, 1);
        var end = Math.Min(next + size, relation.Blocks);
        var reached = end >= relation.Blocks ? SnapshotSplit.Complete : SnapshotSplit.PositionOf(relation.File, end);
        var range = new BlockRange(table, relation.Name, relation.File, next, end, place, publication?.Tables.GetValueOrDefault(table.Oid)?.Filter, new PositionRange(_position, reached), _before)
        {
            Since = _since, HasMoved = reached == SnapshotSplit.Complete && next > 0 && relation.HasOutOfLine, MovedBlocks = size * MovedRanges,
        };
        (_position, _before) = (reached, range.HandedOn);
        return range;
    }

    private bool Read(WireConnection wire, BlockRange range, CancellationToken cancellationToken)
    {
        // What moves from now on has been read where it was.
        if (range.HasMoved) range.Before.Wait(cancellationToken);
        // Touched, the table keeps its definition, its name and its file for the length of the transaction.
        wire.Execute($"begin{(range.HasMoved ? " isolation level repeatable read" : "")} read only; select from only {range.Relation} limit 0");
        var isSame = wire.QueryRow($"select ({CatalogReader.ShapeSql(Sql.Integer(range.Table.Oid))}), pg_relation_filenode({Sql.Integer(split.RelationOid)})::bigint, {CatalogReader.OidSql(range.Relation)}") is [var shape, var file, var oid]
            && shape == range.Table.Shape && file == Sql.Integer(range.File) && oid == Sql.Integer(split.RelationOid);
        if (!isSame)
        {
            wire.Execute("commit");
            throw DescribedTables.Changed(_thing, "it was altered or rewritten while it was read");
        }

        using var ahead = new ChunksAhead(queue, range.Before, RangeChunks);
        using var chunk = new RowChunkBuilder(range.Table, isCapture: true);
        var piece = new PositionRange(range.Positions.From, range.Positions.From);
        foreach (var sql in range.Copies)
        {
            var rows = new CopyRows(wire, sql, range.Table.Columns.Count);
            while (rows.TryRead(out var fields))
            {
                if (chunk.RowBytes >= _options.ChunkBytesMax) Hand(piece);
                chunk.Append(fields, range.WalPosition);
            }
        }

        wire.Execute("commit");
        Hand(range.Positions);
        ahead.Finish(cancellationToken);
        return true;

        void Hand(PositionRange positions)
        {
            var built = chunk.Build(split.Id, split.Table, positions, newestEventAt: null, new SplitMarks(Note: range.Since));
            _progress.Read(built.RowCount);
            ahead.Add(built, cancellationToken);
        }
    }

    private void LogProgressNow()
    {
        _loggedAt = services.Time.GetTimestamp();
        _log.SnapshotProgress(split.Table, _progress.Rows, _progress.RowsExpected, (long)_progress.Percent, (long)(_progress.Remaining?.TotalSeconds ?? 0));
    }

    private async ValueTask<(string Name, uint File, long Blocks, long Rows, bool HasOutOfLine, long OldestTransaction)?> FindAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        // Rows as the planner estimates them: the density of the last analysis, over the blocks there are now.
        await using var command = new NpgsqlCommand("""
            select format('%I.%I', n.nspname, c.relname), pg_relation_filenode(c.oid), blocks, (case when reltuples < 0 or relpages = 0 then -1 else reltuples / relpages * blocks end)::bigint,
                coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0) > 0, txid_snapshot_xmin(txid_current_snapshot())
            from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace,
                 lateral (select pg_relation_size(c.oid) / current_setting('block_size')::int as blocks) size
            where c.oid = $1
            """, connection) { Parameters = { CatalogReader.Oid(split.RelationOid) } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        // The row is of before, what its functions say of now: of a table that was dropped in between they say nothing.
        return await reader.ReadAsync(cancellationToken) && !reader.IsDBNull(1) && !reader.IsDBNull(2) ? (reader.GetString(0), reader.GetFieldValue<uint>(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetBoolean(4), reader.GetInt64(5)) : null;
    }

    /// <summary>Rows in blocks <c>[Start, End)</c> of one file.</summary>
    /// <param name="WalPosition">The slot's confirmed position from before the range was known.</param>
    /// <param name="Filter">The rows that are published; null: all.</param>
    /// <param name="Before">Ends when the range before it has been handed on.</param>
    private sealed record BlockRange(PostgresTable Table, string Relation, uint File, long Start, long End, long WalPosition, string? Filter, PositionRange Positions, Task Before)
    {
        private readonly TaskCompletionSource _handedOn = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>As of the reader.</summary>
        public long? Since { get; init; }

        /// <summary>Whether it also has the rows before it that have moved.</summary>
        public bool HasMoved { get; init; }

        /// <summary>So many of them are looked through in one statement.</summary>
        public long MovedBlocks { get; init; }

        public bool IsLast => Positions.To == SnapshotSplit.Complete;

        public Task HandedOn => _handedOn.Task;

        /// <summary>
        /// What moved is few rows of many blocks: asked for in one statement, a server would say nothing for as long as it reads them all.
        /// </summary>
        public IEnumerable<string> Copies
        {
            get
            {
                // Ages are compared, since transactions are numbered in a circle: one that is older than half of it looks new, and its row is read twice.
                var moved = Since is { } since ? $" and age(xmin) <= age('{since & uint.MaxValue}'::xid)" : "";
                for (var from = 0L; HasMoved && from < Start; from += MovedBlocks) yield return Copy($"{Below(Math.Min(from + MovedBlocks, Start))} and {From(from)}{moved}");
                // Nothing is behind the last one.
                yield return Copy(IsLast ? From(Start) : $"{From(Start)} and {Below(End)}");
            }
        }

        private static string From(long block) => $"ctid >= '({Sql.Integer(block)},0)'";

        private static string Below(long block) => $"ctid < '({Sql.Integer(block)},0)'";

        private string Copy(string rows) => $"copy (select {Table.SelectList} from only {Relation} where {rows}{(Filter is null ? "" : $" and ({Filter})")}) to stdout (format binary)";

        public void HandOn() => _handedOn.SetResult();
    }
}
