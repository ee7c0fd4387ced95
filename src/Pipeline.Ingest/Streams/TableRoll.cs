using System.Collections.Immutable;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Ingest.Committer;

namespace Pipeline.Ingest.Streams;

/// <summary>
/// What one worker has written for one table and not yet handed over: one file that all its splits share, and one run of
/// files for each split that is in the middle of rows that can only be committed together.
/// </summary>
/// <param name="isSparse">The table keeps positions only of splits that brought it rows: the dead-letter table.</param>
internal sealed class TableRoll(BronzeTable table, OpenFiles files, BronzeRows rows, IngestOptions options, bool isSparse) : IRolledTable
{
    private readonly Dictionary<SplitId, Run> _runs = [];
    private readonly RollPositions _positions = new(isSparse);
    private TableRollPart _part = new();
    private BronzeTable _table = table;
    private OpenFile? _shared;

    public BronzeTable Table => _table;

    /// <summary>Rows that may be committed.</summary>
    public long Rows => _part.Rows;

    public bool HasProgress => _positions.HasProgress;

    /// <summary>Bytes of the committable files, estimated.</summary>
    public long Bytes => _part.Bytes + _part.Open.Sum(file => file.Writer.Bytes) + (_shared?.Writer.Bytes ?? 0);

    /// <inheritdoc cref="RollPositions.Start"/>
    public void Start(SplitId split, long? position, long? readFrom, int epoch) => _positions.Start(split, position, readFrom, epoch);

    /// <inheritdoc cref="RollPositions.SkipBelow"/>
    public long? SkipBelow(SplitId split) => _positions.SkipBelow(split);

    /// <summary>Writes a batch of a chunk. <paramref name="isOpenEnded"/>: the chunk does not advance.</summary>
    /// <param name="epoch">Of the rows.</param>
    /// <param name="enters">Whether a row of it enters; null: all do.</param>
    public async ValueTask WriteAsync(SplitId split, RowEpoch epoch, RecordBatch batch, Func<int, bool>? enters, bool isOpenEnded, DateTimeOffset? newestEventAt, CancellationToken cancellationToken)
    {
        foreach (var column in BronzeRows.ColumnsOf(epoch)) await LearnAsync(column, cancellationToken);
        if (batch.Schema.GetFieldIndex(BronzeColumns.OrderTime) >= 0) await LearnAsync(BronzeColumns.OrderTimeField, cancellationToken);
        var run = _runs.GetValueOrDefault(split);
        if (isOpenEnded && run is null) _runs.Add(split, run = new Run());

        if (_table.Carried is { } carried)
        {
            await LearnAsync(BronzeColumns.ChangedField, cancellationToken);
            batch = WithCarried(batch, carried);
        }

        foreach (var part in rows.Prepare(batch, _table.FileSchema, enters, epoch))
        {
            if (run is null)
            {
                _shared ??= await files.OpenAsync(_table, cancellationToken);
                _shared.Writer.Write(part);
                _part.Rows += part.Length;
                _positions.Wrote(split);
                continue;
            }

            run.Open ??= await files.OpenAsync(_table, cancellationToken);
            run.Open.Writer.Write(part);
            run.Part.Rows += part.Length;
            if (run.Open.Writer.Bytes < options.FileBytesMax) continue;
            run.Part.Bytes += run.Open.Writer.Bytes;
            run.Part.Complete.Add(await files.CompleteAsync(run.Open, cancellationToken));
            run.Open = null;
        }

        (run?.Part ?? _part).Saw(newestEventAt);
    }

    /// <summary>A column that the source has not (any more) is not one that has become null.</summary>
    private static RecordBatch WithCarried(RecordBatch batch, string carried)
    {
        var place = batch.Schema.GetFieldIndex(BronzeColumns.Changed);
        var filled = new StringArray.Builder();
        if (place < 0)
        {
            for (var row = 0; row < batch.Length; row++) filled.Append(carried);
            return new RecordBatch(new Schema([.. batch.Schema.FieldsList, BronzeColumns.ChangedField], null), [.. batch.Arrays, filled.Build()], batch.Length);
        }

        var said = (StringArray)batch.Column(place);
        for (var row = 0; row < said.Length; row++) filled.Append(said.IsNull(row) ? carried : said.GetString(row));
        return new RecordBatch(batch.Schema, batch.Arrays.Select((array, i) => i == place ? filled.Build() : array), batch.Length);
    }

    /// <summary>
    /// Counts what a chunk covers for the table beside its rows: records that went to the dead letters, whether or not these have them
    /// already, and numbers.
    /// </summary>
    /// <param name="held">Rows that do not enter because their letters stand.</param>
    public void Count(SplitId split, PositionRange range, RecordBatch? dead, long held)
    {
        var part = _runs.GetValueOrDefault(split)?.Part ?? _part;
        part.Letters += held;
        var skipBelow = _positions.SkipBelow(split);
        part.Numbers += Math.Max(0, range.To - Math.Max(range.From, skipBelow ?? range.From));
        if (dead is null) return;
        foreach (var position in ((Int64Array)dead.Column(BronzeColumns.Position)).Values)
            if (RollPositions.Lacks(position, skipBelow)) part.Letters++;
    }

    /// <summary>The split has reached <paramref name="to"/>: what was written of it below may be committed.</summary>
    /// <param name="marks">What goes with that position.</param>
    public async ValueTask AdvanceAsync(SplitId split, long to, SplitMarks marks, CancellationToken cancellationToken)
    {
        if (_runs.Remove(split, out var run)) await JoinAsync(split, run, cancellationToken);
        _positions.Advance(split, to, marks);
    }

