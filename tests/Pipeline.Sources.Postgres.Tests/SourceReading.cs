using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>A running read of one table: rows that would be durable, and the position they reach.</summary>
internal sealed class SourceReading : IAsyncDisposable
{
    private readonly PostgresSource _source;
    private readonly IAsyncEnumerator<Chunk> _chunks;
    private readonly Func<RecordBatch, int, long> _numberOf;
    private readonly List<long> _pending = [];
    private readonly List<long> _rows = [];

    private SourceReading(PostgresSource source, IAsyncEnumerator<Chunk> chunks, Func<RecordBatch, int, long> numberOf)
    {
        _source = source;
        _chunks = chunks;
        _numberOf = numberOf;
    }

    public IReadOnlyList<long> Rows => _rows;

    public long? Position { get; private set; }

    public List<PositionRange> Ranges { get; } = [];

    /// <summary>Reads the source's only table; rows are told apart by their column <c>number</c>.</summary>
    public static async ValueTask<SourceReading> StartAsync(PostgresSourceOptions options, long? from, CancellationToken cancellationToken, WaitWatch? waits = null, LogLines? logs = null)
    {
        var source = TestDatabase.Open(options, logs, waits: waits);
        var splits = await source.ListSplitsAsync(source.Tables[0].Name, cancellationToken);
        var chunks = source.ReadAsync([new SplitPosition(splits[0].Id, from)], cancellationToken).GetAsyncEnumerator(cancellationToken);
        return new SourceReading(source, chunks, (rows, row) => ((Int64Array)rows.Column("number")).GetValue(row)!.Value);
    }

    public async ValueTask TakeRowsAsync(int rows)
    {
        while (_rows.Count < rows) await TakeChunkAsync();
    }

    public async ValueTask TakeChunkAsync()
    {
        Assert.True(await _chunks.MoveNextAsync());
        using var chunk = _chunks.Current;
        if (chunk.Rows is { } rows)
            for (var row = 0; row < rows.Length; row++) _pending.Add(_numberOf(rows, row));
        Ranges.Add(chunk.Range);
        if (!chunk.Range.IsAdvancing) return;
        _rows.AddRange(_pending);
        _pending.Clear();
        Position = chunk.Range.To;
    }

    public async ValueTask DisposeAsync()
    {
        await _chunks.DisposeAsync();
        await _source.DisposeAsync();
    }
}
