using System.Collections.Immutable;
using System.Globalization;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;

namespace Pipeline.Ingest.Samples;

/// <summary>
/// The Bronze table of a sample: its rows lie in one file in the order in which they were taken, and the time at which a row was taken is its
/// number. Not thread-safe.
/// </summary>
internal sealed class SampledTable : IAsyncDisposable
{
    private readonly BronzeTable _table;
    private readonly DataFileWriter _file;
    private readonly long _began;

    private SampledTable(BronzeTable table, DataFileWriter file, long began)
    {
        _table = table;
        _file = file;
        _began = began;
    }

    public int Rows { get; private set; }

    /// <param name="source">Its columns, <c>_op</c> and <c>_position</c>.</param>
    public static async Task<SampledTable> OpenAsync(Lake lake, TableId id, Schema source, TimeProvider time, CancellationToken cancellationToken)
    {
        var table = await BronzeTable.OpenAsync(lake, id, source, cancellationToken);
        var now = time.GetUtcNow();
        var day = ImmutableDictionary<string, string?>.Empty.Add(BronzeColumns.IngestDate, now.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
        var file = await table.Delta.OpenDataFileAsync(table.FileSchema, day, new DataFileOptions().For(table.FileSchema), cancellationToken);
        return new SampledTable(table, file, (now.UtcTicks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond);
    }

    /// <summary>Takes the first of the rows.</summary>
    /// <param name="count">How many.</param>
    public void Take(RecordBatch rows, int count)
    {
        if (count == 0) return;
        var times = new TimestampArray.Builder(BronzeColumns.Timestamp);
        for (var i = 0; i < count; i++) times.Append(DateTimeOffset.UnixEpoch.AddMicroseconds(_began + Rows + i));
        var taken = count == rows.Length ? rows : rows.Slice(0, count);
        _file.Write(new RecordBatch(new Schema([.. rows.Schema.FieldsList, BronzeColumns.IngestedAtField], null), [.. taken.Arrays, times.Build()], count));
        Rows += count;
    }

    /// <summary>Commits what was taken.</summary>
    /// <returns>When the first row was taken, in microseconds since the epoch.</returns>
    /// <exception cref="PipelineException">Unreachable: somebody else has put rows there meanwhile, and nothing was committed.</exception>
    public async Task<long> CompleteAsync(CancellationToken cancellationToken)
    {
        if (Rows == 0) return _began;
        var opened = _table.Delta.Current;
        if (opened.RowCount > 0) throw IsThere();
        var committed = await _table.Delta.CommitAsync(new Transaction("WRITE", Isolation.ReadTable) { ReadVersion = opened.Version, Adds = [await _file.CompleteAsync(cancellationToken)] }, cancellationToken);
        return committed is CommitResult.Committed ? _began : throw IsThere();
    }

    public ValueTask DisposeAsync() => _file.DisposeAsync();

    private PipelineException IsThere() => new(FaultKind.Unreachable, $"Table {_table.Id}", $"another process has put a sample into {_table.Delta.Store.Location} meanwhile", "Start this again: it takes the rows that are there.");
}
