using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Ingest.Committer;
using Pipeline.Ingest.Streams;

namespace Pipeline.Ingest.DeadLetters;

/// <summary>
/// Some dead letters against one version of their Bronze table: decides what becomes of each and writes the rows of those
/// that are to enter into a data file.
/// </summary>
internal sealed class RedriveBatch(BronzeTable bronze, Snapshot snapshot, IRedriveSource source, IngestOptions options, TimeProvider time) : IAsyncDisposable
{
    private readonly OpenFiles _files = new(options, time);
    private readonly BronzeRows _rows = new(time);
    private readonly List<LetterOutcome> _outcomes = [];
    private readonly bool _positionsNameRecords = source.Tables.First(table => table.Name == bronze.Id.Name).PositionsNameRecords;
    private OpenFile? _open;

    public IReadOnlyList<LetterOutcome> Outcomes => _outcomes;

    public long Rows { get; private set; }

    /// <param name="isDryRun">Nothing is written.</param>
    public async ValueTask DecideAsync(IReadOnlyList<DeadLetter> letters, bool isDryRun, CancellationToken cancellationToken)
    {
        var held = await HeldRecords.FindAsync(bronze.Delta, snapshot, BronzeShape.Of(bronze.FileSchema), letters, cancellationToken);
        foreach (var split in letters.GroupBy(letter => (letter.Split, Epoch: letter.Rows)))
        {
            var waiting = new List<DeadLetter>();
            var position = PassedIn(split.Key.Split, split.Key.Epoch.Read);
            foreach (var letter in split)
            {
                if (Settled(letter.Position, position, _positionsNameRecords && held.IsRedriven(letter)) is { } outcome) _outcomes.Add(new LetterOutcome(letter, outcome));
                else waiting.Add(letter);
            }

            if (waiting.Count > 0) await DecodeAsync(split.Key.Split, split.Key.Epoch, waiting, held, isDryRun, cancellationToken);
        }
    }

    /// <summary>What becomes of a letter whatever it is decoded to; null: decoding it tells.</summary>
    /// <param name="passed">Where the table stands in the letter's split.</param>
    internal static RedriveOutcome? Settled(long position, long? passed, bool isRedriven) =>
        isRedriven ? RedriveOutcome.InTable
        // A worker may still be about to read it, perhaps as a row: no telling before the table has passed it.
        : position < passed ? null : RedriveOutcome.NotReached;

    /// <summary>Completes the data file, which is the caller's from here on; null when no letter enters.</summary>
    public async ValueTask<StagedFile?> CompleteAsync(CancellationToken cancellationToken)
    {
        if (_open is null) return null;
        var file = await _files.CompleteAsync(_open, cancellationToken);
        _files.HandOver([file]);
        return file;
    }

    public ValueTask DisposeAsync() => _files.DisposeAsync();

    /// <summary>Where the table stands in an epoch of a split. One that is over is not read on.</summary>
    private long? PassedIn(SplitId split, int epoch) => snapshot.Histories.EpochOf(split) is var now && epoch < now ? long.MaxValue : epoch == now ? snapshot.Position(split) : null;

    private async ValueTask DecodeAsync(SplitId split, RowEpoch epoch, IReadOnlyList<DeadLetter> letters, HeldRecords held, bool isDryRun, CancellationToken cancellationToken)
    {
        using var decoded = await source.DecodeAsync(bronze.Id.Name, split, letters, cancellationToken);
        var (row, start) = (0, 0);
        for (var i = 0; i < letters.Count; i++)
        {
            if (decoded.Rejections[i] is { } rejection)
            {
                _outcomes.Add(new LetterOutcome(letters[i], RedriveOutcome.Undecodable, rejection));
                continue;
            }

            var isHeld = _positionsNameRecords ? held.IsAsRead(decoded.Rows!, row, epoch.Read) : held.IsThere(decoded.Rows!, row, epoch.Read);
            _outcomes.Add(new LetterOutcome(letters[i], isHeld ? RedriveOutcome.InTable : RedriveOutcome.Redriven));
            if (isHeld && !isDryRun) await WriteAsync(split, epoch, decoded.Rows!, start, row, cancellationToken);
            row++;
            if (isHeld) start = row;
        }

        if (!isDryRun && decoded.Rows is { } rows) await WriteAsync(split, epoch, rows, start, row, cancellationToken);
    }

    /// <summary>Writes rows <c>[start, end)</c>, marked.</summary>
    private async ValueTask WriteAsync(SplitId split, RowEpoch epoch, RecordBatch rows, int start, int end, CancellationToken cancellationToken)
    {
        if (start == end) return;
        var part = rows.Slice(start, end - start);
        var marks = new StringArray.Builder();
        for (var i = 0; i < part.Length; i++) marks.Append(split.ToString());
        using var mark = marks.Build();
        var marked = new RecordBatch(new Schema([.. rows.Schema.FieldsList, BronzeColumns.RedrivenFromField], null), [.. part.Arrays, mark], part.Length);
        _open ??= await _files.OpenAsync(bronze, cancellationToken);
        foreach (var batch in _rows.Prepare(marked, bronze.FileSchema, enters: null, epoch)) _open.Writer.Write(batch);
        Rows += part.Length;
    }
}
