using System.Data;
using Microsoft.Extensions.Logging;
using Npgsql;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Client;
using Pipeline.Sources.Postgres.Decoding;

namespace Pipeline.Sources.Postgres.Reading.Watermark;

/// <summary>
/// Reads a table in half-open windows of its watermark, again and again. A window's end is fixed before its rows are
/// read, below everything that open transactions may still write, so that a row committed late falls into a later window.
/// </summary>
/// <remarks>
/// Rows without a watermark are read once, with the first window. A window without rows yields nothing: the next one
/// begins where it began.
/// </remarks>
/// <param name="rowsMax">Of each window, for somebody who only looks; null: all.</param>
internal sealed class WatermarkReader(
    PostgresConnections connections, PostgresTableOptions table, WatermarkServer server, SplitPosition from, DescribedTables tables, ChunkQueue queue, SplitLooks looks, SourceServices services, int? rowsMax)
{
    /// <summary>A table in which nothing changes is looked at so many times less often.</summary>
    private const int QuietPauses = 30;

    private readonly RetryPolicy _pauses = new() { BackoffMin = connections.Options.PollInterval, BackoffMax = connections.Options.PollInterval * QuietPauses, Jitter = 0 };

    private readonly string _thing = $"Source {connections.Options.Name}, table {table.Name}";
    private readonly ILogger _log = services.Logs.CreateLogger<WatermarkReader>();
    private readonly RepeatedTime _repeated = new();
    private readonly UnreadRowsWatch _unread = new($"Source {connections.Options.Name}, table {table.Name}", table.Watermark, isFirstReading: from.Position is null, services.Time,
        services.Logs.CreateLogger<WatermarkReader>());

    private readonly WatermarkSplit _split = server.Split;

    /// <summary>Where the next window begins; null before the first.</summary>
    private long? _from = from.Position;

    /// <summary>The greatest time that was read, as a position; null: not known, or watermarks are numbers.</summary>
    private long? _newest = from.Marks.Note;

    /// <summary>When it was last looked whether that is still there; null: not yet.</summary>
    private long? _lookedForFallenAt;

    private TransactionHorizon? _horizon;

    /// <summary>How far it could be read at the last look.</summary>
    private long? _lookedTo;

    /// <summary>When it was last looked, and how long before that all was committed that lies before the end; null: not known.</summary>
    private (long LookedAt, TimeSpan Behind)? _whole;

    /// <summary>Looks that found no rows, since the last that did.</summary>
    private int _quietLooks;

    private long? _lookedAt;
    private bool _isEndTold;

    /// <summary>As the table was told of: with other columns it is opened again.</summary>
    private WatermarkColumn? _watermark;

    /// <summary>Where the chunks of this reading end; null: there were none.</summary>
    private long? _handed;

    /// <summary>Integer watermarks: a value all of whose predecessors exist, and when that was seen to be so.</summary>
    private (long End, DateTimeOffset At)? _candidate;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        // Before any turn is taken: who holds one must not wait for another.
        var told = await tables.GetAsync(table.Name, cancellationToken);
        using var held = services.Waits.Open($"The end of {_thing}");
        while (true)
        {
            if (_from >= from.End) await Task.Delay(Timeout.InfiniteTimeSpan, services.Time, cancellationToken);
            await connections.InTurnAsync(_thing, cancel => ReadNextWindowAsync(told, held, cancel), cancellationToken);
            await Task.Delay(_pauses.Delay(1 + _quietLooks), services.Time, cancellationToken);
        }
    }

    /// <param name="told">The table as the consumer knows it.</param>
    /// <param name="held">Told while open transactions hold back what may be read.</param>
    private async ValueTask<bool> ReadNextWindowAsync(PostgresTable told, Wait held, CancellationToken cancellationToken)
    {
        var window = await connections.UseBesideAsync(_thing, async (connection, cancel) =>
        {
            await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancel);
            await server.RequireAsync(connection, _thing, cancel);
            var next = await NextWindowAsync(connection, told, held, cancel);
            // Where nothing came the last time, the look itself says whether anything is there: a window is a transaction more.
            if (_quietLooks > 0 && next is not null && !await ExistsAsync(connection, next, cancel))
            {
                Pass(next);
                next = null;
            }

            await transaction.CommitAsync(cancel);
            return next;
        }, cancellationToken);
        var reached = window is null ? null : await connections.UseWireAsync(_thing, wire => ReadWindow(wire, window, cancellationToken), cancellationToken);
        if (reached is null && window is not null && from.End is not null)
        {
            queue.Add(new Chunk(_split.Id, _split.Table, new PositionRange(window.Start, window.End), rows: null) { Marks = new SplitMarks(Note: _newest) }, cancellationToken);
            reached = window.End;
        }

        _quietLooks = reached is null ? _quietLooks + 1 : 0;
        _from = reached ?? _from;
        if (window is not null) Pass(window);
        _handed = reached ?? _handed;
        if (_whole is { } whole) looks.Saw(_split.Id, SplitLook.Before(_handed, whole.LookedAt, whole.Behind, services.Time));
        return reached is not null;
    }

    /// <summary>Null while there is none.</summary>
    private async ValueTask<WatermarkWindow?> NextWindowAsync(NpgsqlConnection connection, PostgresTable told, Wait held, CancellationToken cancellationToken)
    {
        _watermark ??= await WatermarkRefusal.RequireAsync(connections, connection, table, told, _thing, cancellationToken);
        var lookedAt = services.Time.GetTimestamp();
        var moment = await ServerMoment.ObserveAsync(connection, _watermark, cancellationToken);
        var sinceLook = _lookedAt is { } before ? services.Time.GetElapsedTime(before) : (TimeSpan?)null;
        _lookedAt = lookedAt;
        var described = await CatalogReader.ReadAsync(connection, table, _thing, cancellationToken);
        RequireSameTable(described, told);
        var watermark = _watermark;
        // All that there is, those without a watermark among them.
        if (watermark.IsTimestamp && _from == FallenTimes.Beginning) _from = null;
        // It lies before what was read once, and has no row that is still to be committed.
        if (from.End is { } last) return await WindowAsync(connection, described, watermark, last, overlap: TimeSpan.Zero, cancellationToken);
        await _unread.LookAsync(connection, described, watermark, cancellationToken);
        if (watermark.IsTimestamp)
        {
            LookForRepeatedTime(moment, sinceLook);
            await LookForFallenTimesAsync(connection, described, watermark, cancellationToken);
        }
        else await LookForRepeatedNumbersAsync(connection, described, watermark, cancellationToken);
        var (next, wholeAt) = await WindowEndAsync(connection, described, watermark, moment, cancellationToken);
        TellHeld(held, moment.Transactions, isHeld: watermark.IsTimestamp ? next == _lookedTo : _candidate is { } candidate && moment.Transactions.OldestTransaction <= candidate.At);
        _lookedTo = next;
        _whole = wholeAt is { } whole ? (lookedAt, moment.Transactions.Clock - whole) : null;
        if (next is not { } end) return null;
        if (_repeated.IsOn)
            return _repeated.Next(end, _from!.Value) is { } again ? new WatermarkWindow(described, watermark, _from, _from.Value + 1) { Again = again } : null;
        return end <= (_from ?? watermark.Beginning) ? null : await WindowAsync(connection, described, watermark, end, table.Overlap, cancellationToken);
    }

    private async ValueTask<WatermarkWindow> WindowAsync(NpgsqlConnection connection, PostgresTable described, WatermarkColumn watermark, long end, TimeSpan overlap, CancellationToken cancellationToken) =>
        new(described, watermark, _from, end)
        {
            Overlap = overlap,
            RowsMax = rowsMax,
            IsOrdered = await CatalogReader.HasIndexLeadingOnAsync(connection, described, watermark.Column, cancellationToken),
        };

    /// <summary>A table that is only quiet is not held: its end moves with the server's clock, or nothing lies behind it.</summary>
    private static void TellHeld(Wait held, TransactionObservation transactions, bool isHeld)
    {
        if (!isHeld || (transactions.OldestTransaction is null && transactions.Prepared.Count == 0)) held.End();
        else if (transactions.Prepared.Count > 0) held.Begin(new WaitReason($"what may be read is held back by {Plural.Of(transactions.Prepared.Count, "prepared transaction")}", "prepared transactions") { NextStep = $"Look them up in pg_prepared_xacts; to end one: ROLLBACK PREPARED {Sql.Text(transactions.PreparedName!)};" });
        else
            held.Begin(new WaitReason($"what may be read is held back by a transaction that is open on the server since {transactions.OldestTransaction!.Value.InWords()}")
            {
                NextStep = ServerWait.HowToEnd([Sql.Integer(transactions.OldestProcess)]),
            });
    }

    /// <summary>Returns the position reached; null when the window was empty.</summary>
    private long? ReadWindow(WireConnection wire, WatermarkWindow window, CancellationToken cancellationToken)
    {
        server.Require(wire, _thing);
        // An open transaction that has touched the table keeps its definition and its name as they are while the rows come.
        wire.Execute($"begin read only; select from {window.Table.QualifiedName} limit 0");
        var isUnchanged = wire.QueryRow($"select ({CatalogReader.ShapeSql(Sql.Integer(window.Table.Oid))}), {CatalogReader.OidSql(window.Table.QualifiedName)}") is [var shape, var oid]
            && shape == window.Table.Shape && oid == Sql.Integer(window.Table.Oid);
        var reader = new WindowReader(window, _split, queue, connections.Options.ChunkBytesMax, _newest);
        var reached = isUnchanged ? reader.Read(wire, cancellationToken) : null;
        _newest = reader.Newest;
        wire.Execute("commit");
        return isUnchanged ? reached : throw DescribedTables.Changed(_thing, "it was altered before it could be read");
    }

    private void RequireSameTable(PostgresTable described, PostgresTable told)
    {
        if (described.Oid != _split.TableOid)
            throw new PipelineException(FaultKind.Gap, _thing, $"table {table.Table} was dropped and made again while it was read",
                "The new table is another split, read from its own beginning: restart the source.") { Split = _split.Id };
        if (described.Shape != told.Shape)
            throw DescribedTables.Changed(_thing, "columns were added, dropped or changed");
    }

    /// <summary>Null while no end can be known. Nothing that was committed by <c>WholeAt</c>, on the server's clock, lies at or beyond it.</summary>
    private async ValueTask<(long? End, DateTimeOffset? WholeAt)> WindowEndAsync(NpgsqlConnection connection, PostgresTable described, WatermarkColumn watermark, ServerMoment moment,
        CancellationToken cancellationToken)
    {
        RequireSightOfTransactions(moment, watermark);
        // Of a clock that was set back, what was read says nothing of what was prepared since.
        _horizon ??= new TransactionHorizon(connections.Options.CommitLag, watermark.IsTimestamp && _from is { } reached && !_repeated.IsOn ? WatermarkColumn.TimeOf(reached) : null);
        var horizon = _horizon.Observe(moment.Transactions);
        if (watermark.IsTimestamp) return horizon is { } time ? (WatermarkColumn.PositionOf(time), time) : (null, null);

        // Integers are handed out in order but committed in any: those below the candidate are complete once every
        // transaction that was open when it was seen has ended.
        long? end = null;
        DateTimeOffset? wholeAt = null;
        if (_candidate is { } later && later.At > moment.Transactions.Clock) _candidate = (later.End, moment.Transactions.Clock);
        if (_candidate is { } candidate && horizon > candidate.At && !moment.Transactions.HasOneOfLater) (end, wholeAt, _candidate) = (candidate.End, candidate.At, null);
        _candidate ??= await LargestAsync(connection, described, watermark, cancellationToken) is { } largest && largest >= (end ?? _repeated.From ?? _from ?? watermark.Beginning) && (end ?? _from) != long.MaxValue
            ? (largest == long.MaxValue ? largest : largest + 1, moment.Transactions.Clock)
            : null;
        if (_from == long.MaxValue && !_isEndTold) _log.WatermarkIsAtItsEnd(_thing, table.Watermark);
        _isEndTold = _from == long.MaxValue;
        // Nothing is there that has not been read.
        return (end, _candidate is null && end is null ? moment.Transactions.Clock : wholeAt);
    }

    private void RequireSightOfTransactions(ServerMoment moment, WatermarkColumn watermark)
    {
        if (table.Overlap > TimeSpan.Zero && watermark.IsTimestamp) return;
        if (moment.IsStandby)
            throw new PipelineException(FaultKind.Invalid, _thing, "the server is a standby, which does not know the primary's open transactions: late commits would be lost",
                "Connect to the primary, or set 'overlap' to more than the longest transaction.");
        if (!moment.SeesAllTransactions)
            throw new PipelineException(FaultKind.NotAuthorised, _thing, "the role cannot see other roles' open transactions: late commits would be lost",
                $"GRANT pg_read_all_stats TO {Sql.Identifier(connections.Options.Security.Username)};");
    }

    /// <summary>What a window has of times that are given a second time is read.</summary>
    private void Pass(WatermarkWindow window)
    {
        if (window.Again is { High: var high } && _repeated.ReadTo(high, _from!.Value) && window.Watermark.IsTimestamp) _log.ClockCaughtUp(_thing);
    }

    /// <summary>A clock that is set back stamps changes with times that have been read.</summary>
    private void LookForRepeatedTime(ServerMoment moment, TimeSpan? sinceLook)
    {
        var clock = moment.Transactions.Clock;
        if (!_repeated.Look(WatermarkColumn.PositionOf(clock), _from, sinceLook)) return;
        _log.ClockSetBack(_thing, clock.InWords(), WatermarkColumn.TimeOf(_from!.Value).InWords(),
            sinceLook is null ? "after all rows once more: nobody knows since when" : "some rows twice");
    }

    /// <summary>Where an index tells it is looked whenever nothing new came; else a whole table may be read for it.</summary>
    private async ValueTask LookForFallenTimesAsync(NpgsqlConnection connection, PostgresTable described, WatermarkColumn watermark, CancellationToken cancellationToken)
    {
        if (_newest is null || _repeated.IsOn) return;
        var isDue = _lookedForFallenAt is not { } before || services.Time.GetElapsedTime(before) >= UnreadRowsWatch.LookEvery;
        if (!isDue && !(_quietLooks > 0 && await CatalogReader.HasIndexLeadingOnAsync(connection, described, watermark.Column, cancellationToken))) return;
        _lookedForFallenAt = services.Time.GetTimestamp();
        var doubt = await FallenTimes.FindAsync(connection, described, watermark, _split, _newest, _thing, cancellationToken);
        if (looks.Doubt(_split.Id, doubt, services.Time) is { } told) _log.RowsMayBePassedBy(told.Thing, told.Cause, told.NextStep);
    }

    /// <summary>A table that was truncated, or restored, numbers its changes with numbers that have been read.</summary>
    private async ValueTask LookForRepeatedNumbersAsync(NpgsqlConnection connection, PostgresTable described, WatermarkColumn watermark, CancellationToken cancellationToken)
    {
        if (_from is not ({ } reached and < long.MaxValue) || await LargestAsync(connection, described, watermark, cancellationToken) is not { } largest) return;
        if (!_repeated.Look(largest == long.MaxValue ? largest : largest + 1, reached, sinceLook: null, watermark.Beginning)) return;
        _log.NumbersBeganAgain(_thing, table.Watermark, largest, reached);
        // What was seen of greater numbers says nothing of when smaller ones are complete.
        _candidate = null;
    }

    /// <summary>Asks what reading asks; of windows one that has no rows.</summary>
    /// <exception cref="PipelineException">Reading would fail.</exception>
    public static async ValueTask<UnreadRows> TryAsync(PostgresConnections connections, string thing, NpgsqlConnection connection, PostgresTable described, WatermarkColumn watermark,
        CancellationToken cancellationToken)
    {
        if (!watermark.IsTimestamp) await LargestAsync(connection, described, watermark, cancellationToken);
        var unread = await UnreadRows.CountAsync(connection, described, watermark, cancellationToken);
        var window = new WatermarkWindow(described, watermark, From: 0, End: 0)
        {
            IsOrdered = await CatalogReader.HasIndexLeadingOnAsync(connection, described, watermark.Column, cancellationToken),
        };
        await connections.UseWireAsync(thing, wire =>
        {
            wire.Execute($"begin read only; select from {described.QualifiedName} limit 0");
            var rows = new CopyRows(wire, window.CopySql, described.Columns.Count);
            while (rows.TryRead(out _))
            {
            }

            wire.Execute("commit");
            return true;
        }, cancellationToken);
        return unread;
    }

    private static async ValueTask<bool> ExistsAsync(NpgsqlConnection connection, WatermarkWindow window, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(window.ExistsSql, connection);
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static async ValueTask<long?> LargestAsync(NpgsqlConnection connection, PostgresTable described, WatermarkColumn watermark, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"select max({watermark.Sql})::bigint from {described.QualifiedName}", connection);
        return await command.ExecuteScalarAsync(cancellationToken) as long?;
    }
}
