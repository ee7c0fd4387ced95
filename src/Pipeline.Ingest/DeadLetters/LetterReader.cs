using System.Runtime.CompilerServices;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Reading;

namespace Pipeline.Ingest.DeadLetters;

/// <summary>Reads dead letters one by one; memory is one row group of their table, however many there are.</summary>
internal static class LetterReader
{
    public static async IAsyncEnumerable<DeadLetter> ReadAsync(DeltaTable letters, TableId table, LetterSelection selection,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var snapshot = letters.Current;
        var options = new ReadOptions([.. DeadLetterColumns.SourceSchema.FieldsList.Select(field => field.Name), .. RowEpochs.ColumnsOf(snapshot.Schema)]);
        await foreach (var batch in TableReader.ReadAsync(letters, snapshot, snapshot.Files.Where(file => MayHold(file, selection)), options, cancellationToken))
        {
            using (batch)
                for (var row = 0; row < batch.Length; row++)
                    if (Text(batch, DeadLetterColumns.Table, row) == table.Name && IsSelected(batch, row, selection))
                        yield return Read(batch, table, row, new RowEpochs(batch)[row]);
        }
    }

    private static bool MayHold(AddFile file, LetterSelection selection) =>
        selection.Position is not { } position || Statistics.Bounds(file.Stats, BronzeColumns.Position) is not var (min, max) || (min <= position && position <= max);

    private static bool IsSelected(RecordBatch batch, int row, LetterSelection selection) =>
        selection.Includes(Text(batch, DeadLetterColumns.Code, row)!, Text(batch, DeadLetterColumns.Split, row)!, Position(batch, row), new RowEpochs(batch)[row].Read);

    private static DeadLetter Read(RecordBatch batch, TableId table, int row, RowEpoch epoch) => new(table.Name, SplitId.Parse(Text(batch, DeadLetterColumns.Split, row)!), Position(batch, row),
        Text(batch, DeadLetterColumns.Code, row)!, Text(batch, DeadLetterColumns.Reason, row)!, Bytes(batch, DeadLetterColumns.Key, row), Bytes(batch, DeadLetterColumns.Value, row),
        Text(batch, DeadLetterColumns.Headers, row), ((TimestampArray)batch.Column(DeadLetterColumns.RecordTimestamp)).GetTimestamp(row))
    {
        Epoch = epoch.Read,
        Order = epoch.Reading is null ? null : epoch.Order,
    };

    private static string? Text(RecordBatch batch, string column, int row) => ((StringArray)batch.Column(column)).GetString(row);

    private static byte[]? Bytes(RecordBatch batch, string column, int row) =>
        batch.Column(column) is BinaryArray array && array.IsValid(row) ? array.GetBytes(row).ToArray() : null;

    private static long Position(RecordBatch batch, int row) => ((Int64Array)batch.Column(BronzeColumns.Position)).GetValue(row)!.Value;
}
