using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>One captured change as text: op, the columns asked for, what the row carries, its position and sequence.</summary>
internal sealed record Change(string Table, string Op, string Values, string? Changed, long Position, long Sequence)
{
    public override string ToString() => $"{Op} {Values}";
}

/// <summary>A running capture; a change counts when its transaction is whole.</summary>
internal sealed class CaptureReading : IAsyncDisposable
{
    private readonly IAsyncEnumerator<Chunk> _chunks;
    private readonly List<Change> _pending = [];
    private readonly List<Change> _changes = [];

    private CaptureReading(PostgresSource source, SplitId slot, IAsyncEnumerator<Chunk> chunks)
    {
        Source = source;
        Slot = slot;
        _chunks = chunks;
    }

    public PostgresSource Source { get; }

    public SplitId Slot { get; }

    public IReadOnlyList<Change> Changes => _changes;

    public long? Position { get; private set; }

    /// <summary>What a lake would keep beside the position.</summary>
    public SplitMarks Marks { get; private set; }

    /// <summary>Chunks so far, and how many of them advanced behind changes.</summary>
    public (int All, int Advancing) Chunks { get; private set; }

    public static async ValueTask<CaptureReading> StartAsync(PostgresSourceOptions options, long? from, CancellationToken cancellationToken, LogLines? logs = null, ISourceOwner? owner = null, WaitWatch? waits = null, SplitMarks marks = default)
    {
        var source = TestDatabase.Open(options, logs, owner, waits);
        var splits = await source.ListSplitsAsync(source.Tables[0].Name, cancellationToken);
        foreach (var table in source.Tables) await source.DescribeAsync(table.Name, cancellationToken);
        return new CaptureReading(source, splits[0].Id, source.ReadAsync([new SplitPosition(splits[0].Id, from) { Marks = marks }], cancellationToken).GetAsyncEnumerator(cancellationToken));
    }

    public async ValueTask TakeAsync(int changes)
    {
        while (_changes.Count < changes) await TakeChunkAsync();
    }

    public async ValueTask TakeChunkAsync()
    {
        Assert.True(await _chunks.MoveNextAsync());
        using var chunk = _chunks.Current;
        if (chunk.Rows is { } rows)
            for (var row = 0; row < rows.Length; row++) _pending.Add(ChangeAt(chunk.Table, rows, row));
        Chunks = (Chunks.All + 1, Chunks.Advancing + (chunk.Range.IsAdvancing && _pending.Count > 0 ? 1 : 0));
        if (!chunk.Range.IsAdvancing) return;
        Assert.All(_pending, change => Assert.InRange(change.Position, chunk.Range.From, chunk.Range.To - 1));
        _changes.AddRange(_pending);
        _pending.Clear();
        (Position, Marks) = (chunk.Range.To, chunk.Marks);
    }

    /// <summary>Takes what comes until the reading fails.</summary>
    public Task<PipelineException> FailAsync() => Assert.ThrowsAsync<PipelineException>(async () =>
    {
        while (true) await TakeChunkAsync();
    });

    /// <summary>Tells the source that everything read is durable.</summary>
    public ValueTask AcknowledgeAsync(CancellationToken cancellationToken) => Source.AcknowledgeAsync(Slot, Position!.Value, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _chunks.DisposeAsync();
        await Source.DisposeAsync();
    }

    private static Change ChangeAt(string table, RecordBatch rows, int row)
    {
        string? Text(string column) => ArrowText.Of(rows.Column(column), row);
        var columns = rows.Schema.FieldsList.Select(field => field.Name).Where(name => name[0] != '_');
        return new Change(table, Text(BronzeColumns.Op)!, string.Join('|', columns.Select(column => Text(column) ?? "-")), Text("_changed"),
            long.Parse(Text(BronzeColumns.Position)!), long.Parse(Text("_sequence")!));
    }
}
