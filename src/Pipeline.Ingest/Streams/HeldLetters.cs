using System.Security.Cryptography;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Reading;

namespace Pipeline.Ingest.Streams;

/// <summary>The positions <c>[From, To)</c> of a split in an epoch.</summary>
/// <param name="From">Null: from the beginning.</param>
internal readonly record struct LetterRange(long? From, long To, int Epoch);

/// <summary>
/// Dead letters of an earlier reading that their records' tables have not passed: they stand, whatever their records are decoded to now.
/// Memory is some bytes a letter, of what one roll had.
/// </summary>
internal sealed class HeldLetters
{
    private static readonly string[] Columns = [DeadLetterColumns.Split, BronzeColumns.Position, DeadLetterColumns.Key, DeadLetterColumns.Value];

    private readonly HashSet<(SplitId Split, long Position)> _positions = [];
    private readonly HashSet<(SplitId Split, long Position, UInt128 Content)> _letters = [];

    /// <summary>None are held.</summary>
    public static HeldLetters None { get; } = new();

    /// <param name="ranges">Of each split what is looked at.</param>
    public static async ValueTask<HeldLetters> FindAsync(DeltaTable letters, IReadOnlyDictionary<SplitId, LetterRange> ranges, CancellationToken cancellationToken)
    {
        var held = new HeldLetters();
        var (least, end) = (ranges.Values.Min(range => range.From ?? long.MinValue), ranges.Values.Max(range => range.To));
        var snapshot = letters.Current;
        var options = new ReadOptions([.. Columns, .. RowEpochs.ColumnsOf(snapshot.Schema)]);
        await foreach (var batch in TableReader.ReadAsync(letters, snapshot, snapshot.Files.Where(file => MayHold(file, least, end)), options, cancellationToken))
            using (batch)
                held.Note(batch, ranges);
        return held;
    }

    /// <summary>Whether a letter stands at a position that names one record.</summary>
    public bool Has(SplitId split, long position) => _positions.Contains((split, position));

    /// <summary>Whether a letter of this content stands.</summary>
    public bool Has(SplitId split, RecordBatch letters, int row) => _letters.Contains((split, PositionOf(letters, row), ContentOf(letters, row)));

    private static bool MayHold(AddFile file, long least, long end) =>
        Statistics.Bounds(file.Stats, BronzeColumns.Position) is not var (min, max) || (min < end && max >= least);

    private static long PositionOf(RecordBatch letters, int row) => ((Int64Array)letters.Column(BronzeColumns.Position)).GetValue(row)!.Value;

    private static UInt128 ContentOf(RecordBatch letters, int row)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var column in (string[])[DeadLetterColumns.Key, DeadLetterColumns.Value])
        {
            var values = (BinaryArray)letters.Column(column);
            hash.AppendData(values.IsValid(row) ? "+"u8 : "-"u8);
            hash.AppendData(values.GetBytes(row));
        }

        return System.Buffers.Binary.BinaryPrimitives.ReadUInt128LittleEndian(hash.GetHashAndReset());
    }

    private void Note(RecordBatch batch, IReadOnlyDictionary<SplitId, LetterRange> ranges)
    {
        var epochs = new RowEpochs(batch);
        var splits = (StringArray)batch.Column(DeadLetterColumns.Split);
        for (var row = 0; row < batch.Length; row++)
        {
            var (split, position) = (SplitId.Parse(splits.GetString(row)), PositionOf(batch, row));
            if (!ranges.TryGetValue(split, out var range) || position < range.From || position >= range.To || epochs[row].Read != range.Epoch) continue;
            _positions.Add((split, position));
            _letters.Add((split, position, ContentOf(batch, row)));
        }
    }
}
