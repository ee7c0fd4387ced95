using System.Globalization;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Reading;

namespace Pipeline.Ingest.DeadLetters;

/// <summary>Which of some dead letters' records a Bronze table holds already.</summary>
internal sealed class HeldRecords
{
    private readonly HashSet<(SplitId Split, int Epoch, long Position)> _redriven = [];
    private readonly HashSet<string> _asRead = new(StringComparer.Ordinal);
    private readonly HashSet<string> _redrivenRecords = new(StringComparer.Ordinal);
    private readonly IReadOnlyList<string> _recordColumns;

    private HeldRecords(IReadOnlyList<string> recordColumns) => _recordColumns = recordColumns;

    /// <summary>
    /// Looks at the rows of a snapshot at the letters' positions. Files whose positions are all elsewhere are not opened;
    /// memory does not grow with the table.
    /// </summary>
    /// <param name="shape">The rows' shape as their source says it: the table may not have learned it yet.</param>
    public static async ValueTask<HeldRecords> FindAsync(DeltaTable table, Snapshot snapshot, BronzeShape shape, IReadOnlyList<DeadLetter> letters, CancellationToken cancellationToken)
    {
        var recordColumns = shape.Identifying.Where(snapshot.Schema.FieldsLookup.Contains).ToList();
        var held = new HeldRecords(recordColumns);
        long[] positions = [.. letters.Select(letter => letter.Position).Distinct().Order()];
        var wanted = positions.ToHashSet();
        string[] added = [.. new[] { BronzeColumns.RedrivenFrom }.Where(snapshot.Schema.FieldsLookup.Contains), .. RowEpochs.ColumnsOf(snapshot.Schema)];
        var options = new ReadOptions([BronzeColumns.Position, .. recordColumns, .. added]);
        await foreach (var batch in TableReader.ReadAsync(table, snapshot, snapshot.Files.Where(file => MayHold(file, positions)), options, cancellationToken))
            using (batch)
                held.Note(batch, wanted);
        return held;
    }

    /// <summary>Whether the record of a decoded row is in the table, as it was read or re-driven; where several share a position.</summary>
    /// <param name="epoch">Of the letter.</param>
    public bool IsThere(RecordBatch decoded, int row, int epoch) => RecordOf(decoded, row, epoch) is var record && (_asRead.Contains(record) || _redrivenRecords.Contains(record));

    /// <summary>Whether the letter was re-driven.</summary>
    public bool IsRedriven(DeadLetter letter) => _redriven.Contains((letter.Split, letter.Epoch, letter.Position));

    /// <summary>Whether the record of a decoded row is in the table as it was read.</summary>
    /// <param name="epoch">Of the letter.</param>
    public bool IsAsRead(RecordBatch decoded, int row, int epoch) => _asRead.Contains(RecordOf(decoded, row, epoch));

    private void Note(RecordBatch batch, HashSet<long> wanted)
    {
        var marks = batch.Schema.FieldsLookup.Contains(BronzeColumns.RedrivenFrom) ? (StringArray)batch.Column(BronzeColumns.RedrivenFrom) : null;
        var epochs = new RowEpochs(batch);
        var positions = (Int64Array)batch.Column(BronzeColumns.Position);
        for (var row = 0; row < batch.Length; row++)
        {
            var position = positions.GetValue(row)!.Value;
            if (!wanted.Contains(position)) continue;
            var epoch = epochs[row].Read;
            if (marks?.GetString(row) is not { } split)
            {
                _asRead.Add(RecordOf(batch, row, epoch));
                continue;
            }

            _redriven.Add((SplitId.Parse(split), epoch, position));
            _redrivenRecords.Add(RecordOf(batch, row, epoch));
        }
    }

    private string RecordOf(RecordBatch batch, int row, int epoch) =>
        string.Join('|', _recordColumns.Prepend(BronzeColumns.Position).Select(column => ValueOf(batch.Column(column), row)).Prepend(epoch.ToString(CultureInfo.InvariantCulture)));

    private static string? ValueOf(IArrowArray column, int row) => column switch
    {
        StringArray array => array.GetString(row),
        Int32Array array => array.GetValue(row)?.ToString(CultureInfo.InvariantCulture),
        Int64Array array => array.GetValue(row)?.ToString(CultureInfo.InvariantCulture),
        TimestampArray array => array.GetValue(row)?.ToString(CultureInfo.InvariantCulture),
        Date32Array array => array.GetValue(row)?.ToString(CultureInfo.InvariantCulture),
        BooleanArray array => array.GetValue(row)?.ToString(),
        Decimal128Array array => array.GetString(row),
        _ => throw new ArgumentException($"A record cannot be told by a column of type {column.Data.DataType.Name}.", nameof(column)),
    };

    private static bool MayHold(AddFile file, long[] positions)
    {
        if (Statistics.Bounds(file.Stats, BronzeColumns.Position) is not var (min, max)) return true;
        var first = System.Array.BinarySearch(positions, min);
        if (first < 0) first = ~first;
        return first < positions.Length && positions[first] <= max;
    }
}
