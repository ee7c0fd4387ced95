using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Demo.Driver;

namespace Pipeline.Demo.Tests.Driver;

/// <summary>
/// The simplest ingest that keeps the rules: one loop a table, one commit for each advancing chunk, positions in the
/// table's log. No actors, no files that grow, no retries.
/// </summary>
internal sealed class PlainIngest(Lake lake, TimeProvider time) : IReaderProgress
{
    private static readonly Dictionary<string, string> NoConfiguration = [];
    private static readonly Dictionary<string, string?> NoPartition = [];

    public async Task RunAsync(ISource source, string table, CancellationToken cancellationToken)
    {
        var schema = new Schema([.. (await source.DescribeAsync(table, cancellationToken)).FieldsList, BronzeColumns.IngestedAtField], null);
        var bronze = await lake.OpenOrCreateAsync(TableId.Bronze(source.Name, table), schema, [], NoConfiguration, cancellationToken);
        var splits = await source.ListSplitsAsync(table, cancellationToken);
        var from = splits.Select(split => new SplitPosition(split.Id, bronze.Current.Position(split.Id.ToString()))).ToList();
        var open = new List<RecordBatch>();
        await foreach (var chunk in source.ReadAsync(from, cancellationToken))
        {
            using (chunk)
            {
                if (chunk.Rows is { Length: > 0 } rows) open.Add(WithIngestedAt(rows, schema));
                if (!chunk.Range.IsAdvancing) continue;
                await CommitAsync(bronze, schema, chunk, open, cancellationToken);
                open.Clear();
            }
        }
    }

    public async ValueTask<long> RowsAsync(TableId table, CancellationToken cancellationToken) =>
        await lake.TryOpenAsync(table, cancellationToken) is { } opened ? opened.Current.RowCount ?? 0 : 0;

    public async ValueTask<long?> PositionAsync(TableId table, SplitId split, CancellationToken cancellationToken) =>
        (await lake.TryOpenAsync(table, cancellationToken))?.Current.Position(split.ToString());

    private async Task CommitAsync(DeltaTable bronze, Schema schema, Chunk chunk, List<RecordBatch> batches, CancellationToken cancellationToken)
    {
        AddFile[] adds = [];
        if (batches.Count > 0)
        {
            await using var file = await bronze.OpenDataFileAsync(schema, NoPartition, new DataFileOptions(), cancellationToken);
            foreach (var batch in batches) file.Write(batch);
            adds = [await file.CompleteAsync(cancellationToken)];
        }

        var split = chunk.Split.ToString();
        var transaction = new Transaction("WRITE", Isolation.BlindAppend) { Adds = [.. adds], Moves = [new TxnMove(split, bronze.Current.Position(split), chunk.Range.To)] };
        Assert.IsType<CommitResult.Committed>(await bronze.CommitAsync(transaction, cancellationToken));
    }

    private RecordBatch WithIngestedAt(RecordBatch rows, Schema schema)
    {
        var now = time.GetUtcNow();
        var times = new TimestampArray.Builder(BronzeColumns.Timestamp);
        for (var i = 0; i < rows.Length; i++) times.Append(now);
        // The batch's columns share the chunk's memory, which is gone before the commit for rows that came in pieces.
        var columns = schema.FieldsList.SkipLast(1).Select(field => ArrowArrayConcatenator.Concatenate([rows.Column(field.Name)]));
        return new RecordBatch(schema, [.. columns, times.Build()], rows.Length);
    }
}
