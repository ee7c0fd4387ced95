using Apache.Arrow;
using Pipeline.Core;
using Xunit;

namespace Pipeline.Testing;

/// <summary>
/// Takes chunks as the lake would: rows count only with the next advancing chunk of their split. Fails on a chunk that
/// does not start where the one before it ended, or whose rows lie outside its range.
/// </summary>
public sealed class SourceLedger(SourceFixture fixture)
{
    private readonly Dictionary<SplitId, long> _positions = [];
    private readonly Dictionary<SplitId, long> _durable = [];
    private readonly Dictionary<SplitId, List<(long Number, long Position)>> _pending = [];
    private readonly List<long> _rows = [];

    /// <summary>Numbers of the rows that would be durable.</summary>
    public IReadOnlyList<long> Rows => _rows;

    /// <summary>Rows of pieces that wait for an advancing chunk.</summary>
    public int PendingRows => _pending.Values.Sum(rows => rows.Count);

    /// <summary>States after each advancing chunk: what a reader may be restarted from.</summary>
    public List<Cut> Cuts { get; } = [];

    /// <summary>Where a lake with these rows would let the splits be read on.</summary>
    public IReadOnlyList<SplitPosition> ResumeAt(IEnumerable<Split> splits) => At(splits, _durable);

    public static IReadOnlyList<SplitPosition> At(IEnumerable<Split> splits, IReadOnlyDictionary<SplitId, long> positions) =>
        [.. splits.Select(split => new SplitPosition(split.Id, positions.TryGetValue(split.Id, out var position) ? position : null) { Identity = split.Identity })];

    public void Take(Chunk chunk)
    {
        Assert.Equal(fixture.Table, chunk.Table);
        Assert.True(chunk.Range.To >= chunk.Range.From, $"Chunk {chunk.Split} {chunk.Range} goes backwards.");
        if (_positions.TryGetValue(chunk.Split, out var expected))
            Assert.True(expected == chunk.Range.From, $"Chunk {chunk.Split} {chunk.Range} should start at {expected}.");
        if (chunk.RowCount > 0) Assert.True(chunk.Bytes > 0, $"Chunk {chunk.Split} {chunk.Range} has rows and says it holds no memory.");

        if (!_pending.TryGetValue(chunk.Split, out var pending)) _pending[chunk.Split] = pending = [];
        if (chunk.Rows is { } rows)
        {
            var positions = Assert.IsType<Int64Array>(rows.Column(BronzeColumns.Position));
            for (var row = 0; row < rows.Length; row++)
                pending.Add((fixture.NumberOf(rows, row), positions.GetValue(row)!.Value));
        }

        _positions[chunk.Split] = chunk.Range.To;
        if (!chunk.Range.IsAdvancing) return;

        foreach (var (number, position) in pending)
        {
            Assert.True(position >= chunk.Range.From && position < chunk.Range.To,
                $"Row {number} of {chunk.Split} is at {position}, outside of {chunk.Range}.");
            _rows.Add(number);
        }

        pending.Clear();
        _durable[chunk.Split] = chunk.Range.To;
        Cuts.Add(new Cut(new Dictionary<SplitId, long>(_durable), [.. _rows]));
    }
}

/// <summary>Where a reader stood after an advancing chunk, and the numbers of the rows it had then.</summary>
public sealed record Cut(IReadOnlyDictionary<SplitId, long> Positions, IReadOnlyList<long> Rows);
