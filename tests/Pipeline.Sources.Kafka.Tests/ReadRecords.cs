using System.Text;
using Apache.Arrow;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>A row of a chunk, as plain values.</summary>
internal sealed record ReadRecord(int Partition, long Offset, DateTimeOffset? Timestamp, string? Key, string? Headers, string? Value, string Op, long Position);

/// <summary>A row of a chunk's dead letters, as plain values.</summary>
internal sealed record ReadDeadLetter(string Table, string Split, long Position, string Code, string Reason, byte[]? Key, byte[]? Value, string? Headers, DateTimeOffset? Timestamp);

/// <summary>What a source handed out, copied from its chunks.</summary>
internal sealed class ReadRecords
{
    public List<ReadRecord> Records { get; } = [];

    public List<ReadDeadLetter> DeadLetters { get; } = [];

    public Dictionary<SplitId, PositionRange> Ranges { get; } = [];

    /// <summary>Reads from the given positions (all splits' beginnings when null) until there are so many rows of both kinds.</summary>
    public static async Task<ReadRecords> ReadAsync(ISource source, int count, CancellationToken cancellationToken, IReadOnlyList<SplitPosition>? from = null)
    {
        var read = new ReadRecords();
        await read.ContinueAsync(source.ReadAsync(from ?? await BeginningAsync(source, cancellationToken), cancellationToken), count);
        return read;
    }

    /// <summary>Values and the numbers of their schemas, of the first rows.</summary>
    public static async Task<IReadOnlyList<(string? Value, int? SchemaId)>> RegisteredAsync(ISource source, int count, CancellationToken cancellationToken)
    {
        var rows = new List<(string?, int?)>();
        await foreach (var chunk in source.ReadAsync(await BeginningAsync(source, cancellationToken), cancellationToken))
        {
            using (chunk)
                for (var row = 0; row < chunk.RowCount; row++)
                    rows.Add((Text(chunk.Rows!, "value", row), ((Int32Array)chunk.Rows!.Column("_schema_id")).GetValue(row)));
            if (rows.Count >= count) break;
        }

        return rows;
    }

    public static async Task<IReadOnlyList<SplitPosition>> BeginningAsync(ISource source, CancellationToken cancellationToken) =>
        [.. (await source.ListSplitsAsync(source.Tables[0].Name, cancellationToken)).Select(split => new SplitPosition(split.Id, null))];

    public async Task ContinueAsync(IAsyncEnumerable<Chunk> chunks, int count)
    {
        await foreach (var chunk in chunks.WithCancellation(TestContext.Current.CancellationToken))
        {
            using (chunk) Take(chunk);
            if (Records.Count + DeadLetters.Count >= count) return;
        }
    }

    public void Take(Chunk chunk)
    {
        if (Ranges.TryGetValue(chunk.Split, out var before)) Assert.Equal(before.To, chunk.Range.From);
        Ranges[chunk.Split] = new PositionRange(Ranges.TryGetValue(chunk.Split, out var first) ? first.From : chunk.Range.From, chunk.Range.To);
        for (var row = 0; row < chunk.RowCount; row++) Records.Add(Record(chunk.Rows!, row));
        for (var row = 0; row < (chunk.DeadLetters?.Length ?? 0); row++) DeadLetters.Add(DeadLetter(chunk.DeadLetters!, row));
    }

    private static ReadRecord Record(RecordBatch rows, int row) => new(
        ((Int32Array)rows.Column("_partition")).GetValue(row)!.Value,
        Long(rows, "_offset", row),
        Timestamp(rows, "_timestamp", row),
        Text(rows, "_key", row),
        Text(rows, "_headers", row),
        rows.Column("value") is StringArray ? Text(rows, "value", row) : Bytes(rows, "value", row) is { } bytes ? Convert.ToHexString(bytes) : null,
        Text(rows, "_op", row)!,
        Long(rows, "_position", row));

    private static ReadDeadLetter DeadLetter(RecordBatch rows, int row) => new(Text(rows, "_table", row)!, Text(rows, "_split", row)!, Long(rows, "_position", row),
        Text(rows, "code", row)!, Text(rows, "reason", row)!, Bytes(rows, "key", row), Bytes(rows, "value", row), Text(rows, "headers", row), Timestamp(rows, "record_timestamp", row));

    private static long Long(RecordBatch rows, string column, int row) => ((Int64Array)rows.Column(column)).GetValue(row)!.Value;

    private static DateTimeOffset? Timestamp(RecordBatch rows, string column, int row) => ((TimestampArray)rows.Column(column)).GetTimestamp(row);

    private static string? Text(RecordBatch rows, string column, int row) => ((StringArray)rows.Column(column)).GetString(row);

    private static byte[]? Bytes(RecordBatch rows, string column, int row)
    {
        var array = (BinaryArray)rows.Column(column);
        return array.IsNull(row) ? null : array.GetBytes(row).ToArray();
    }

    public static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);
}
