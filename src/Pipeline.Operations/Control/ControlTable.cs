using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta;

namespace Pipeline.Operations.Control;

/// <summary>
/// <c>gold/_pipeline_control</c>: what operators have said, one row a word, order or end of an order.
/// </summary>
internal sealed class ControlTable(Lake lake, TimeProvider time) : IDisposable
{
    public static readonly TableId Id = TableId.Gold("_pipeline_control");

    private readonly NumberedTable<ControlEntry> _table = new(lake, Id, ControlEntry.Form, "CONTROL", time);
    private volatile Added? _added;

    public void Dispose() => _table.Dispose();

    /// <summary>What stands there now.</summary>
    /// <exception cref="PipelineException">It cannot be read.</exception>
    public async Task<ControlState> ReadAsync(CancellationToken cancellationToken) => StateOf(await _table.ReadAsync(cancellationToken));

    /// <inheritdoc cref="NumberedTable{T}.AppendAsync"/>
    /// <param name="decide">Asked again when somebody else was faster; a null entry appends nothing.</param>
    public Task<T> AppendAsync<T>(Func<ControlState, CancellationToken, ValueTask<(T Decided, ControlEntry? Entry)>> decide, CancellationToken cancellationToken) =>
        _table.AppendAsync(async (read, cancel) =>
        {
            var (decided, entry) = await decide(StateOf(read), cancel);
            return (decided, entry is null ? [] : ImmutableArray.Create(entry));
        }, cancellationToken);

    /// <summary>Added up once, however often it is asked for.</summary>
    private ControlState StateOf(NumberedRows<ControlEntry> read)
    {
        if (_added is { } known && ReferenceEquals(known.Read, read)) return known.State;
        var added = new Added(read, read.Rows.Aggregate(ControlState.None, (state, entry) => entry.AddTo(state)) with { Identity = read.Identity, Number = read.Number });
        _added = added;
        return added.State;
    }

    private sealed record Added(NumberedRows<ControlEntry> Read, ControlState State);
}