    /// <summary>Hands over everything committable; the next rows go into new files.</summary>
    public ClosingTable Close()
    {
        var part = _part;
        if (_shared is not null) part.Open.Add(_shared);
        _part = new TableRollPart();
        _shared = null;
        return new ClosingTable(_table, part, _positions.Close());
    }

    /// <summary>Files that are opened from now on have this column; those without it are written to no more.</summary>
    private async ValueTask LearnAsync(Field column, CancellationToken cancellationToken)
    {
        if (_table.FileSchema.GetFieldIndex(column.Name) >= 0) return;
        _table = _table.With(column);
        if (_shared is not null) _part.Open.Add(_shared);
        _shared = null;
        foreach (var run in _runs.Values)
        {
            if (run.Open is null) continue;
            run.Part.Bytes += run.Open.Writer.Bytes;
            run.Part.Complete.Add(await files.CompleteAsync(run.Open, cancellationToken));
            run.Open = null;
        }
    }

    private async ValueTask JoinAsync(SplitId split, Run run, CancellationToken cancellationToken)
    {
        if (run.Part.Rows > 0) _positions.Wrote(split);
        _part.Rows += run.Part.Rows;
        _part.Letters += run.Part.Letters;
        _part.Numbers += run.Part.Numbers;
        _part.Bytes += run.Part.Bytes;
        _part.Complete.AddRange(run.Part.Complete);
        _part.Saw(run.Part.NewestEventAt);
        if (run.Open is null) return;
        // Later rows of any split may go on in the run's last file.
        if (_shared is null)
        {
            _shared = run.Open;
            return;
        }

        _part.Open.Add(run.Open);
        // Each keeps a row group in memory: those that only wait for the roll's end hold no more than one together.
        if (_part.Open.Sum(file => file.Writer.Bytes) < options.RowGroupBytesMax) return;
        foreach (var file in _part.Open)
        {
            _part.Bytes += file.Writer.Bytes;
            _part.Complete.Add(await files.CompleteAsync(file, cancellationToken));
        }

        _part.Open.Clear();
    }

    private sealed class Run
    {
        public TableRollPart Part { get; } = new();

        public OpenFile? Open { get; set; }
    }
}

/// <summary>Files and figures of a part of a roll.</summary>
internal sealed class TableRollPart
{
    public List<StagedFile> Complete { get; } = [];

    /// <summary>Files to be completed: nothing more is written to them.</summary>
    public List<OpenFile> Open { get; } = [];

    public long Rows { get; set; }

    /// <summary>Records of its ranges that went to the dead letters.</summary>
    public long Letters { get; set; }

    /// <summary>Positions in its ranges: where records are numbered, one for each that could have been.</summary>
    public long Numbers { get; set; }

    /// <summary>Bytes of the complete files.</summary>
    public long Bytes { get; set; }

    public DateTimeOffset? NewestEventAt { get; private set; }

    public void Saw(DateTimeOffset? eventAt)
    {
        if (eventAt > NewestEventAt || NewestEventAt is null) NewestEventAt = eventAt ?? NewestEventAt;
    }
}

/// <summary>A table's share of a roll, closed but not yet complete.</summary>
internal sealed record ClosingTable(BronzeTable Table, TableRollPart Part, ImmutableArray<StagedRange> Ranges);

/// <summary>A roll whose files are to be completed; dead letters first.</summary>
/// <param name="Since">Timestamp of the first record that was written; null: there was none.</param>
internal sealed record ClosingRoll(ImmutableArray<ClosingTable> Tables, long? Since)
{
    /// <summary>Of a reading that ends with it, or has all that its splits held when it began.</summary>
    public bool IsEnd { get; init; }

    /// <summary>Files that are completed at a time: each encodes what its row group still holds, and waits for a store then.</summary>
    private const int CompletingMax = 8;

    public async Task<Worker.Roll> CompleteAsync(OpenFiles files, CancellationToken cancellationToken)
    {
        OpenFile[] open = [.. Tables.SelectMany(closing => closing.Part.Open)];
        var completed = new StagedFile[open.Length];
        await Parallel.ForAsync(0, open.Length, new ParallelOptions { MaxDegreeOfParallelism = CompletingMax, CancellationToken = cancellationToken },
            async (i, cancel) => completed[i] = await files.CompleteAsync(open[i], cancel));

        var taken = 0;
        var stages = ImmutableArray.CreateBuilder<StageFiles>(Tables.Length);
        foreach (var closing in Tables)
        {
            closing.Part.Complete.AddRange(completed.AsSpan(taken, closing.Part.Open.Count));
            taken += closing.Part.Open.Count;
            stages.Add(new StageFiles(closing.Table.Id, Guid.NewGuid(), closing.Ranges, [.. closing.Part.Complete], closing.Part.Rows,
                closing.Part.NewestEventAt, closing.Table.AddedSchema, closing.Table.LakeId)
            {
                Letters = closing.Part.Letters,
                // One table of dead letters is written to by all of a source's readings: theirs wait for company.
                IsEnd = IsEnd && closing.Table.Id.Name != TableId.DeadLetterName ? true : null,
                Unused = BronzeShape.Of(closing.Table.FileSchema).Numbering is null ? 0 : Math.Max(0, closing.Part.Numbers - closing.Part.Rows - closing.Part.Letters),
            });
        }

        return new Worker.Roll(stages.MoveToImmutable()) { Since = Since };
    }
}
