using System.Collections.Immutable;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest.Streams;

/// <summary>Writes chunks into open data files and closes them together: one <see cref="ClosingRoll"/> at a time.</summary>
/// <remarks>
/// All tables of a worker are rolled together, the dead letters first, so that a roll is a consistent cut across the tables
/// of a change-capture slot. Not thread-safe: one stream stage owns it.
/// </remarks>
internal sealed class Roller
{
    private readonly Dictionary<string, TableRoll> _tables = new(StringComparer.Ordinal);
    private readonly Dictionary<SplitId, SplitStart> _starts;
    private readonly Func<CancellationToken, ValueTask<BronzeTable>> _openDeadLetters;
    private readonly OpenFiles _files;
    private readonly BronzeRows _rows;
    private readonly ByteShare _share;
    private readonly IngestMeter _meter;
    private readonly IngestOptions _options;
    private readonly TimeProvider _time;
    private readonly Func<string, bool> _positionsNameRecords;
    private TableRoll? _deadLetters;
    private HeldLetters _held = HeldLetters.None;
    private bool _isPrepared;
    private long? _since;

    /// <param name="tables">The tables of the worker's splits, by their name in the source.</param>
    /// <param name="positionsNameRecords">Of a table, whether no two of its records share a position.</param>
    /// <param name="openDeadLetters">Makes the source's dead-letter table, when its first record comes.</param>
    public Roller(IReadOnlyDictionary<string, BronzeTable> tables, Func<string, bool> positionsNameRecords, Func<CancellationToken, ValueTask<BronzeTable>> openDeadLetters,
        ImmutableArray<SplitStart> starts, OpenFiles files, ByteShare share, IngestOptions options, IngestMeter meter, TimeProvider time)
    {
        _files = files;
        _share = share;
        _options = options;
        _meter = meter;
        _time = time;
        _rows = new BronzeRows(time);
        _openDeadLetters = openDeadLetters;
        _positionsNameRecords = positionsNameRecords;
        _starts = starts.ToDictionary(start => start.Split.Id);
        foreach (var (name, table) in tables) _tables.Add(name, NewRoll(table));
    }

    /// <summary>Whether rows wait that may be committed.</summary>
    public bool HasRows => _tables.Values.Any(table => table.Rows > 0) || _deadLetters is { Rows: > 0 };

    /// <summary>Whether positions wait that may be committed, with rows or without.</summary>
    public bool HasProgress => _tables.Values.Any(table => table.HasProgress);

    /// <summary>Whether a file is as large as it may be.</summary>
    public bool IsFull => _tables.Values.Any(table => table.Bytes >= _options.FileBytesMax) || _deadLetters?.Bytes >= _options.FileBytesMax;

    /// <summary>Writes a chunk and disposes it.</summary>
    public async ValueTask AddAsync(Chunk chunk, CancellationToken cancellationToken)
    {
        using (chunk)
        {
            try
            {
                await WriteAsync(chunk, cancellationToken);
            }
            finally
            {
                _share.Release(chunk.Bytes);
            }
        }
    }

    /// <summary>Closes all open files that may be committed.</summary>
    /// <param name="withIdle">Also tables that have only moved their positions.</param>
    public ClosingRoll Close(bool withIdle)
    {
        var roll = new ClosingRoll([.. RollOrder.ToClose(_deadLetters, _tables.Values, withIdle).Select(table => table.Close())], _since);
        _since = null;
        return roll;
    }

