using System.Collections.Immutable;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Reading;
using Pipeline.Ingest.Streams;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest.Samples;

/// <summary>Some rows of one table as its Bronze table in a lake of their own. They lie in one file, in the order in which they were taken.</summary>
/// <param name="Rows">How many.</param>
/// <param name="Letters">Records that could not be decoded.</param>
/// <param name="IsWhole">There are no more.</param>
/// <param name="TakenAt">The <c>_ingested_at</c> of the first row, in microseconds since the epoch; each that follows has one more.</param>
public sealed record BronzeSample(int Rows, IReadOnlyList<SampledLetter> Letters, bool IsWhole, long TakenAt)
{
    private static readonly TimeSpan LookForEndEvery = TimeSpan.FromMilliseconds(50);

    /// <summary>Reads from the beginning of a table's splits. No position is kept, nothing is acknowledged.</summary>
    /// <param name="source">Opened to look.</param>
    /// <param name="table">Its Bronze table.</param>
    /// <param name="recordsMax">Rows and records that could not be decoded, together.</param>
    /// <exception cref="PipelineException">The source cannot be read.</exception>
    public static async Task<BronzeSample> OfSourceAsync(ISource source, TableId table, Lake lake, int recordsMax, TimeProvider time, CancellationToken cancellationToken)
    {
        await using var taken = await SampledTable.OpenAsync(lake, table, await source.DescribeAsync(table.Name, cancellationToken), time, cancellationToken);
        var letters = new List<SampledLetter>();
        var splits = await source.ListSplitsAsync(table.Name, cancellationToken);
        var end = new ReadingEnd(source.LastLook, splits.Select(split => new SplitStart(split, From: null, ImmutableDictionary<TableId, long?>.Empty)), time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using var chunks = source.ReadAsync([.. splits.Select(split => new SplitPosition(split.Id, null) { Identity = split.Identity })], stop.Token).GetAsyncEnumerator(stop.Token);
        Task<bool>? next = null;
        try
        {
            while (splits.Count > 0 && taken.Rows + letters.Count < recordsMax && !end.Meet())
            {
                next ??= chunks.MoveNextAsync().AsTask();
                if (await Task.WhenAny(next, Task.Delay(LookForEndEvery, time, stop.Token)) != next)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    continue;
                }

                if (!await next) break;
                next = null;
                using var chunk = chunks.Current;
                if (chunk.Table == table.Name) Take(chunk, taken, letters, recordsMax);
                if (chunk.Range.IsAdvancing) end.Reach(chunk.Split, chunk.Range.To);
            }
        }
        finally
        {
            await stop.CancelAsync();
            if (next is not null)
            {
                await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (next is { IsCompletedSuccessfully: true, Result: true }) chunks.Current.Dispose();
            }
        }

        return new BronzeSample(taken.Rows, letters, taken.Rows + letters.Count < recordsMax, await taken.CompleteAsync(cancellationToken));
    }

    /// <summary>Takes rows of a Bronze table, of its newest files first.</summary>
    /// <param name="from">Whose lake is only read.</param>
    public static async Task<BronzeSample> OfBronzeAsync(TableId id, DeltaTable from, Lake lake, int rowsMax, TimeProvider time, CancellationToken cancellationToken)
    {
        var snapshot = from.Current;
        List<Field> columns = [.. snapshot.Schema.FieldsList.Where(field => field.Name is not (BronzeColumns.IngestedAt or BronzeColumns.IngestDate))];
        await using var taken = await SampledTable.OpenAsync(lake, id, new Schema(columns, null), time, cancellationToken);
        var options = new ReadOptions([.. columns.Select(column => column.Name)]);
        await foreach (var rows in TableReader.ReadAsync(from, snapshot, snapshot.Files.OrderByDescending(file => file.ModifiedAt), options, cancellationToken))
        {
            using (rows) taken.Take(rows, Math.Min(rows.Length, rowsMax - taken.Rows));
            if (taken.Rows == rowsMax) break;
        }

        return new BronzeSample(taken.Rows, [], taken.Rows < rowsMax, await taken.CompleteAsync(cancellationToken));
    }

    /// <summary>Takes what is still wanted in the order in which the source has it.</summary>
    private static void Take(Chunk chunk, SampledTable taken, List<SampledLetter> letters, int recordsMax)
    {
        var (rows, dead) = (PositionsOf(chunk.Rows), PositionsOf(chunk.DeadLetters));
        var (row, letter) = (0, 0);
        for (var room = recordsMax - taken.Rows - letters.Count; room > 0 && row + letter < rows.Count + dead.Count; room--)
        {
            if (letter == dead.Count || (row < rows.Count && rows[row] <= dead[letter])) row++;
            else letter++;
        }

        if (row > 0) taken.Take(chunk.Rows!, row);
        if (letter == 0) return;
        var (codes, reasons) = ((StringArray)chunk.DeadLetters!.Column(DeadLetterColumns.Code), (StringArray)chunk.DeadLetters.Column(DeadLetterColumns.Reason));
        for (var i = 0; i < letter; i++) letters.Add(new SampledLetter(dead[i]!.Value, codes.GetString(i), reasons.GetString(i)));
    }

    private static IReadOnlyList<long?> PositionsOf(RecordBatch? records) => records is { Length: > 0 } ? (Int64Array)records.Column(BronzeColumns.Position) : [];
}