    private async ValueTask WriteAsync(Chunk chunk, CancellationToken cancellationToken)
    {
        if (!_starts.TryGetValue(chunk.Split, out var start) || !_tables.TryGetValue(chunk.Table, out var table))
            throw new InvalidOperationException($"A chunk of split {chunk.Split}, table {chunk.Table}, came though it was not asked for.");

        await PrepareAsync(cancellationToken);
        if (chunk.RowCount > 0) _since ??= _time.GetTimestamp();
        var split = chunk.Split;
        var isOpenEnded = !chunk.Range.IsAdvancing;
        // A dead letter is of the epoch that its row would have been of, whatever the table of dead letters itself counts.
        var epoch = start.RowsOf(table.Table.Id);
        // A record whose letter stands counts as one, whatever it is decoded to now.
        var held = 0L;
        if (chunk.Rows is { Length: > 0 } rows)
            await table.WriteAsync(split, epoch, rows, EntersOf(split, table, rows, (position, _) => _positionsNameRecords(chunk.Table) && _held.Has(split, position), () => held++), isOpenEnded, chunk.NewestEventAt, cancellationToken);
        table.Count(split, chunk.Range, chunk.DeadLetters, held);
        if (chunk.DeadLetters is { Length: > 0 } dead)
        {
            _deadLetters ??= await OpenDeadLettersAsync(cancellationToken);
            await _deadLetters.WriteAsync(split, epoch, dead, EntersOf(split, table, dead, (_, row) => _held.Has(split, dead, row)), isOpenEnded, newestEventAt: null, cancellationToken);
            _meter.DeadLettered(TableId.Bronze(start.Split.Id.Source, chunk.Table), dead.Length);
        }

        if (isOpenEnded) return;
        foreach (var name in start.Split.Tables) await _tables[name].AdvanceAsync(split, chunk.Range.To, chunk.Marks, cancellationToken);
        if (_deadLetters is not null) await _deadLetters.AdvanceAsync(split, chunk.Range.To, marks: default, cancellationToken);
    }

    /// <summary>Which rows of a batch enter; null: all.</summary>
    /// <param name="isHeld">Whether the letter of a record stands, by its position and its row.</param>
    /// <param name="onHeld">Told of each that the table lacks and that does not enter all the same.</param>
    private Func<int, bool>? EntersOf(SplitId split, TableRoll table, RecordBatch batch, Func<long, int, bool> isHeld, Action? onHeld = null)
    {
        var (skipBelow, lettersBelow) = (table.SkipBelow(split), _deadLetters?.SkipBelow(split));
        if (skipBelow is null && lettersBelow is null) return null;
        var positions = (Int64Array)batch.Column(BronzeColumns.Position);
        return row =>
        {
            var enters = RollPositions.Enters(positions.Values[row], skipBelow, lettersBelow, lettersBelow is not null && isHeld(positions.Values[row], row));
            if (!enters && RollPositions.Lacks(positions.Values[row], skipBelow)) onHeld?.Invoke();
            return enters;
        };
    }

    /// <summary>Where letters stand beyond what is read, of readings that got no further, they decide what becomes of their records.</summary>
    private async ValueTask PrepareAsync(CancellationToken cancellationToken)
    {
        if (_isPrepared) return;
        var ranges = new Dictionary<SplitId, LetterRange>();
        foreach (var (split, start) in _starts)
            if (start.Tables.GetValueOrDefault(TableId.DeadLetter(split.Source)) is { } end && end > (start.From ?? long.MinValue)) ranges.Add(split, new LetterRange(start.From, end, start.EpochOf(TableId.Bronze(split.Source, start.Split.Tables[0]))));
        if (ranges.Count > 0)
        {
            _deadLetters = await OpenDeadLettersAsync(cancellationToken);
            _held = await HeldLetters.FindAsync(_deadLetters.Table.Delta, ranges, cancellationToken);
        }

        _isPrepared = true;
    }

    private async ValueTask<TableRoll> OpenDeadLettersAsync(CancellationToken cancellationToken)
    {
        var table = await _openDeadLetters(cancellationToken);
        var roll = new TableRoll(table, _files, _rows, _options, isSparse: true);
        foreach (var start in _starts.Values) roll.Start(start.Split.Id, start.Tables.GetValueOrDefault(table.Id), start.From, start.EpochOf(table.Id));
        return roll;
    }

    private TableRoll NewRoll(BronzeTable table)
    {
        var roll = new TableRoll(table, _files, _rows, _options, isSparse: false);
        foreach (var start in _starts.Values.Where(start => start.Split.Tables.Contains(table.Id.Name, StringComparer.Ordinal)))
            roll.Start(start.Split.Id, start.Tables.GetValueOrDefault(table.Id), start.From, start.EpochOf(table.Id));
        return roll;
    }
}
